"""The open trace and its cursor, which all views share."""

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
    """The open trace and its cursor (the index of a step). Views read them and subscribe; only actions set them.

    Signals
    -------
    trace_replaced()        another trace was opened, or none (`trace` is None)
    trace_grew()            steps were added to the same trace; earlier ones did not change
    cursor_moved(int)       the cursor is on this step (−1: no trace)
    running_changed(bool)   the model began or stopped adding steps
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
        self.extras: Extras | None = None  # what else its file holds
        self.attention: dict[tuple[int, int], Array] = {}  # kept attention: (step of the call, layer) → (heads, S or T, S or T)

    @property
    def trace(self) -> Trace | None:
        return self._trace

    @property
    def verdict(self) -> Verdict:
        """The verdict on the open trace; computed on demand, once for all views. Needs an open trace."""
        assert self._trace is not None
        if self._judged is None or self._judged[0] is not self._trace:
            known = self._judged[1] if self._judged is not None else None
            self._judged = self._trace, verdict(self._trace, known)
        return self._judged[1]

    @property
    def cursor(self) -> int:
        """Index of the shown step; −1 without a trace."""
        return self._cursor

    @property
    def steps(self) -> int:
        """How many steps views leave room for: while the model reasons, all that will come."""
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
        """Show another trace, or none. `running`: more steps will come, `expected_steps` in total. `extras`: what else its file holds."""
        self._trace, self._judged = trace, None
        self.extras, self.attention = extras, dict(extras.attention) if extras is not None else {}
        last = len(trace) - 1 if trace is not None else -1
        self._cursor = last if cursor is None else min(max(cursor, 0), last)
        was_running, self._running, self._expected = self._running, running, expected_steps
        self.trace_replaced.emit()
        self.cursor_moved.emit(self._cursor)
        if running != was_running:
            self.running_changed.emit(running)

    def extend(self, trace: Trace) -> None:
        """The same trace with more steps."""
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
        """Move to a step; clipped to the first and last one."""
        if self._trace is None:
            return
        self._move(min(max(step, 0), len(self._trace) - 1))

    def move_steps(self, steps: int) -> None:
        """Move by so many L or H steps; negative goes back."""
        self.set_cursor(self._cursor + steps)

    def move_cycles(self, cycles: int) -> None:
        """Move to the next (negative: previous) H step, the end of an H-cycle."""
        self._move_to_next(lambda t: np.flatnonzero(t.level == LEVEL_H), cycles)

    def move_segments(self, segments: int) -> None:
        """Move to the next (negative: previous) end of a segment."""
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
