"""The board of a maze: walls, start, goal and the model's path, with its probability as a glow."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from hrm_model.tasks.maze.grid import GOAL, OUTSIDE, PATH, START, WALL, faults, shape_of
from hrm_model.trace.data import Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.board.drawing import (
    CHANGED,
    CONFIDENCE,
    Drawing,
    Flags,
    Overlay,
    Overlays,
    mixed,
    opaque,
    percent,
    picture,
    premultiplied,
    rgb,
)

_NAMES = ("outside the maze", "wall", "floor", "start", "goal", "path")


class MazeDrawing(Drawing):
    """A maze of any size. Pictures are of the square that a rectangle lies in; its rest is empty, and beside the place that is drawn on."""

    offers = (
        Overlay("candidates", "Glow", "The brighter a cell glows, the more probable the model finds a path through it."),
        CHANGED,
        Overlay("wrong", "Wrong", "A cross marks a path cell that is not on the solution; a ring marks a missing one."),
        Overlay(
            "rules",
            "Rule breaks",
            "A line under a cell: the path ends or branches there, or the answer changes a wall, the start or the goal.",
        ),
        CONFIDENCE,
    )

    def __init__(self, trace: Trace, palette: Palette, font: QFont) -> None:
        super().__init__(trace, palette, font)
        self.rows, self.columns = shape_of(self.given)
        if not self.rows:
            self.rows = self.columns = self.side
        self.aspect = self.small_aspect = self.columns / self.rows
        wall, floor = mixed(palette.muted, palette.surface, 0.35), palette.surface
        colours = opaque(np.where((self.given == WALL)[:, None], rgb(wall), rgb(floor)))
        colours[self.given == OUTSIDE] = 0
        self._ground = picture(colours, self.side)

    def paint(self, painter: QPainter, place: QRectF, step: int, overlays: Overlays) -> None:
        colours, trace = self.palette, self.trace
        width, square = place.width() / self.columns, self._square(place)
        painter.drawImage(square, self._ground)
        answer = trace.prediction[step]
        if overlays.changed:
            self._squares(painter, place, answer != trace.prediction[max(0, step - 1)], colours.color("changed"))
        if overlays.confidence:
            tint = self.tint(step)
            tint[(self.given == WALL) | (self.given == OUTSIDE)] = 0  # these are given, so there is nothing to be sure of
            painter.drawImage(square, picture(tint, self.side))
        if overlays.candidates:
            painter.drawImage(square, picture(premultiplied(colours.answer, 0.75 * trace.probability[step][:, PATH]), self.side))
        if width >= 12:
            self._paint_lattice(painter, place)
        self._paint_path(painter, place, answer, colours.color("answer"), max(1.5, width * 0.3))
        if overlays.wrong and self.solution is not None:
            self._paint_wrong(painter, place, self.wrong(step), width)
        if overlays.rules:
            self._paint_faults(painter, place, faults(answer[None], self.given)[0] > 0, width)
        self._paint_ends(painter, place, width)
        painter.setPen(QPen(colours.color("muted"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place)

    def paint_small(self, painter: QPainter, place: QRectF, step: int) -> None:
        cell = min(place.width() / self.columns, place.height() / self.rows)
        inside = QRectF(0, 0, cell * self.columns, cell * self.rows)
        inside.moveCenter(place.center())
        place = inside
        square = self._square(place)
        painter.drawImage(square, self._ground)
        answer = self.trace.prediction[step]
        path = picture(premultiplied(self.palette.answer, (answer == PATH).astype(float)), self.side)
        painter.drawImage(square, path)
        if self.solution is not None:
            wrong = self.wrong(step) & (answer == PATH)
            painter.drawImage(square, picture(premultiplied(self.palette.wrong, wrong.astype(float)), self.side))
        self._paint_ends(painter, place, max(4.0, place.width() / self.columns))

    def _square(self, place: QRectF) -> QRectF:
        """The square of all cells, of which the place is the upper left."""
        side = place.width() / self.columns * self.side
        return QRectF(place.left(), place.top(), side, side)

    def _centres(self, place: QRectF, cells: Flags) -> list[QPointF]:
        index = np.flatnonzero(cells)
        width = place.width() / self.columns
        xs = place.left() + (index % self.side + 0.5) * width
        ys = place.top() + (index // self.side + 0.5) * width
        return [QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]

    def _squares(self, painter: QPainter, place: QRectF, cells: Flags, colour: QColor) -> None:
        painter.drawImage(self._square(place), picture(premultiplied(colour.name(), cells.astype(float)), self.side))

    def _paint_lattice(self, painter: QPainter, place: QRectF) -> None:
        painter.setPen(QPen(self.palette.color("muted", 0.16), 1))
        width = place.width() / self.columns
        lines = [QLineF(place.left(), place.top() + k * width, place.right(), place.top() + k * width) for k in range(1, self.rows)]
        lines += [QLineF(place.left() + k * width, place.top(), place.left() + k * width, place.bottom()) for k in range(1, self.columns)]
        painter.drawLines(lines)

    def _paint_path(self, painter: QPainter, place: QRectF, answer: np.ndarray, colour: QColor, thick: float) -> None:
        """Join neighbouring cells of the path, start and goal included."""
        on = (answer == PATH) | np.isin(self.given, (START, GOAL))
        grid, width = on.reshape(self.side, self.side), place.width() / self.columns
        lines = []
        for joined, right, down in ((grid[:, :-1] & grid[:, 1:], width, 0.0), (grid[:-1] & grid[1:], 0.0, width)):
            rows, columns = np.nonzero(joined)
            xs, ys = place.left() + (columns + 0.5) * width, place.top() + (rows + 0.5) * width
            lines += [QLineF(x, y, x + right, y + down) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
        pen = QPen(colour, thick, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLines(lines)
        painter.drawPoints(QPolygonF(self._centres(place, answer == PATH)))

    def _paint_wrong(self, painter: QPainter, place: QRectF, wrong: Flags, width: float) -> None:
        size = width * 0.26
        painter.setPen(QPen(self.palette.color("wrong"), max(1.2, width * 0.11), Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        missing = wrong & (self.solution == PATH)
        for centre in self._centres(place, missing):
            painter.drawEllipse(centre, size, size)
        crosses = []
        for c in self._centres(place, wrong & ~missing):
            crosses.append(QLineF(c.x() - size, c.y() - size, c.x() + size, c.y() + size))
            crosses.append(QLineF(c.x() - size, c.y() + size, c.x() + size, c.y() - size))
        painter.drawLines(crosses)

    def _paint_faults(self, painter: QPainter, place: QRectF, broken: Flags, width: float) -> None:
        """A line under each cell, as under clashing digits of a Sudoku."""
        painter.setPen(QPen(self.palette.color("wrong"), max(1.2, width * 0.06)))
        low, half = width * 0.38, width * 0.28
        painter.drawLines([QLineF(c.x() - half, c.y() + low, c.x() + half, c.y() + low) for c in self._centres(place, broken)])

    def _paint_ends(self, painter: QPainter, place: QRectF, width: float) -> None:
        for token, letter, name in ((START, "S", "right"), (GOAL, "G", "level_H")):
            for centre in self._centres(place, self.given == token):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self.palette.color(name))
                painter.drawEllipse(centre, width * 0.62, width * 0.62)
                if width >= 9:
                    spot = QRectF(centre.x() - width, centre.y() - width, 2 * width, 2 * width)
                    self.put_glyph(painter, spot, letter, self.sized(width * 0.8, QFont.Weight.Bold), self.palette.color("surface"))

    def cell_words(self, cell: int, step: int) -> list[str]:
        row, column = divmod(cell, self.side)
        probability = self.trace.probability[step][cell]
        lines = [f"Row {row + 1}, column {column + 1}: {_NAMES[int(self.given[cell])]}"]
        lines.append(f"on the path:  {percent(float(probability[PATH]))}")
        best = int(probability.argmax())
        if best != PATH:
            lines.append(f"{_NAMES[best]}:  {percent(float(probability[best]))}")
        if self.solution is not None:
            lines.append(f"solution: {_NAMES[int(self.solution[cell])]}")
        return lines
