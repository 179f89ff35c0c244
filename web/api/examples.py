"""Examples of answers, for the OpenAPI document."""

from typing import Any

from pydantic import TypeAdapter

from web.api.shapes import Items
from web.site import (
    AlarmView,
    Bucket,
    DeadLetterView,
    DeviceView,
    LabelPlot,
    LabelView,
    ReadingPlot,
    ReadingPoint,
    ReadingView,
)

_AT, _JOB = 1_790_000_040.0, "1790000040000-9f2c61d07a3b4e58"
_LABEL = LabelView("hall", _JOB, 4711, "cat", _AT, _AT + 1.4)
_READING = ReadingView("meter", "water", _JOB, _AT, _AT + 1.4, "good", "1423.516", "m³", 0.991)
_HASH = "4f6101042b157c063a6a226f0d69721a5dc368b42425e0e05d3f9d1a31295eaf"
_DEVICE = DeviceView("hall", True, _AT - 3600, _LABEL, (), (0,) * 59 + (1,), 4712, 4711, 1, 0, 0, model="scenes")
_LETTER = DeadLetterView(
    "hall", _JOB, 4711, (_AT,), "deadline", "no answer in time", _AT + 600, 5, 0, _HASH, _HASH, 135_482
)


def _answer(value: Any) -> dict[int | str, dict[str, Any]]:
    shown = TypeAdapter(type(value)).dump_python(value, mode="json", serialize_as_any=True)
    return {200: {"content": {"application/json": {"example": shown}}}}


DEVICE = _answer(_DEVICE)
DEVICES = _answer(Items[DeviceView](items=[_DEVICE]))
LABELS = _answer(Items[LabelView](items=[_LABEL]))
READINGS = _answer(Items[ReadingView](items=[_READING]))
ALARMS = _answer(Items[AlarmView](items=[AlarmView("hall", _JOB, 4711, "7", "1", "worker-a", _AT)]))
DEAD_LETTERS = _answer(Items[DeadLetterView](items=[_LETTER]))
LABEL_PLOT = _answer(LabelPlot(60.0, ("cat", "dog"), (Bucket(_AT, {"cat": 3, "dog": 1}),)))
READING_PLOT = _answer(ReadingPlot(3600.0, "water", "m³", (ReadingPoint(_AT, 1423.516, {"good": 59}),)))
