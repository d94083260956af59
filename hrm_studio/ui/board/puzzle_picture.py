"""Pictures of a puzzle without a trace: for the editor and for lists."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPen, QPixmap

from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task, Walls, wall_lines
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.theme import Palette
from hrm_studio.ui.board.arc import COLOURS


def cell_rect(place: QRectF, side: int, cell: int, shown: int = 0) -> QRectF:
    """Where a cell of a square board is, if its first `shown` rows and columns (0: all) fill the place."""
    width = place.width() / (shown or side)
    return QRectF(place.left() + cell % side * width, place.top() + cell // side * width, width, width)


def cell_lines(place: QRectF, side: int) -> list[QLineF]:
    """The lines between the rows and columns of a board."""
    at = [k * place.width() / side for k in range(1, side)]
    across = [QLineF(place.left(), place.top() + y, place.right(), place.top() + y) for y in at]
    return across + [QLineF(place.left() + x, place.top(), place.left() + x, place.bottom()) for x in at]


def box_lines(place: QRectF, walls: Walls) -> list[QLineF]:
    """The lines between the boxes of a board."""
    left, top, width = place.left(), place.top(), place.width() / len(walls[0])
    across = [QLineF(left + a * width, top + k * width, left + b * width, top + k * width) for k, a, b in wall_lines(walls[1][:-1])]
    return across + [
        QLineF(left + k * width, top + a * width, left + k * width, top + b * width) for k, a, b in wall_lines(walls[0].T[:-1])
    ]


def part_with_cells(place: QRectF, task: Task) -> QRectF:
    """The part of a square board that has cells: of a maze that is a rectangle, its upper left."""
    if not isinstance(task, MazeTask):
        return place
    width = place.width() / task.side
    return QRectF(place.left(), place.top(), task.columns * width, task.rows * width)


def in_the_middle(place: QRectF, task: Task) -> QRectF:
    """A square board, moved so that the part with cells is in the middle of the place."""
    return place.translated(place.center() - part_with_cells(place, task).center())


def shown_side(task: Task, grid: Grid) -> int:
    """How many rows and columns to show: all, except on an ARC board, where it is those of the grid."""
    if not isinstance(task, ArcTask):
        return task.side
    cells = np.flatnonzero(grid >= arc.FIRST_COLOUR)
    return int(max((cells // task.side).max(initial=0), (cells % task.side).max(initial=0))) + 1


def paint_puzzle(painter: QPainter, place: QRectF, task: Task, grid: Grid, colours: Palette, font: QFont) -> None:
    """Paint the given cells."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if isinstance(task, SudokuTask):
        _paint_digits(painter, place, task, grid, colours, font)
    elif isinstance(task, MazeTask):
        _paint_maze(painter, place, task, grid, colours, font)
    elif isinstance(task, ArcTask):
        _paint_colours(painter, place, task, grid, colours)


def _paint_digits(painter: QPainter, place: QRectF, task: SudokuTask, grid: Grid, colours: Palette, font: QFont) -> None:
    width = place.width() / task.side
    digits = QFont(font)
    digits.setPixelSize(max(5, round(width * 0.58)))
    digits.setWeight(QFont.Weight.DemiBold)
    painter.setFont(digits)
    painter.setPen(colours.color("given"))
    for cell in range(task.cells):
        if grid[cell]:
            painter.drawText(cell_rect(place, task.side, cell), Qt.AlignmentFlag.AlignCenter, task.symbols[grid[cell]])
    painter.setPen(QPen(colours.color("border"), 1))
    painter.drawLines(cell_lines(place, task.side))
    painter.setPen(QPen(colours.color("text", 0.75), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(place)
    painter.drawLines(box_lines(place, task.variant.walls))


def _paint_maze(painter: QPainter, place: QRectF, task: MazeTask, grid: Grid, colours: Palette, font: QFont) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setBrush(colours.color("muted", 0.55))
    width = place.width() / task.side
    painter.drawRects([cell_rect(place, task.side, cell) for cell in range(task.cells) if grid[cell] == maze.WALL])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    letters = QFont(font)
    letters.setPixelSize(max(5, round(width * 0.8)))
    letters.setWeight(QFont.Weight.Bold)
    painter.setFont(letters)
    for value, letter, colour in ((maze.START, "S", "right"), (maze.GOAL, "G", "level_H")):
        for cell in (grid == value).nonzero()[0].tolist():
            box = cell_rect(place, task.side, cell)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.color(colour, 0.25))
            painter.drawRect(box)
            painter.setPen(colours.color(colour))
            painter.drawText(box.adjusted(-width, -width, width, width), Qt.AlignmentFlag.AlignCenter, letter)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colours.color("border"), 1))
    painter.drawRect(part_with_cells(place, task))


def _paint_colours(painter: QPainter, place: QRectF, task: ArcTask, grid: Grid, colours: Palette) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    shown = shown_side(task, grid)
    for colour, painted in enumerate(COLOURS):
        painter.setBrush(QColor(painted))
        cells = (grid == arc.FIRST_COLOUR + colour).nonzero()[0].tolist()
        painter.drawRects([cell_rect(place, task.side, cell, shown) for cell in cells])
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colours.color("border"), 1))
    painter.drawRect(place)


def puzzle_icon(task: Task, grid: Grid, colours: Palette, font: QFont, size: int) -> QIcon:
    """A small picture for a list, `size` pixels along a side."""
    ratio = 2.0
    picture = QPixmap(QSize(size, size) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(colours.color("surface"))
    with QPainter(picture) as painter:
        place = QRectF(QPointF(2, 2), QPointF(size - 2, size - 2))
        paint_puzzle(painter, in_the_middle(place, task), task, grid, colours, font)
    return QIcon(picture)
