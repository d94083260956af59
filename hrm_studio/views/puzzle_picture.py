"""How a puzzle is drawn where no model is thinking about it: in the editor and in lists."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QIcon, QPainter, QPen, QPixmap

from hrm_model.tasks import maze
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.maze_task import MazeTask
from hrm_model.tasks.sudoku_task import SudokuTask
from hrm_studio.theme import Palette


def cell_rect(place: QRectF, side: int, cell: int) -> QRectF:
    """Where a cell of a square board lies."""
    width = place.width() / side
    return QRectF(place.left() + cell % side * width, place.top() + cell // side * width, width, width)


def paint_puzzle(painter: QPainter, place: QRectF, task: Task, grid: Grid, colours: Palette, font: QFont) -> None:
    """The given cells on their board."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if isinstance(task, SudokuTask):
        _paint_digits(painter, place, task, grid, colours, font)
    elif isinstance(task, MazeTask):
        _paint_maze(painter, place, task, grid, colours, font)


def _paint_digits(painter: QPainter, place: QRectF, task: SudokuTask, grid: Grid, colours: Palette, font: QFont) -> None:
    variant, width = task.variant, place.width() / task.side
    digits = QFont(font)
    digits.setPixelSize(max(5, round(width * 0.58)))
    digits.setWeight(QFont.Weight.DemiBold)
    painter.setFont(digits)
    painter.setPen(colours.color("given"))
    for cell in range(task.cells):
        if grid[cell]:
            painter.drawText(cell_rect(place, task.side, cell), Qt.AlignmentFlag.AlignCenter, str(int(grid[cell])))
    thin: list[QLineF] = []
    thick: list[QLineF] = []
    for k in range(variant.side + 1):
        at = k * width
        across = QLineF(place.left(), place.top() + at, place.right(), place.top() + at)
        down = QLineF(place.left() + at, place.top(), place.left() + at, place.bottom())
        (thin if k % variant.box_height else thick).append(across)
        (thin if k % variant.box_width else thick).append(down)
    painter.setPen(QPen(colours.color("border"), 1))
    painter.drawLines(thin)
    painter.setPen(QPen(colours.color("text", 0.75), 1.5))
    painter.drawLines(thick)


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
    for value, letter, colour in ((maze.START, "S", "level_H"), (maze.GOAL, "G", "right")):
        for cell in (grid == value).nonzero()[0].tolist():
            box = cell_rect(place, task.side, cell)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.color(colour, 0.25))
            painter.drawRect(box)
            painter.setPen(colours.color(colour))
            painter.drawText(box.adjusted(-width, -width, width, width), Qt.AlignmentFlag.AlignCenter, letter)
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
        paint_puzzle(painter, place, task, grid, colours, font)
    return QIcon(picture)
