"""The one selection of cells that every view shares."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal


class Selection(QObject):
    """Selected cells of the board.

    Signals
    -------
    changed()   `cells` is another set now
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cells: frozenset[int] = frozenset()

    @property
    def cells(self) -> frozenset[int]:
        return self._cells

    def set(self, cells: Iterable[int]) -> None:
        wanted = frozenset(cells)
        if wanted != self._cells:
            self._cells = wanted
            self.changed.emit()

    def toggle(self, cell: int) -> None:
        self.set(self._cells ^ {cell})

    def clear(self) -> None:
        self.set(())
