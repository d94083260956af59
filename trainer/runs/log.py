"""A run's events as growing arrays. NumPy only. One thread parses events, another keeps the arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_BLOCK = 1 << 16  # rows
_RATE_SECONDS = 1.0  # seconds of computing that a rate is taken over, at least


class Table:
    """Rows under named columns, NaN for unknown values. Rows are sorted by 'step'; they are appended, or removed from the end.

    The table consists of blocks, so that the millionth row costs no more than the first.
    """

    def __init__(self) -> None:
        self._blocks: list[dict[str, Floats]] = []
        self._names: dict[str, None] = {}
        self._rows = 0
        self.truncations = 0  # counts removals of rows, after which a follower must read all rows again

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Floats:
        """(rows,) of a column; all NaN if there is no such column."""
        return self.rows(name, 0, self._rows)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    def rows(self, name: str, start: int, stop: int) -> Floats:
        """(stop − start,) rows of a column."""
        pieces = []
        for number in range(start // _BLOCK, -(-stop // _BLOCK)):
            column = self._blocks[number].get(name)
            low, high = max(start - number * _BLOCK, 0), min(stop - number * _BLOCK, _BLOCK)
            pieces.append(np.full(high - low, np.nan) if column is None else column[low:high])
        return pieces[0] if len(pieces) == 1 else np.concatenate([np.zeros(0), *pieces])

    def append(self, columns: Mapping[str, ArrayLike]) -> None:
        """Add rows: for each column an array, all of one length."""
        arrays = {name: np.atleast_1d(np.asarray(values, np.float64)) for name, values in columns.items()}
        count, done = len(next(iter(arrays.values()))), 0
        self._names |= dict.fromkeys(arrays)
        while done < count:
            place = self._rows % _BLOCK
            if place == 0:
                self._blocks.append({})
            block, taken = self._blocks[-1], min(count - done, _BLOCK - place)
            for name, values in arrays.items():
                if name not in block:
                    block[name] = np.full(_BLOCK, np.nan)
                block[name][place : place + taken] = values[done : done + taken]
            self._rows += taken
            done += taken

    def truncate(self, step: float) -> None:
        """Remove the rows of later steps."""
        rows = int(np.searchsorted(self["step"], step, side="right"))
        if rows < self._rows:
            del self._blocks[-(-rows // _BLOCK) :]
            if rows % _BLOCK:
                # Copies, because views of these arrays may be in use.
                self._blocks[-1] = {name: column.copy() for name, column in self._blocks[-1].items()}
                for column in self._blocks[-1].values():
                    column[rows % _BLOCK :] = np.nan
            self._rows = rows
            self.truncations += 1


@dataclass(frozen=True)
class Rows:
    """Rows for one of the tables."""

    table: str  # 'metrics', 'evaluations' or 'machine'
    columns: dict[str, Floats]


@dataclass(frozen=True)
class Rewind:
    """A trainer started or resumed from this step: it computes later ones again, so their rows are removed."""

    step: int


@dataclass(frozen=True)
class Mark:
    """An event without figures: started, saved, paused, resumed, warning, failed, finished."""

    kind: str
    step: int
    time: float
    text: str = ""
    code: str = ""  # which warning


Part = Rows | Rewind | Mark


def parse_events(entries: Iterable[Mapping[str, Any]]) -> list[Part]:
    """Turn events into parts for a RunLog, in order. Values that are not numbers become NaN."""
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
                parts.append(Rewind(step))
            words = entry.get("message") or entry.get("reason") or entry.get("checkpoint") or ""
            parts.append(Mark(kind, step, time, str(words), str(entry.get("code") or "")))
    flush()
    return parts


def _evaluation_row(entry: Mapping[str, Any]) -> dict[str, float]:
    """Means over the sets as `exact_accuracy`, `accuracy`, `low`, `high`; the figures of each set as 'exact/NAME', 'low/NAME' …

    The interval of the mean is made of the sets' intervals, by Newcombe's square-and-add method.
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
    """NaN if it is not a number, or larger than any float."""
    return float(value) if isinstance(value, int | float) and -1e300 < value < 1e300 else float("nan")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass
class RunLog:
    """A run's figures and marks so far."""

    metrics: Table = field(default_factory=Table)
    evaluations: Table = field(default_factory=Table)
    machine: Table = field(default_factory=Table)  # load of the trainer's machine
    marks: list[Mark] = field(default_factory=list)

    def apply(self, parts: Iterable[Part]) -> None:
        """Take in what `parse_events` returned."""
        for part in parts:
            if isinstance(part, Rewind):
                for table in (self.metrics, self.evaluations, self.machine):
                    table.truncate(part.step)
                self.marks = [mark for mark in self.marks if mark.step <= part.step]
            elif isinstance(part, Mark):
                self.marks.append(part)
            elif part.table == "metrics":
                self._append_metrics(part.columns)
            else:
                table = self.machine if part.table == "machine" else self.evaluations
                table.append(self._with_seconds(part.columns) if table is self.machine else part.columns)

    def _with_seconds(self, columns: dict[str, Floats]) -> dict[str, Floats]:
        """Machine events have no computing time; it is interpolated between the metrics."""
        table = self.metrics
        steps, seconds = (table.rows(name, max(0, len(table) - _BLOCK), len(table)) for name in ("step", "seconds"))
        return {**columns, "seconds": np.interp(columns["step"], steps, seconds)} if len(steps) else columns

    def _append_metrics(self, columns: dict[str, Floats]) -> None:
        """Append metrics. Runs of older versions have no rate of examples, so it is calculated."""
        table, start = self.metrics, len(self.metrics)
        if "examples_per_second" in columns or not {"seconds", "examples"} <= columns.keys():
            table.append(columns)
            return
        back = max(0, start - _BLOCK)
        seconds, examples = (np.append(table.rows(name, back, start), columns[name]) for name in ("seconds", "examples"))
        start -= back
        before = np.maximum(np.searchsorted(seconds, seconds[start:] - _RATE_SECONDS, side="right") - 1, 0)
        took = seconds[start:] - seconds[before]
        rate = np.divide(examples[start:] - examples[before], took, out=np.full(len(took), np.nan), where=took > 0)
        table.append({**columns, "examples_per_second": rate})
