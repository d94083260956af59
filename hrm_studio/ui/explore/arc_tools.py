"""Painting an ARC grid: the brush, the ten colours, and the size of the grid."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QVBoxLayout, QWidget

from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid
from hrm_studio.models.puzzle import PuzzleModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.arc import COLOURS, token_name
from hrm_studio.ui.explore.brush import Brush
from hrm_studio.ui.explore.size_fields import SizeFields

_SWATCH = 22  # pixels
_NEW_SIDE = 10  # rows and columns of a new grid


def beginning() -> Grid:
    """A black grid to paint on."""
    return arc.encode(np.zeros((_NEW_SIDE, _NEW_SIDE), np.int8)).astype(np.int8)


def size_of(grid: Grid) -> tuple[int, int]:
    """Rows and columns of the grid on its board."""
    rows, columns = arc.grid_on(grid).shape
    return rows, columns


def resized(grid: Grid, rows: int, columns: int) -> Grid:
    """The grid with so many rows and columns: cut at the right and bottom, or filled with colour 0."""
    old = arc.grid_on(grid)
    new = np.zeros((rows, columns), np.int8)
    kept = old[:rows, :columns]
    new[: kept.shape[0], : kept.shape[1]] = kept
    top, left = arc.corner(grid)
    return arc.encode(new, min(top, arc.SIDE - rows), min(left, arc.SIDE - columns)).astype(np.int8)


def inside(grid: Grid, cell: int) -> bool:
    """Whether a cell belongs to the grid on its board."""
    return bool(grid[cell] >= arc.FIRST_COLOUR)


class ArcBrush(Brush):
    """Paints cells of the grid with the chosen colour; cells outside the grid stay as they are."""

    def __init__(self, puzzle: PuzzleModel) -> None:
        super().__init__(puzzle)
        self.colour = 1

    def press(self, cell: int, erase: bool = False) -> None:
        """Begin a stroke; `erase` paints colour 0. Does nothing outside the grid, or if the puzzle is not an ARC grid."""
        if isinstance(self._puzzle.task, ArcTask) and inside(self._puzzle.grid, cell):
            self._begin(cell, arc.FIRST_COLOUR + (0 if erase else self.colour))

    def changed(self, cells: list[int], value: int) -> Grid:
        grid = self._puzzle.grid.copy()
        for cell in cells:
            if inside(grid, cell):
                grid[cell] = value
        return grid


class Swatch(QAbstractButton):
    """The button of a colour, with its number."""

    def __init__(self, colour: int, theme: Theme) -> None:
        super().__init__()
        self.colour, self._theme = colour, theme
        self.setCheckable(True)
        self.setFixedSize(self.sizeHint())
        name = token_name(arc.FIRST_COLOUR + colour)
        self.setAccessibleName(f"Paint: {name}")
        self.setToolTip(
            f"{name.capitalize()}. Click or drag on the grid to paint; the right button paints black.\nKey {colour} paints at the cursor"
        )

    def sizeHint(self) -> QSize:
        return QSize(_SWATCH, _SWATCH)

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = self._theme.palette
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            chosen = self.isChecked()
            painter.setPen(QPen(colours.color("accent" if chosen or self.hasFocus() else "muted"), 2.5 if chosen else 1))
            painter.setBrush(QColor(COLOURS[self.colour]))
            gap = 1.5 if chosen else 3
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(gap, gap, -gap, -gap), 4, 4)
            font = self.font()
            font.setPixelSize(11)
            painter.setFont(font)
            painter.setPen(QColor("black" if self.colour in (4, 5, 7, 8) else "white"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, str(self.colour))


class ArcTools(QWidget):
    """The colours, one of them chosen, and the size of the grid."""

    def __init__(self, puzzle: PuzzleModel, brush: ArcBrush, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle, self._brush = puzzle, brush
        self._group = QButtonGroup(self)
        self.swatches = [Swatch(colour, theme) for colour in range(arc.COLOURS)]
        colours = QHBoxLayout()
        colours.setSpacing(2)
        for swatch in self.swatches:
            self._group.addButton(swatch)
            colours.addWidget(swatch)
        colours.addStretch(1)
        tip = "Cuts the grid at the right and bottom, or fills it with black"
        self.size_fields = SizeFields(1, arc.SIDE, of="grid", tip=tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(colours)
        layout.addWidget(self.size_fields)
        self._group.buttonClicked.connect(self._choose)
        self.size_fields.changed.connect(self._resize)
        puzzle.changed.connect(self._show)
        theme.changed.connect(self.update)
        self.swatches[brush.colour].setChecked(True)
        self._show()

    def _choose(self, swatch: QAbstractButton) -> None:
        assert isinstance(swatch, Swatch)
        self._brush.colour = swatch.colour

    def _resize(self, rows: int, columns: int) -> None:
        if isinstance(self._puzzle.task, ArcTask):
            grid = resized(self._puzzle.grid, rows, columns)
            self._puzzle.replace(self._puzzle.task, grid, "ARC size")

    def _show(self) -> None:
        if isinstance(self._puzzle.task, ArcTask):
            self.size_fields.show_size(*size_of(self._puzzle.grid))
