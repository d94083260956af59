"""Which runs are being trained now, for the mark on the tab Train. It costs nothing but a look at small files every few seconds."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from hrm_studio.services.background import Background

_EVERY_MS = 3000


class LiveRuns(QObject):
    """`names` of the runs that are being trained, paused ones too.

    Signals
    -------
    changed()
    """

    changed = Signal()

    def __init__(self, folder: Path, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder, self._background = folder, background
        self.names: tuple[str, ...] = ()
        self._ended: dict[Path, int] = {}  # status files of runs that are not trained, with the time they were written
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._looking = False

    def begin(self) -> None:
        self._timer.start()
        self.look()

    def look(self) -> None:
        """Look again, in the background."""
        if not self._looking:
            self._looking = True
            self._background.run(self._find, self._found)

    def _find(self) -> tuple[str, ...]:
        from trainer.runs.run_dir import LIVE, RunDir  # the window's start does not need it

        live = []
        for status in self._folder.glob("*/status.json"):
            try:
                written = status.stat().st_mtime_ns
            except OSError:
                continue  # just deleted
            if self._ended.get(status) == written:
                continue
            if RunDir(status.parent).status().get("state") in LIVE:
                live.append(status.parent.name)
            else:
                self._ended[status] = written
        return tuple(sorted(live))

    def _found(self, names: tuple[str, ...]) -> None:
        self._looking = False
        if names != self.names:
            self.names = names
            self.changed.emit()
