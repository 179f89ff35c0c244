"""The tables of docs/paper.md, from results/paper.json."""

from collections.abc import Mapping

from benchmarks.harness.contestant import ROOT
from benchmarks.harness.figures import Figures, row

DOCUMENT = ROOT / "docs" / "paper.md"
#: What stands between these lines is written by `make paper`.
_BEGIN, _END = "<!-- make paper: begin -->", "<!-- make paper: end -->"

#: The ends of the ranges that the paper gives, taken to be those of its cheapest and its dearest configuration.
_PAPER: Mapping[tuple[str, int], tuple[str, str, str, str]] = {
    ("last layer", 128): ("2.1 s", "53.9 MB", "0.1 s", "17.8 MB"),
    ("full, x² + 2x", 256): ("1 h 33 min", "almost 5 GB", "3.2 s", "2,062.5 MB"),
}
_HEADER = (
    "encrypted",
    "security, bits",
    "classification",
    "the paper's",
    "peak memory",
    "the paper's",
    "decryption",
    "the paper's",
    "peak memory",
    "the paper's",
    "accuracy, plain",
    "encrypted",
    "labels as in plain",
)
_COST_HEADER = (
    "encrypted",
    "security, bits",
    "sealed",
    "plain weights",
    "ratio",
    "peak memory, sealed",
    "plain weights",
    "sealed model",
    "plain plan",
    "keys, sealed",
    "plain weights",
    "N, sealed",
    "plain weights",
    "rotations, sealed",
    "plain weights",
)


def markdown(report: Figures) -> str:
    """The paper's figures beside ours, what sealing costs, and what was measured how."""
    rows: list[Figures] = report["rows"]
    idle = [figures["sealed"][part]["idle_bytes"] for figures in rows for part in ("evaluation", "decryption")]
    encrypted = max(figures["frames"] for figures in rows)
    lines = [
        *_table(_HEADER, [_cells(figures) for figures in rows]),
        f"Weights are encrypted. Times are medians over {encrypted} frames, one thread. Accuracy in plain is on "
        f"{report['frames']:,} frames, encrypted on those {encrypted}. {report['machine']}. Every row's classification "
        "and decryption ran in a fresh process each; one that has loaded Python, NumPy and Pyfhel and done nothing yet "
        f"takes {min(idle) / 1e6:.1f} to {max(idle) / 1e6:.1f} MB, which the peaks include.",
        "",
        "![Time and memory next to the ends of the paper's ranges](../benchmarks/results/paper.svg)",
        "",
        "What sealing costs, next to the same networks with plain weights in the same run, frame by frame in turns:",
        "",
        *_table(_COST_HEADER, [_cost_cells(figures) for figures in rows]),
    ]
    return "\n".join(lines).rstrip()


def insert(report: Figures) -> str:
    """Put the tables into the document, and return them. What stood there is replaced."""
    text, tables = DOCUMENT.read_text(encoding="utf-8"), markdown(report)
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{tables}\n\n{_END}{after}", encoding="utf-8")
    return tables


def _table(header: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    return [row(header), row(["---"] * len(header)), *map(row, rows), ""]


def _cells(figures: Figures) -> list[str]:
    sealed = figures["sealed"]
    measured = [
        text
        for part in (sealed["evaluation"], sealed["decryption"])
        for text in (time(part["ms"]), size(part["peak_bytes"]))
    ]
    paper = _PAPER.get((figures["name"], figures["security_bits"]), ("",) * len(measured))
    return [
        figures["name"],
        str(figures["security_bits"]),
        *(cell for pair in zip(measured, paper, strict=True) for cell in pair),
        f"{figures['plain_accuracy']:.2%}",
        f"{sealed['accuracy']:.1%}",
        f"{sealed['agreement']:.1%}",
    ]


def _cost_cells(figures: Figures) -> list[str]:
    forms = (figures["sealed"], figures["plain"])
    return [
        figures["name"],
        str(figures["security_bits"]),
        *(time(form["evaluation"]["ms"]) for form in forms),
        f"{figures['ratio']:.1f}×",
        *(size(form["evaluation"]["peak_bytes"]) for form in forms),
        *(size(form["plan_bytes"]) for form in forms),
        *(size(form["key_bytes"]) for form in forms),
        *(str(form["ring_dimension"]) for form in forms),
        *(str(form["rotations"]) for form in forms),
    ]


def time(ms: float) -> str:
    """A time in the unit that suits it."""
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.{0 if ms >= 20 else 1}f} ms"


def size(count: int) -> str:
    """A number of bytes in the unit that suits it."""
    if count >= 1e6:
        return f"{count / 1e6:,.1f} MB"
    return f"{count / 1e3:,.0f} kB" if count >= 1e3 else f"{count} bytes"
