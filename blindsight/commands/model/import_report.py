"""What an import did, for people; and the bound below which it is refused."""

import typer
from rich.markup import escape
from rich.table import Table

from blindsight.command_line.facts import print_facts
from blindsight.command_line.output import console
from common.errors import NetworkError
from compiler.onnx.fitting import DEGREES
from compiler.onnx.importing import ImportReport


def print_report(report: ImportReport) -> None:
    """Activations as a table on standard error, the figures on standard output."""
    if report.activations:
        table = Table("activation", "operators", "degree", "rms error", "of its spread", title="fitted activations")
        for each in report.activations:
            row = (
                escape(each.node),
                each.kind,
                str(each.degree),
                f"{each.rms_error:.3g}",
                f"{each.relative_error:.1%}",
            )
            table.add_row(*row)
        console.print(table)
    height, width, channels = report.frame_shape
    facts = {
        "model": report.model,
        "frames taken": f"{height}×{width}, {channels} channel{'s' if channels > 1 else ''}",
        "labels": ", ".join(report.labels),
        "layers": ", ".join(report.layers),
        "squarings in sequence": _squarings(report),
        "calibration frames": f"{report.frames:,}",
        "accuracy, original": _share(report.original_accuracy),
        "accuracy, imported": _share(report.imported_accuracy),
        "labels that agree": f"{report.agreement:.2%}",
    }
    if report.fitted_agreement is not None:
        facts["accuracy, before fine-tuning"] = _share(report.fitted_accuracy)
        facts["labels that agreed before"] = f"{report.fitted_agreement:.2%}"
    print_facts(facts)
    if report.softmax_left_out:
        typer.echo("the Softmax at the end is left out: the largest score stays the largest")


def require_agreement(report: ImportReport, least: float | None) -> None:
    """Raises `NetworkError` where too few calibration frames keep their label."""
    if least is not None and report.agreement < least:
        fix = f"try --degree {DEGREES[-1]}, or train" if report.degree != DEGREES[-1] else "train"
        raise NetworkError(
            f"{report.agreement:.2%} of the labels agree, min-agreement is {least:.2%}; nothing was written. "
            f"More frames help a fit; else {fix} with activations a·x² + b·x + c"
        )


def _share(accuracy: float | None) -> str:
    return "unknown" if accuracy is None else f"{accuracy:.2%}"


def _squarings(report: ImportReport) -> str:
    if not report.activations:
        return f"{report.squarings} (nothing was fitted)"
    others = [
        f"{count} with --degree {degree}"
        for degree, count in report.squarings_by_degree.items()
        if int(degree) != report.degree
    ]
    return f"{report.squarings} ({', '.join(others)}); each takes a level"
