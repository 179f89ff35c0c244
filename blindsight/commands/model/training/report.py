"""What a training on own pictures reached, for people."""

from rich.markup import escape
from rich.table import Table

from blindsight.command_line.facts import print_facts
from blindsight.command_line.output import console
from models.training.own.report import TrainingReport

#: Mistakes that are printed; report.json has more.
_MOST_MISTAKES = 10


def print_report(report: TrainingReport) -> None:
    """Accuracy by class as a table on standard error, the figures on standard output."""
    table = Table("class", "learned", "tested", "right", "taken for it", title="pictures that weren't learned from")
    for each in report.classes:
        accuracy = "none to test" if each.accuracy is None else f"{each.right} ({each.accuracy:.1%})"
        table.add_row(escape(each.label), str(each.learned), str(each.tested), accuracy, str(each.named))
    console.print(table)
    for mistake in report.mistakes[:_MOST_MISTAKES]:
        line = f"{mistake.file} is {mistake.label}, and was read as {mistake.read_as}"
        console.print(line, markup=False, soft_wrap=True)
    if len(report.mistakes) > _MOST_MISTAKES:
        console.print(f"and {len(report.mistakes) - _MOST_MISTAKES} more mistakes, in report.json")
    height, width, channels = report.frame_shape
    samples = report.accuracy_on_samples
    facts = {
        "model": report.model,
        "frames taken": f"{height}×{width}, {channels} channel{'s' if channels > 1 else ''}",
        "pictures": ", ".join(f"{count:,} {part}" for part, count in report.pictures.items()),
        "accuracy": f"{report.accuracy:.2%} of the test",
        "accuracy before": None if report.accuracy_before is None else f"{report.accuracy_before:.2%}, {report.source}",
        "samples of the source": None if samples is None else f"{samples[0]:.2%} right before, {samples[1]:.2%} now",
    }
    print_facts(facts)
