"""The one selection of cells that every view shares."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal


class Selection(QObject):
    """Selected cells of the board.

    Signals
    -------
    changed()   `cells` changed
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

    def pick(self, cell: int | None, adding: bool = False) -> None:
        """What a click does in every view: select the cell, or nothing if it was the only one, or outside all cells (None).

        `adding` (Ctrl): toggle the cell and keep the others.
        """
        if adding:
            if cell is not None:
                self.toggle(cell)
        else:
            self.set(() if cell is None or self._cells == {cell} else (cell,))

    def clear(self) -> None:
        self.set(())
