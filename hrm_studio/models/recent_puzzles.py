"""The puzzles that a model reasoned about, newest first."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.errors import PuzzleError
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.registry import task_named

_KEY = "recent_puzzles"
_KEPT = 40


class RecentPuzzles(QObject):
    """Kept in the settings as 'task line'.

    Signals
    -------
    changed()
    """

    changed = Signal()

    def __init__(self, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings

    def _stored(self) -> list[str]:
        stored = self._settings.value(_KEY)
        found = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return [entry for entry in found if isinstance(entry, str)]

    def all(self) -> list[tuple[Task, Grid]]:
        """All entries that can still be read."""
        found = []
        for entry in self._stored():
            name, _, line = entry.partition(" ")
            try:
                task = task_named(name)
                found.append((task, task.parse(line)))
            except PuzzleError:
                continue  # written by a later version, or damaged
        return found

    def add(self, task: Task, grid: Grid) -> None:
        if not task.known_rules:
            return  # the entry would not bring back its answer
        entry = f"{task.name} {task.format_line(grid)}"
        stored = self._stored()
        if stored[:1] != [entry]:
            self._settings.setValue(_KEY, [entry, *(e for e in stored if e != entry)][:_KEPT])
            self.changed.emit()

    def clear(self) -> None:
        self._settings.remove(_KEY)
        self.changed.emit()
