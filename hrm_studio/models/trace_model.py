"""The open trace and where one looks at it: the one cursor that every view shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from hrm_model.analysis.core import Verdict, verdict
from hrm_model.trace.data import LEVEL_H, Array, Trace

if TYPE_CHECKING:  # the window's start needs no HDF5
    from hrm_model.trace_file.extras import Extras


class TraceModel(QObject):
    """The open trace and its cursor (a step's index). Views read `trace` and `cursor` and subscribe; only actions set them.

    Signals
    -------
    trace_replaced()        another trace was opened, or none (`trace` is None)
    trace_grew()            steps were added to the same run; what was there stays as it was
    cursor_moved(int)       the cursor stands on this step now (−1: no trace)
    running_changed(bool)   steps are still being computed, or no longer
    """

    trace_replaced = Signal()
    trace_grew = Signal()
    cursor_moved = Signal(int)
    running_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._trace: Trace | None = None
        self._judged: tuple[Trace, Verdict] | None = None
        self._cursor = -1
        self._running = False
        self._expected = 0
        self.extras: Extras | None = None  # what else its file held
        self.attention: dict[tuple[int, int], Array] = {}  # kept with it: (step of the call, layer) → (heads, S or T, the same)

    @property
    def trace(self) -> Trace | None:
        return self._trace

    @property
    def verdict(self) -> Verdict:
        """What the open trace comes to; computed when a view first asks, then shared by all. Only with a trace open."""
        assert self._trace is not None
        if self._judged is None or self._judged[0] is not self._trace:
            self._judged = self._trace, verdict(self._trace)
        return self._judged[1]

    @property
    def cursor(self) -> int:
        """Index of the step that is shown; −1 without a trace."""
        return self._cursor

    @property
    def steps(self) -> int:
        """Steps that views make room for: those that are there, and while it runs all that will be."""
        there = len(self._trace) if self._trace is not None else 0
        return max(there, self._expected) if self._running else there

    @property
    def running(self) -> bool:
        return self._running

    def open(
        self,
        trace: Trace | None,
        *,
        running: bool = False,
        cursor: int | None = None,
        expected_steps: int = 0,
        extras: Extras | None = None,
    ) -> None:
        """Show another trace, or none. `running`: more steps are to come, `expected_steps` in all. `extras`: what its file held besides."""
        self._trace = trace
        self.extras, self.attention = extras, dict(extras.attention) if extras is not None else {}
        last = len(trace) - 1 if trace is not None else -1
        self._cursor = last if cursor is None else min(max(cursor, 0), last)
        was_running, self._running, self._expected = self._running, running, expected_steps
        self.trace_replaced.emit()
        self.cursor_moved.emit(self._cursor)
        if running != was_running:
            self.running_changed.emit(running)

    def extend(self, trace: Trace) -> None:
        """The same run with more steps."""
        assert self._trace is not None
        assert len(trace) >= len(self._trace)
        self._trace = trace
        self.trace_grew.emit()

    def finish(self) -> None:
        """No more steps will come."""
        if self._running:
            self._running = False
            self.running_changed.emit(False)

    def set_cursor(self, step: int) -> None:
        """Move to a step; beyond an end means that end."""
        if self._trace is None:
            return
        self._move(min(max(step, 0), len(self._trace) - 1))

    def move_steps(self, steps: int) -> None:
        """One L or H step after the other; negative goes back."""
        self.set_cursor(self._cursor + steps)

    def move_cycles(self, cycles: int) -> None:
        """To the next (previous) H step: the end of an H-cycle."""
        self._move_to_next(lambda t: np.flatnonzero(t.level == LEVEL_H), cycles)

    def move_segments(self, segments: int) -> None:
        """To the end of the next (previous) segment."""
        self._move_to_next(lambda t: np.flatnonzero(np.diff(t.segment, append=t.segment[-1] + 1)), segments)

    def _move_to_next(self, stops_of: Callable[[Trace], NDArray[np.intp]], count: int) -> None:
        if self._trace is None or not count:
            return
        stops = stops_of(self._trace)
        if count > 0:
            ahead = stops[stops > self._cursor]
            target = ahead[min(count, len(ahead)) - 1] if len(ahead) else len(self._trace) - 1
        else:
            behind = stops[stops < self._cursor]
            target = behind[max(count, -len(behind))] if len(behind) else 0
        self.set_cursor(int(target))

    def _move(self, step: int) -> None:
        if step != self._cursor:
            self._cursor = step
            self.cursor_moved.emit(step)
