"""How the curves of runs are shown; every plot of the page shares this."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

X_AXES = {"step": "optimizer step", "epoch": "epoch (passes over the pool)", "time": "minutes of computing"}


class PlotSettings(QObject):
    """Signals
    -------
    changed()           plots must be drawn again
    crosshair_moved()   `crosshair` is at another x, or None
    """

    changed = Signal()
    crosshair_moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.x = "step"  # a key of X_AXES
        self.smoothing = 0.6  # share of the past, 0 ≤ smoothing < 1
        self.log_x = False
        self.log_y = True  # in plots of losses, norms and rates
        self.hidden: frozenset[Path] = frozenset()  # runs that the legend hides
        self.zoom: tuple[float, float] | None = None  # x from … to; None: everything
        self.crosshair: float | None = None

    def set(self, **values: Any) -> None:
        """Change some of the fields above. Emits once, and only if something changed."""
        changed = {name: value for name, value in values.items() if getattr(self, name) != value}
        if "x" in changed:
            changed.setdefault("zoom", None)
            self.point_at(None)
        for name, value in changed.items():
            setattr(self, name, value)
        if changed:
            self.changed.emit()

    def toggle(self, path: Path) -> None:
        """Hide or show a run."""
        self.set(hidden=self.hidden ^ {path})

    def point_at(self, x: float | None) -> None:
        if x != self.crosshair:
            self.crosshair = x
            self.crosshair_moved.emit()
