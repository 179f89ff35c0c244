"""What an import did, for people; and the bound below which it is refused."""

import typer
from rich.markup import escape
from rich.table import Table

from blindsight.command_line.facts import print_facts
from blindsight.command_line.output import console
from blindsight.commands.model.importing.plan import Compiled
from common.errors import ConfigurationError, NetworkError
from compiler.onnx.fits.fitting import DEGREES
from compiler.onnx.importing import LEAST_AGREEMENT, ImportReport
from compiler.onnx.options import LABELS, ImportOptions


def print_report(report: ImportReport, compiled: Compiled) -> None:
    """Activations as a table on standard error, the figures on standard output; what is wrong as warnings."""
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
    facts: dict[str, str | None] = {
        "model": report.model,
        "frames taken": f"{height}×{width}, {channels} channel{'s' if channels > 1 else ''}",
        "labels": ", ".join(report.labels),
        "threshold": None if report.threshold is None else f"{report.labels[1]} above {report.threshold:g}",
        "layers": ", ".join(report.layers),
        "squarings in sequence": _squarings(report),
        "calibration frames": f"{report.frames:,}" + (f", {report.held_out:,} held out" if report.held_out else ""),
        "accuracy, original": _share(report.original_accuracy),
        "accuracy, imported": _share(report.imported_accuracy) + _before(report.fitted_accuracy),
        **_difference(report),
        **compiled.lines(),
    }
    print_facts(facts)
    if report.values_error is None and report.agreement < LEAST_AGREEMENT:
        _warn(f"only {report.agreement:.2%} of the labels agree. What helps: {_what_helps(report)}")
    if compiled.refusal is not None:
        _warn(f"there is no plan for it as it is: {compiled.refusal}")
    if report.threshold_assumed:
        _warn(
            f"the output is one number of no known range. It was taken for the score of two labels, {report.labels[1]} "
            f"above {report.threshold:g} and {report.labels[0]} below: --threshold moves that, and --output values "
            "keeps the number, as of a regression"
        )
    if report.left_out:
        typer.echo(f"left out at the end, since the largest score stays the largest: {', '.join(report.left_out)}")
    if report.rounding_left_out:
        typer.echo("left out: the rounding of the quantised network, which ciphertexts can't do")


def agrees(report: ImportReport, least: float | None) -> bool:
    """Whether as many of the held-out frames keep their label as was asked for."""
    return least is None or report.agreement >= least


def check_agreement(options: ImportOptions, least: float | None) -> None:
    """Raises `ConfigurationError` where a share of labels is asked for, but no labels are."""
    if least is not None and options.output != LABELS:
        raise ConfigurationError(f"min-agreement is for labels, but output is {options.output}; leave it out")


def require_agreement(report: ImportReport, least: float | None) -> None:
    """Raises `NetworkError` where fewer of the held-out frames keep their label than were asked for."""
    if least is not None and not agrees(report, least):
        raise NetworkError(
            f"{report.agreement:.2%} of the labels agree, min-agreement is {least:.2%}; nothing was written. "
            f"What helps: {_what_helps(report)}"
        )


def _difference(report: ImportReport) -> dict[str, str]:
    if report.values_error is not None:
        return {"error of values": f"{report.values_error:.2%} of their spread"}
    return {"labels that agree": _agreement(report)}


def _what_helps(report: ImportReport) -> str:
    advice = ["more calibration frames, of all that the network will see"]
    if report.degree != DEGREES[-1]:
        advice.append(f"--degree {DEGREES[-1]}")
    if report.lines:
        advice.append(f"--linearise {len(report.lines) - 1}")
    if report.fitted_agreement is None:
        advice.append("--finetune 10, with PyTorch")
    return "; ".join([*advice, "fewer activations, or training with activations a·x² + b·x + c"])


def _warn(text: str) -> None:
    console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def _agreement(report: ImportReport) -> str:
    if not report.held_out:
        return f"{report.agreement:.2%}" + _before(report.fitted_agreement)
    seen = f"{report.agreement_seen:.2%} of the others"
    return f"{report.agreement:.2%} of those held out{_before(report.fitted_agreement)}, {seen}"


def _before(share: float | None) -> str:
    """What fine-tuning began with, of the same frames."""
    return "" if share is None else f" ({share:.2%} before fine-tuning)"


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
