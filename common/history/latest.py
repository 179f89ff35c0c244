"""What a card shows of a device: its last label and readings, and its labels in each of the last minutes."""

import json
import sqlite3
from collections.abc import Sequence

from common.history.pages import LABELS, READINGS
from common.history.views import LabelView, ReadingView

#: Minutes of a spark.
SPARK_MINUTES = 60

#: The devices of a list of names.
_NAMED = "SELECT id FROM devices WHERE name IN (SELECT value FROM json_each(?))"
#: The last reading of each kind of each of those devices. Each step looks up a device's next kind in an index, and
#: passes over all readings between.
_LAST_READINGS = f"""
    WITH RECURSIVE pairs (device, kind) AS (
        SELECT id, (SELECT min(kind) FROM readings WHERE device = devices.id) FROM ({_NAMED}) AS devices
        UNION ALL
        SELECT device, (SELECT min(kind) FROM readings WHERE device = pairs.device AND kind > pairs.kind)
        FROM pairs WHERE kind IS NOT NULL
    )
    SELECT (SELECT id FROM readings WHERE device = pairs.device AND kind = pairs.kind ORDER BY at DESC, id DESC LIMIT 1)
    FROM pairs WHERE kind IS NOT NULL"""


def devices(db: sqlite3.Connection) -> list[str]:
    """The devices that have a label or reading, in order of their names."""
    return [name for (name,) in db.execute("SELECT name FROM devices ORDER BY name")]


def last_labels(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, LabelView]:
    """The last label of each of these devices that has one."""
    last = "SELECT id FROM labels WHERE device = named.id ORDER BY at DESC, id DESC LIMIT 1"
    query = f"{LABELS.query()}WHERE labels.id IN (SELECT ({last}) FROM ({_NAMED}) AS named)"
    views = (LABELS.view(*values) for _, _, *values in db.execute(query, (json.dumps(names),)))
    return {view.device: view for view in views}


def last_readings(db: sqlite3.Connection, names: Sequence[str]) -> dict[str, tuple[ReadingView, ...]]:
    """The last reading of each name, in order of the names, of each of these devices that has one."""
    query = f"{READINGS.query()}WHERE readings.id IN ({_LAST_READINGS}) ORDER BY readings.at, readings.id"
    found: dict[str, dict[str, ReadingView]] = {}
    for _, _, *values in db.execute(query, (json.dumps(names),)):
        view = READINGS.view(*values)
        found.setdefault(view.device, {})[view.name] = view  # those of other states came before
    return {device: tuple(by_name[name] for name in sorted(by_name)) for device, by_name in found.items()}


def sparks(db: sqlite3.Connection, names: Sequence[str], now: float) -> dict[str, tuple[int, ...]]:
    """The labels in each of the 60 minutes before a time (epoch, s), the oldest first, of each of these devices."""
    start = now - SPARK_MINUTES * 60
    query = (
        "SELECT devices.name, at FROM devices CROSS JOIN labels ON labels.device = devices.id "
        f"WHERE devices.id IN ({_NAMED}) AND at >= ? AND at < ?"
    )
    found = {name: [0] * SPARK_MINUTES for name in names}
    for name, at in db.execute(query, (json.dumps(names), start, now)):  # SQLite would sort them on disk first
        found[name][min(int((at - start) // 60), SPARK_MINUTES - 1)] += 1
    return {name: tuple(minutes) for name, minutes in found.items()}
