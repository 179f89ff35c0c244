// Four corners, clockwise from the top left: what can be said of them, and how they move together.

/** Whether corners go clockwise and bend outwards everywhere, as a region's have to. */
export function isProper(corners) {
  return corners.every((corner, at) => {
    const [x1, y1] = corners[(at + 1) % 4];
    const [x2, y2] = corners[(at + 2) % 4];
    return (x1 - corner[0]) * (y2 - y1) - (y1 - corner[1]) * (x2 - x1) > 0;
  });
}

/** A point within a picture of [width, height], to a tenth of a pixel. */
export function within([x, y], [width, height]) {
  const keep = (value, most) => Math.round(10 * Math.min(Math.max(value, 0), most)) / 10;
  return [keep(x, width), keep(y, height)];
}

/** The length of the shortest side. */
export function shortestSide(corners) {
  return Math.min(...corners.map(([x, y], at) => Math.hypot(corners[(at + 1) % 4][0] - x, corners[(at + 1) % 4][1] - y)));
}

/** The box [left, top, right, bottom] around points. */
export function boxAround(points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The outer corners of regions that stand in a row. */
export function rowAround(quads) {
  const last = quads[quads.length - 1];
  return [quads[0][0], last[1], last[2], quads[0][3]];
}

/**
 * The projective map that takes four points to four others, as a function of a point; null where there is none.
 *
 * The usual eight linear equations in the eight unknowns of the matrix whose last element is 1.
 */
export function projection(from, to) {
  const rows = from.flatMap(([x, y], at) => {
    const [u, v] = to[at];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ];
  });
  const h = solve(rows);
  if (h === null) return null;
  return ([x, y]) => {
    const depth = h[6] * x + h[7] * y + 1;
    return [(h[0] * x + h[1] * y + h[2]) / depth, (h[3] * x + h[4] * y + h[5]) / depth];
  };
}

/** Solve equations, each the coefficients and then the right side, by elimination; null where they have no one solution. */
function solve(rows) {
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column; row < size; row++) if (Math.abs(rows[row][column]) > Math.abs(rows[pivot][column])) pivot = row;
    if (Math.abs(rows[pivot][column]) < 1e-9) return null;
    [rows[column], rows[pivot]] = [rows[pivot], rows[column]];
    rows[column] = rows[column].map((value) => value / rows[column][column]);
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row][column];
      rows[row] = rows[row].map((value, at) => value - factor * rows[column][at]);
    }
  }
  return rows.map((row) => row[size]);
}

const UNIT = [[0, 0], [1, 0], [1, 1], [0, 1]];

/** A row's corners cut into `number` regions, side by side, with gaps of this share of a region's width between them. */
export function divide(row, number, share) {
  const toPicture = projection(UNIT, row);
  const width = 1 / (number + (number - 1) * share);
  return Array.from({ length: number }, (_, at) => {
    const left = at * width * (1 + share);
    return [[left, 0], [left + width, 0], [left + width, 1], [left, 1]].map(toPicture);
  });
}

/** The gap between regions in a row, as a share of a region's width. */
export function gapShare(quads) {
  const row = rowAround(quads);
  if (quads.length < 2 || !isProper(row)) return 0.15;
  const toUnit = projection(row, UNIT);
  const width = quads.reduce((sum, quad) => sum + toUnit(quad[1])[0] - toUnit(quad[0])[0], 0) / quads.length;
  return Math.min(Math.max((1 - quads.length * width) / (quads.length - 1) / width, 0), 2);
}
