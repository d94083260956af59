"""Plays a trace: moves the cursor on by itself."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_studio.models.trace_model import TraceModel

SPEEDS = (2, 6, 12, 24, 48, 120)  # steps per second
PASSES = (5, 10, 30, 60)  # seconds for the whole trace, or for the range
_FRAME_MS = 16  # the screen shows no more frames


class Player(QObject):
    """Moves a TraceModel's cursor: at `speed` steps per second, or so that a pass takes `pass_seconds`; forwards or backwards.

    At the end of a trace that still grows it waits; otherwise it starts again with `loop`, or stops. `range` limits it to some
    steps. With `follow` the cursor stays on the newest step while the model reasons.

    Signals
    -------
    playing_changed(bool)
    changed()               direction, loop, range, speed or follow changed
    """

    playing_changed = Signal(bool)
    changed = Signal()

    def __init__(self, traces: TraceModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._traces = traces
        self.speed: float = 24
        self.pass_seconds: float | None = None
        self.backwards = False
        self.loop = False
        self.follow = False
        self.range: tuple[int, int] | None = None  # first and last step
        self._place = 0.0  # the cursor with fractions of a step
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.advance)
        traces.trace_replaced.connect(self._replaced)
        traces.trace_grew.connect(self._grew)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @property
    def rate(self) -> float:
        """Steps per second."""
        if self.pass_seconds is None:
            return self.speed
        first, last = self._ends()
        return max(1.0, (last - first + 1) / self.pass_seconds)

    # Settings --------------------------------------------------------------------------------------------------------

    def set_speed(self, steps_per_second: float) -> None:
        self.speed, self.pass_seconds = steps_per_second, None
        self._retime()

    def set_pass_seconds(self, seconds: float) -> None:
        """Play the whole trace, or the range, in so many seconds."""
        self.pass_seconds = seconds
        self._retime()

    def set_range(self, ends: tuple[int, int] | None) -> None:
        """Play only these steps, again and again; None plays the whole trace."""
        self.range = None if ends is None else (min(ends), max(ends))
        if self.range is not None:
            self.loop = True
        self.changed.emit()

    def set_loop(self, wanted: bool) -> None:
        self.loop = wanted
        self.changed.emit()

    def set_follow(self, wanted: bool) -> None:
        self.follow = wanted
        self._grew()
        self.changed.emit()

    def reverse(self) -> None:
        """Change the direction."""
        self.backwards = not self.backwards
        self.changed.emit()

    # Playing ---------------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        self.pause() if self.playing else self.play()

    def play(self) -> None:
        """Play from the cursor; from the start if it is at the end, or outside the range."""
        if self._traces.trace is None:
            return
        first, last = self._ends()
        cursor, end = self._traces.cursor, first if self.backwards else last
        past = cursor <= end if self.backwards else cursor >= end
        if (past and not (self._traces.running and not self.backwards)) or not first <= cursor <= last:
            self._traces.set_cursor(last if self.backwards else first)
        if not self.playing:
            self._place, self._last = float(self._traces.cursor), time.perf_counter()
            self._timer.start(self._interval())
            self.playing_changed.emit(True)

    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def _ends(self) -> tuple[int, int]:
        last = len(self._traces.trace) - 1 if self._traces.trace is not None else 0
        return (min(self.range[0], last), min(self.range[1], last)) if self.range is not None else (0, last)

    def _interval(self) -> int:
        return max(_FRAME_MS, round(1000 / self.rate))

    def _retime(self) -> None:
        self._timer.setInterval(self._interval())
        self.changed.emit()

    def _replaced(self) -> None:
        if self.range is not None:
            self.set_range(None)

    def _grew(self) -> None:
        if self.follow and self._traces.running and self._traces.trace is not None:
            self._traces.set_cursor(len(self._traces.trace) - 1)

    def advance(self) -> None:
        if self._traces.trace is None:
            self.pause()
            return
        if self.follow and self._traces.running:
            self._place = float(self._traces.cursor)
            return
        # By the clock: a slow screen skips steps instead of playing slower. At most 0.25 s at once, so that a stall makes no jump.
        now = time.perf_counter()
        moved = min(now - self._last, 0.25) * self.rate
        self._last = now
        first, last = self._ends()
        if abs(self._place - self._traces.cursor) >= 1:
            self._place = float(self._traces.cursor)  # moved by hand in the meantime
        self._place += -moved if self.backwards else moved
        if first <= self._place <= last:
            self._traces.set_cursor(int(self._place))
            return
        at_end = first if self.backwards else last
        self._place = float(at_end)
        self._traces.set_cursor(at_end)
        if self._traces.running and not self.backwards and self.range is None:
            return  # more steps will come
        if self.loop:
            self._place = float(last if self.backwards else first)
            self._traces.set_cursor(int(self._place))
        else:
            self.pause()
