"""What the events of a run come to, as arrays that grow. NumPy only: events are digested in one thread and kept in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_RATE_OVER = 1.0  # seconds of computing that a rate is taken over, at least


class Table:
    """Rows under named columns, NaN where a row does not tell. Rows are sorted by 'step'; they are added at the end or cut off there."""

    def __init__(self) -> None:
        self._columns: dict[str, Floats] = {}
        self._rows = 0
        self.cuts = 0  # changes where rows were taken away: who followed the rows must begin again

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Floats:
        """(rows,) a view; all NaN where there is no such column."""
        column = self._columns.get(name)
        return np.full(self._rows, np.nan) if column is None else column[: self._rows]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def append(self, columns: Mapping[str, ArrayLike]) -> None:
        """Add rows: arrays of one length, by column."""
        start = self._rows
        end = start + len(np.atleast_1d(np.asarray(next(iter(columns.values())))))
        for name in columns:
            if name not in self._columns:
                self._columns[name] = np.full(max(end, 64), np.nan)
        for name, column in self._columns.items():
            if len(column) < end:
                grown = np.full(2 * end, np.nan)  # a new array: views handed out before stay as they are
                grown[:start] = column[:start]
                self._columns[name] = column = grown
            column[start:end] = columns.get(name, np.nan)
        self._rows = end

    def cut(self, step: float) -> None:
        """Drop the rows of later steps."""
        rows = int(np.searchsorted(self["step"], step, side="right")) if self._rows else 0
        if rows < self._rows:
            # The rows that follow are written into arrays of their own, for the sake of views handed out before.
            self._columns = {name: column[:rows].copy() for name, column in self._columns.items()}
            self._rows = rows
            self.cuts += 1


@dataclass(frozen=True)
class Rows:
    """Rows for the metrics or the evaluations."""

    table: str  # 'metrics', 'evaluations' or 'machine'
    columns: dict[str, Floats]


@dataclass(frozen=True)
class Cut:
    """A trainer went on from this step: what was told of later ones is computed again."""

    step: int


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step: started, saved, paused, resumed, warning, failed, finished."""

    kind: str
    step: int
    time: float
    text: str = ""


Part = Rows | Cut | Mark


def digest(entries: Iterable[Mapping[str, Any]]) -> list[Part]:
    """Events (trainer/events.py) as parts for a RunLog, in their order. Values that are no numbers become NaN."""
    parts: list[Part] = []
    pending: dict[str, list[dict[str, float]]] = {"metrics": [], "evaluations": [], "machine": []}

    def flush() -> None:
        for table, rows in pending.items():
            if rows:
                names = dict.fromkeys(name for row in rows for name in row)
                parts.append(Rows(table, {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}))
                rows.clear()

    for entry in entries:
        kind, step, time = entry["type"], entry.get("step"), _number(entry.get("time"))
        if not isinstance(step, int):
            continue
        if kind == "metrics":
            row = {name: _number(entry.get(name)) for name in ("step", "time", "seconds", "examples", "phase")}
            row |= {name: _number(value) for name, value in _mapping(entry.get("values")).items()}
            pending["metrics"].append(row)
        elif kind == "evaluation":
            pending["evaluations"].append(_evaluation_row(entry))
        elif kind == "machine":
            row = {name: _number(entry.get(name)) for name in ("step", "time")}
            pending["machine"].append(row | {name: _number(value) for name, value in _mapping(entry.get("values")).items()})
        else:
            flush()
            if kind == "started":
                parts.append(Cut(step))
            words = entry.get("message") or entry.get("reason") or entry.get("checkpoint") or ""
            parts.append(Mark(kind, step, time, str(words)))
    flush()
    return parts


def _evaluation_row(entry: Mapping[str, Any]) -> dict[str, float]:
    """Means over the sets as `exact_accuracy`, `accuracy`, `low`, `high`; each set's own figures as 'exact/NAME', 'low/NAME' …

    The interval of the mean is Newcombe's square-and-add of the sets' own intervals.
    """
    row = {name: _number(entry.get(name)) for name in ("step", "time", "seconds")}
    row |= {name: _number(value) for name, value in _mapping(entry.get("values")).items()}
    below, above, segments, count = 0.0, 0.0, 0.0, 0
    for name, found in _mapping(entry.get("sets")).items():
        figures = {key: _number(value) for key, value in _mapping(found).items() if not isinstance(value, list)}
        row |= {f"{key}/{name}": figures.get(key, np.nan) for key in ("exact", "low", "high", "cells", "mean_segments")}
        exact = figures.get("exact", np.nan)
        below += (exact - figures.get("low", np.nan)) ** 2
        above += (figures.get("high", np.nan) - exact) ** 2
        segments += figures.get("mean_segments", np.nan)
        count += 1
    if count:
        mean = row.get("exact_accuracy", np.nan)
        row |= {"low": mean - below**0.5 / count, "high": mean + above**0.5 / count, "mean_segments": segments / count}
    return row


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass
class RunLog:
    """All that a run has told so far."""

    metrics: Table = field(default_factory=Table)
    evaluations: Table = field(default_factory=Table)
    machine: Table = field(default_factory=Table)  # what the trainer measured of its machine
    marks: list[Mark] = field(default_factory=list)

    def apply(self, parts: Iterable[Part]) -> None:
        """Take in what `digest` made."""
        for part in parts:
            if isinstance(part, Cut):
                for table in (self.metrics, self.evaluations, self.machine):
                    table.cut(part.step)
                self.marks = [mark for mark in self.marks if mark.step <= part.step]
            elif isinstance(part, Mark):
                self.marks.append(part)
            elif part.table == "metrics":
                self._append_metrics(part.columns)
            else:
                (self.machine if part.table == "machine" else self.evaluations).append(part.columns)

    def _append_metrics(self, columns: dict[str, Floats]) -> None:
        """With the rate of examples, where the trainer does not tell it."""
        table, start = self.metrics, len(self.metrics)
        if "examples_per_second" in columns or not {"seconds", "examples"} <= columns.keys():
            table.append(columns)
            return
        seconds = np.append(table["seconds"], columns["seconds"])
        examples = np.append(table["examples"], columns["examples"])
        before = np.maximum(np.searchsorted(seconds, seconds[start:] - _RATE_OVER, side="right") - 1, 0)
        took = seconds[start:] - seconds[before]
        rate = np.divide(examples[start:] - examples[before], took, out=np.full(len(took), np.nan), where=took > 0)
        table.append({**columns, "examples_per_second": rate})
