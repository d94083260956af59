"""Playing a trace: the cursor goes on by itself."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_studio.models.trace_model import TraceModel

SPEEDS = (2, 6, 12, 24, 48, 120)  # steps a second


class Player(QObject):
    """Moves a TraceModel's cursor at `speed` steps a second. At the end of a trace that still grows it waits; else it stops.

    Signals
    -------
    playing_changed(bool)
    """

    playing_changed = Signal(bool)

    def __init__(self, traces: TraceModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._traces = traces
        self.speed = 24
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._advance)

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def set_speed(self, steps_per_second: int) -> None:
        self.speed = steps_per_second
        self._timer.setInterval(self._interval())

    def toggle(self) -> None:
        self.pause() if self.playing else self.play()

    def play(self) -> None:
        """From the cursor on; from the start where it stands at the end."""
        if self._traces.trace is None:
            return
        if self._traces.cursor >= len(self._traces.trace) - 1 and not self._traces.running:
            self._traces.set_cursor(0)
        if not self.playing:
            self._timer.start(self._interval())
            self.playing_changed.emit(True)

    def pause(self) -> None:
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def _interval(self) -> int:
        return max(16, round(1000 / self.speed))

    def _advance(self) -> None:
        trace = self._traces.trace
        if trace is None:
            self.pause()
            return
        # Above 60 steps a second a frame moves by more than one step.
        self._traces.move_steps(max(1, round(self.speed * self._interval() / 1000)))
        if self._traces.cursor >= len(trace) - 1 and not self._traces.running:
            self.pause()
