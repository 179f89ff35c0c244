"""The table of docs/paper.md, from results/paper.json."""

from collections.abc import Mapping

from benchmarks.contestant import ROOT
from benchmarks.figures import Figures, row

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
    "N",
    "rotations",
)


def markdown(report: Figures) -> str:
    """The table, and what was measured how."""
    lines = [row(_HEADER), row(["---"] * len(_HEADER))]
    lines += [row(_cells(figures)) for figures in report["rows"]]
    idle = [figures[part]["idle_bytes"] for figures in report["rows"] for part in ("evaluation", "decryption")]
    lines += [
        "",
        f"Medians and shares over {report['frames']} frames, one thread, {report['weights']} weights. "
        f"{report['machine']}. Every row's evaluation and decryption ran in a fresh process each; one that has loaded "
        f"Python, NumPy and Pyfhel and done nothing yet takes {min(idle) / 1e6:.1f} to {max(idle) / 1e6:.1f} MB, which "
        "the peaks include.",
        "",
        "![Time and memory next to the ends of the paper's ranges](../benchmarks/results/paper.svg)",
    ]
    return "\n".join(lines)


def insert(report: Figures) -> str:
    """Put the table into the document, and return it. What stood there is replaced."""
    text, table = DOCUMENT.read_text(encoding="utf-8"), markdown(report)
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}", encoding="utf-8")
    return table


def _cells(figures: Figures) -> list[str]:
    evaluation, decryption = figures["evaluation"], figures["decryption"]
    measured = [
        time(evaluation["ms"]),
        f"{evaluation['peak_bytes'] / 1e6:.1f} MB",
        time(decryption["ms"]),
        f"{decryption['peak_bytes'] / 1e6:.1f} MB",
    ]
    paper = _PAPER.get((figures["configuration"], figures["security_bits"]), ("",) * len(measured))
    return [
        figures["configuration"],
        str(figures["security_bits"]),
        *(cell for pair in zip(measured, paper, strict=True) for cell in pair),
        f"{figures['plain_accuracy']:.1%}",
        f"{figures['encrypted_accuracy']:.1%}",
        f"{figures['agreement']:.1%}",
        str(figures["ring_dimension"]),
        str(figures["rotations"]),
    ]


def time(ms: float) -> str:
    """A time in the unit that suits it."""
    return f"{ms / 1000:.2f} s" if ms >= 1000 else f"{ms:.{0 if ms >= 20 else 1}f} ms"
