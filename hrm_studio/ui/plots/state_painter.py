"""Paints states into a plot: paths with trail, arrows and marks, or a point for each cell. In two components, or in three, rotated."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, sin

import numpy as np
from PySide6.QtCore import QLineF, QMarginsF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPolygonF

from hrm_model.analysis.core import Floats, Verdict, blanks
from hrm_model.analysis.states import rotated, row_at, states_of, step_of_rows
from hrm_model.trace.data import Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.board.arc import COLOURS as ARC_COLOURS
from hrm_studio.ui.plots.plot import Plot, polygon
from hrm_studio.ui.plots.state_projection import PlotPoints

TRAIL = 120  # the last moves, drawn strongly; older ones are faint
_AGES = 5  # levels of fading
_OLD_POINTS = 300  # drawn of the path before the trail
_ARROWS = 14
_MOST_MARKS = 48  # segment ends
_MOST_TRAILS = 6  # of single cells
_SHADES = 9  # of a colour scale
_MARGINS = QMarginsF(21, 24, 21, 10)  # pixels around the points for marks, letters and the cursor's dot


@dataclass
class Rotation:
    """From where three components are seen. Not used for two."""

    on: bool = False
    yaw: float = 0.6
    pitch: float = 0.4


def scale(palette: Palette) -> list[QColor]:
    """Colours from low to high: the blue of L, grey, the orange of H. Colour-blind people can tell them apart too."""
    low, middle, high = QColor(palette.level_L), QColor(palette.muted), QColor(palette.level_H)
    found = []
    for k in range(_SHADES):
        share = k / (_SHADES - 1)
        a, b, part = (low, middle, 2 * share) if share < 0.5 else (middle, high, 2 * share - 1)
        red, green, blue = ((1 - part) * getattr(a, name)() + part * getattr(b, name)() for name in ("redF", "greenF", "blueF"))
        found.append(QColor.fromRgbF(red, green, blue))
    return found


def to_pixels(plot: Plot, components: Floats, points: PlotPoints, rotation: Rotation, cells: bool) -> Floats:
    """(…, 3) components → (…, 2) pixels of the widget."""
    if not rotation.on:
        return plot.to_pixels(components[:, :2])
    low, high = points.extent(cells)
    return plot.to_pixels(rotated(components - (low + high) / 2, rotation.yaw, rotation.pitch)[:, :2])


def radius(points: PlotPoints, cells: bool) -> float:
    """The radius of the ball around all points."""
    low, high = points.extent(cells)
    return float(np.linalg.norm(high - low)) / 2 or 1.0


def view_of(points: PlotPoints, cells: bool, turned: bool, width: float, height: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The x and y range of a plot of so many pixels that shows all points, with room for the marks, whose size is in pixels."""
    side, end = _MARGINS.left() + _MARGINS.right(), _MARGINS.top() + _MARGINS.bottom()
    room = np.maximum((width - side, height - end), (width / 4, height / 4))
    around = np.subtract((width, height), room) * [
        (_MARGINS.left() / side, _MARGINS.bottom() / end),
        (_MARGINS.right() / side, _MARGINS.top() / end),
    ]
    if turned:
        reach = radius(points, cells)
        low, high = np.full(2, -reach), np.full(2, reach)
        unit = np.full(2, 2 * reach / room.min())  # the same for x and y, or a rotation would change the shape
        around += (room - room.min()) / 2
    else:
        low, high = (corner[:2] for corner in points.extent(cells))
        unit = np.maximum(high - low, 1e-3) / room
    (left, bottom), (right, top) = (low - unit * around[0]).tolist(), (high + unit * around[1]).tolist()
    return (left, right), (bottom, top)


class PathPainter:
    """Paints the paths of one plot. Their pixels are cached for a size, range and rotation."""

    def __init__(self) -> None:
        self.marks: list[tuple[QRectF, str]] = []  # where ★ and ◆ are painted
        self._key: tuple[object, ...] = ()
        self._pixels: dict[str, Floats] = {}
        self._whole: dict[str, QPolygonF] = {}

    def _place(self, plot: Plot, points: PlotPoints, rotation: Rotation) -> None:
        view = plot.getPlotItem().vb
        key = (
            id(points),
            plot.width(),
            plot.height(),
            str(view.viewRange()),
            view.sceneBoundingRect().getRect(),
            rotation.on,
            rotation.yaw,
            rotation.pitch,
        )
        if key != self._key:
            self._key = key
            self._pixels = {level: to_pixels(plot, path, points, rotation, False) for level, path in points.paths.items()}
            self._whole = {level: polygon(pixels) for level, pixels in self._pixels.items()}

    def paint(
        self,
        painter: QPainter,
        plot: Plot,
        points: PlotPoints,
        trace: Trace,
        step: int,
        rotation: Rotation,
        palette: Palette,
        values: Floats | None,
        verdict: Verdict,
    ) -> None:
        """`values` (N,) 0…1 colour the steps; None paints them in the module's colour."""
        self._place(plot, points, rotation)
        self.marks = []
        if rotation.on:
            paint_axes(painter, plot, rotation, palette, points.explained)
            self.paint_whole(painter, plot, points, rotation, palette)
        for level in points.paths:
            colour = QColor(palette.level_H if level == "H" else palette.level_L)
            row = min(row_at(trace, step, level), len(self._pixels[level]) - 1)
            self._trail(painter, trace, level, row, colour, palette, values)
            self._marks(painter, trace, level, row, palette, verdict)
        for level in points.paths:
            row = min(row_at(trace, step, level), len(self._pixels[level]) - 1)
            box = plot.getPlotItem().vb.sceneBoundingRect()
            x, y = self._pixels[level][row].tolist()  # the start may be outside the frame: then its dot is at the edge
            here = QPointF(min(max(x, box.left()), box.right()), min(max(y, box.top()), box.bottom()))
            painter.setPen(QPen(palette.color("surface"), 2))
            painter.setBrush(palette.color("accent"))
            painter.drawEllipse(here, 6.5, 6.5)
            if len(points.paths) > 1:
                painter.setPen(palette.color("text"))
                painter.drawText(here + QPointF(8, -6), level)

    def paint_whole(self, painter: QPainter, plot: Plot, points: PlotPoints, rotation: Rotation, palette: Palette) -> None:
        """The whole path, faint; it does not depend on the cursor."""
        self._place(plot, points, rotation)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for level in points.paths:
            painter.setPen(QPen(palette.color("level_H" if level == "H" else "level_L", 0.28), 1))
            painter.drawPolyline(self._whole[level])

    def _trail(
        self, painter: QPainter, trace: Trace, level: str, row: int, colour: QColor, palette: Palette, values: Floats | None
    ) -> None:
        pixels = self._pixels[level]
        first = max(0, row - TRAIL)
        if first:
            painter.setPen(QPen(colour, 1))
            painter.setOpacity(0.4)
            painter.drawPolyline(polygon(pixels[: first + 1 : max(1, first // _OLD_POINTS)]))
            painter.setOpacity(1.0)
        shades = scale(palette)
        steps = step_of_rows(trace, level)
        edges = np.unique(np.linspace(first, row, _AGES + 1).astype(int))
        for age, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            painter.setOpacity(0.35 + 0.65 * (age + 1) / max(1, len(edges) - 1))
            part = pixels[start : end + 1]
            if values is None:
                painter.setPen(QPen(colour, 1.8))
                painter.drawPolyline(polygon(part))
                painter.setPen(_dot(colour, 4))
                painter.drawPoints(polygon(part[1:]))
            else:
                shade = np.clip(np.nan_to_num(values[np.maximum(steps[start + 1 : end + 1], 0)]) * _SHADES, 0, _SHADES - 1).astype(int)
                for k in np.unique(shade).tolist():
                    at = np.flatnonzero(shade == k)
                    painter.setPen(QPen(shades[k], 2.2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                    painter.drawLines([QLineF(*part[i].tolist(), *part[i + 1].tolist()) for i in at.tolist()])
                    painter.setPen(_dot(shades[k], 5))
                    painter.drawPoints(polygon(part[at + 1]))
        painter.setOpacity(1.0)
        self._arrows(painter, pixels[max(0, row - _ARROWS) : row + 1], colour)

    @staticmethod
    def _arrows(painter: QPainter, pixels: Floats, colour: QColor) -> None:
        """The direction of the last moves, if they are long enough."""
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for (x, y), (to_x, to_y) in zip(pixels[:-1].tolist(), pixels[1:].tolist(), strict=True):
            if hypot(to_x - x, to_y - y) < 22:
                continue
            angle = atan2(to_y - y, to_x - x)
            tip = QPointF(x + 0.6 * (to_x - x), y + 0.6 * (to_y - y))
            wings = [QPointF(tip.x() - 8 * cos(angle + bend), tip.y() - 8 * sin(angle + bend)) for bend in (0.45, -0.45)]
            painter.drawPolygon(QPolygonF([tip, *wings]))

    def _marks(self, painter: QPainter, trace: Trace, level: str, row: int, palette: Palette, verdict: Verdict) -> None:
        """Rings at the ends of segments, ★ where the puzzle is solved, ◆ where the model would halt."""
        pixels = self._pixels[level]
        rows = trace.h_row if level == "H" else trace.l_row
        ends = np.flatnonzero(np.diff(trace.segment, append=trace.segment[-1] + 1))
        ends = ends[:: max(1, -(-len(ends) // _MOST_MARKS))]
        painter.setBrush(palette.color("surface"))
        for at in np.minimum(rows[ends], len(pixels) - 1).tolist():
            colour = palette.color("level_H" if level == "H" else "level_L", 1.0 if at <= row else 0.35)
            painter.setPen(QPen(colour, 1.4))
            painter.drawEllipse(QPointF(*pixels[at].tolist()), 3.2, 3.2)
        font = QFont(painter.font())
        font.setPixelSize(16)
        painter.setFont(font)
        halting = trace.segment_end(verdict.halting) if verdict.halting is not None else None
        for mark, step, meaning in (("★", verdict.solved, "right"), ("◆", halting, "warning")):
            if step is not None:
                x, y = pixels[min(int(rows[step]), len(pixels) - 1)].tolist()
                painter.setPen(palette.color(meaning))
                place = QRectF(x - 10 + (-9 if mark == "★" else 9), y - 22, 20, 18)
                painter.drawText(place, Qt.AlignmentFlag.AlignCenter, mark)
                self.marks.append((place, mark))


def paint_axes(painter: QPainter, plot: Plot, rotation: Rotation, palette: Palette, explained: Floats) -> None:
    """The three axes as short lines in a corner, and their shares (3,) of the variance."""
    box = plot.getPlotItem().vb.sceneBoundingRect()
    origin = QPointF(box.left() + 34, box.bottom() - 30)
    painter.setPen(QPen(palette.color("muted"), 1.2))
    for k, (x, y, _) in enumerate(rotated(np.eye(3), rotation.yaw, rotation.pitch).tolist()):
        end = origin + QPointF(22 * x, -22 * y)
        painter.drawLine(origin, end)
        painter.drawText(origin + QPointF(30 * x - 4, -30 * y + 4), f"{k + 1}")
    if explained[0]:
        words = "PC " + "  ".join(f"{k + 1}: {share:.0%}" for k, share in enumerate(explained.tolist()))
        painter.drawText(box.adjusted(0, 0, -4, -2), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, words)


def cell_pixels(plot: Plot, points: PlotPoints, trace: Trace, step: int, level: str, rotation: Rotation) -> Floats:
    """The pixels (S, 2) of the cells' points."""
    assert points.cells is not None
    states = np.asarray(states_of(trace, level)[row_at(trace, step, level)][-len(trace.puzzle.given) :], np.float32)
    return to_pixels(plot, points.cells(states), points, rotation, True)


def paint_trails(
    painter: QPainter,
    plot: Plot,
    points: PlotPoints,
    trace: Trace,
    step: int,
    level: str,
    rotation: Rotation,
    palette: Palette,
    selected: frozenset[int],
) -> None:
    """The paths of the selected cells up to a step; older parts fade."""
    assert points.cells is not None
    states, row, cells = states_of(trace, level), row_at(trace, step, level), len(trace.puzzle.given)
    first = max(0, row - TRAIL)
    colours = palette.cell_colours(selected)
    for cell in sorted(selected)[:_MOST_TRAILS]:
        if cell >= cells or row == 0:
            continue
        own = np.asarray(states[first : row + 1, states.shape[1] - cells + cell], np.float32)
        pixels = to_pixels(plot, points.cells(own), points, rotation, True)
        edges = np.unique(np.linspace(0, len(pixels) - 1, _AGES + 1).astype(int))
        for age, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            painter.setOpacity(0.25 + 0.65 * (age + 1) / max(1, len(edges) - 1))
            painter.setPen(QPen(QColor(colours[cell]), 1.6))
            painter.drawPolyline(polygon(pixels[start : end + 1]))
    painter.setOpacity(1.0)


def paint_cells(painter: QPainter, pixels: Floats, trace: Trace, step: int, palette: Palette, by: str, selected: frozenset[int]) -> None:
    """A point for each cell, coloured by 'judgement', 'digit', 'cell' or 'confidence'."""
    if by == "judgement":
        _judged(painter, pixels, trace, step, palette)
    elif by == "digit":
        tokens = trace.prediction[step].astype(int)
        for token in np.unique(tokens).tolist():
            _points(painter, pixels[tokens == token], token_colour(trace.puzzle.task, token, palette))
    elif by == "confidence":
        probability = trace.probability[step].max(axis=1)
        chance = 1 / trace.probability.shape[2]
        shade = np.clip((probability - chance) / (1 - chance) * _SHADES, 0, _SHADES - 1).astype(int)
        for k, colour in enumerate(scale(palette)):
            _points(painter, pixels[shade == k], colour)
    else:
        side = trace.side
        for k, (x, y) in enumerate(pixels.tolist()):
            row, column = divmod(k, side)
            painter.setPen(_dot(QColor.fromHsvF(0.85 * row / side, 0.75, 0.45 + 0.5 * column / side), 7))
            painter.drawPoint(QPointF(x, y))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for cell, ring in palette.cell_colours(selected).items():
        if cell < len(pixels):
            painter.setPen(QPen(QColor(ring), 2))
            painter.drawEllipse(QPointF(*pixels[cell].tolist()), 7, 7)


def token_colour(task: str, token: int, palette: Palette) -> QColor:
    """The colour of an answer: ARC's own colours, else a hue."""
    if task.startswith("arc") and token >= 2:
        return QColor(ARC_COLOURS[token - 2])
    if token < 2:
        return palette.color("muted")
    return QColor.fromHsvF((token - 2) * 0.38 % 1, 0.7, 0.85 if palette.name == "dark" else 0.7)


def _judged(painter: QPainter, pixels: Floats, trace: Trace, step: int, palette: Palette) -> None:
    solution, blank = trace.puzzle.solution, blanks(trace)
    wrong = trace.prediction[step] != solution if solution is not None else np.zeros(len(blank), bool)
    answered = palette.color("right" if solution is not None else "answer")
    _points(painter, pixels[~blank & ~wrong], palette.color("muted", 0.7))
    _points(painter, pixels[blank & ~wrong], answered)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(palette.color("wrong"))
    for x, y in pixels[wrong].tolist():
        painter.drawPolygon(QPolygonF([QPointF(x, y - 4.5), QPointF(x + 4.5, y + 3.5), QPointF(x - 4.5, y + 3.5)]))


def _points(painter: QPainter, pixels: Floats, colour: QColor) -> None:
    painter.setPen(_dot(colour, 7))
    painter.drawPoints(polygon(pixels))


def _dot(colour: QColor, size: float) -> QPen:
    """A pen whose points are discs."""
    return QPen(colour, size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
