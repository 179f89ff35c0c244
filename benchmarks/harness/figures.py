"""From measured rounds to figures: medians, ratios, bars, and the Markdown table. Measures nothing itself."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.table import Table

Figures = dict[str, Any]

#: Largest modulus, in bits, by level and ring dimension: Albrecht et al., "Homomorphic Encryption Standard" (2018),
#: table 1, ternary secret, classical attacks. Peers go by it. Our own bounds are stricter (`common.ckks.parameters`).
_STANDARD = {
    128: {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881},
    192: {1024: 19, 2048: 37, 4096: 75, 8192: 152, 16384: 305, 32768: 611},
    256: {1024: 14, 2048: 29, 4096: 58, 8192: 118, 16384: 237, 32768: 476},
}

#: The columns before and behind those of Blindsight's engines.
_FIRST = ("network", "in", "ms a frame", "ratio")
_LAST = (
    "keys, MB",
    "up, KB",
    "down, KB",
    "largest error of a score",
    "labels as in plain",
    "N",
    "modulus, bits",
    "security, bits, by the Standard of 2018",
)


def security_bits(ring_dimension: int, modulus_bits: int) -> int | None:
    """The highest level of the Homomorphic Encryption Standard that parameters reach, if any."""
    reached = [level for level, bounds in _STANDARD.items() if modulus_bits <= bounds.get(ring_dimension, 0)]
    return max(reached, default=None)


def summarise(name: str, facts: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]]) -> Figures:
    """One contestant: its facts, medians of its rounds' times, and the worst error of all frames."""
    figures: Figures = {
        "name": name,
        **facts,
        "security_bits": security_bits(facts["ring_dimension"], facts["modulus_bits"]),
        "ms": median(each["ms"] for each in rounds),
        "round_ms": [each["ms"] for each in rounds],
        "max_score_error": max(each["max_score_error"] for each in rounds),
        "agreement": sum(each["agreement"] for each in rounds) / len(rounds),
    }
    if all("rotation_ms" in each for each in rounds):
        figures["rotation_ms"] = median(each["rotation_ms"] for each in rounds)
        figures["ms_in_rotations"] = median(each["ms"] / each["rotation_ms"] for each in rounds)
    if all("rotations_time" in each for each in rounds):
        engines = rounds[0]["rotations_time"]
        figures["rotations_time"] = {
            engine: median(each["rotations_time"][engine] for each in rounds) for engine in engines
        }
    if all("cores" in each for each in rounds):
        figures["most_cores"] = max(each["cores"] for each in rounds)
    return figures


def ratio(peer: Figures | None, ours: Figures) -> float | None:
    """How many times as long the peer takes: the median over rounds, each compared with the one beside it."""
    if peer is None or "round_ms" not in peer:
        return None
    return float(median(theirs / own for theirs, own in zip(peer["round_ms"], ours["round_ms"], strict=True)))


def judge(values: Mapping[str, Any], bars: Mapping[str, float], least: Sequence[str] = ()) -> list[Figures]:
    """The bars next to what was measured: at most so much, or at least for the names in `least`.

    What wasn't measured is neither met nor missed.
    """
    judged = []
    for name, limit in bars.items():
        value = values.get(name)
        met = None if value is None else (value >= limit if name in least else value <= limit)
        judged.append({"name": name, "value": value, "limit": limit, "least": name in least, "met": met})
    return judged


def bars_table(measured: Sequence[Figures]) -> Table:
    """The judged `bars` of each, under its `id`, for the terminal."""
    table = Table("network", "figure", "measured", "bar", "")
    for figures in measured:
        for bar in figures["bars"]:
            value = "not measured" if bar["value"] is None else f"{bar['value']:,.4g}"
            met = {True: "met", False: "missed", None: ""}[bar["met"]]
            limit = f"{'≥' if bar['least'] else '≤'} {bar['limit']:,}"
            table.add_row(f"({figures['id']})", bar["name"].replace("_", " "), value, limit, met)
    return table


def markdown(report: Figures) -> str:
    """The table and what must be known to read it."""
    engines = list(dict.fromkeys(name for each in report["comparisons"] for name in _by_engine(each["blindsight"])))
    header = [*_FIRST, *(f"in rotations' time, {engine}" for engine in engines), *_LAST]
    lines = [row(header), row(["---"] * len(header))]
    for comparison in report["comparisons"]:
        rows = [figures for figures in (comparison["peer"], comparison["blindsight"]) if figures]
        for index, figures in enumerate(rows):
            network = f"({comparison['id']}) {comparison['layers']}" if index == 0 else ""
            is_ours = figures is comparison["blindsight"]
            lines.append(row([network, *_cells(figures, comparison["ratio"] if is_ours else None, engines)]))
    lines += ["", *_notes(report), ""]
    return "\n".join(lines)


def _by_engine(figures: Figures) -> dict[str, float]:
    """A frame's time in rotations' for each path of the native engine, and for Pyfhel."""
    by_engine: dict[str, float] = figures.get("rotations_time", {})
    return by_engine


def _cells(figures: Figures, times: float | None, engines: Sequence[str]) -> list[str]:
    if "not_measured" in figures:
        rest = len(_FIRST) + len(engines) + len(_LAST) - 3
        return [figures["name"], f"not measured: {figures['not_measured']}", *[""] * rest]
    by_engine = _by_engine(figures)
    ms = f"{figures['ms']:,.{0 if figures['ms'] >= 20 else 1}f}"
    return [
        f"{figures['name']} {figures['version']}",
        f"**{ms}**" if times else ms,
        f"**{times:.1f}×**" if times else "",
        *(f"{by_engine[engine]:.2f}" if engine in by_engine else "" for engine in engines),
        f"{figures['key_bytes'] / 1e6:.1f}",
        f"{figures['uplink_bytes'] / 1e3:,.0f}",
        f"{figures['downlink_bytes'] / 1e3:,.0f}",
        f"{figures['max_score_error']:.3f}",
        f"{figures['agreement']:.0%}",
        str(figures["ring_dimension"]),
        str(figures["modulus_bits"]),
        str(figures["security_bits"] or "below 128"),
    ]


def _notes(report: Figures) -> list[str]:
    run = report["run"]
    notes = [
        f"One thread each, {run['rounds']} rounds in turns, medians of processor time; {run['frames']} frames a round, "
        f"a peer {run['peer_frames']}. {run['machine']}. The ratio is the median over rounds. Scores are at most 2 in "
        "size. Blindsight is timed from bytes to bytes, the peers without reading and writing ciphertexts.",
        "Milliseconds and ratio are those of the first engine that the machine has. A rotation is one of SEAL's at "
        "N = 8192 with 3 data primes, measured between the frames.",
    ]
    notes += [note for comparison in report["comparisons"] for note in comparison["notes"]]
    return [f"{note}\n" for note in notes]


def row(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
