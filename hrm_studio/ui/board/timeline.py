"""The timeline: segments, H steps and L-steps, what changed when, and the cursor."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip

from hrm_model.analysis.cells import answer_changes, previewed, short_step_name
from hrm_model.analysis.story import story
from hrm_model.trace.data import LEVEL_H, Trace
from hrm_studio.glossary import tip
from hrm_studio.models.bookmarks import Bookmarks
from hrm_studio.models.player import Player
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.drawing import picture, premultiplied
from hrm_studio.ui.widgets.view import View

_SIDE = 28  # pixels left and right of the lanes, for their letters
_HEIGHT = 86
_CHANGES, _H, _L, _CLEAN = (21, 9), (32, 13), (47, 13), (62, 3)  # top and height of the lanes
_FLAGS = 68


def step_name(trace: Trace, step: int) -> str:
    """'Segment 3 · H-cycle 1 · L-step 2', counted from 1."""
    place = f"Segment {trace.segment[step] + 1} · H-cycle {trace.h_cycle[step] + 1} · "
    return place + ("H step" if trace.level[step] == LEVEL_H else f"L-step {trace.l_step[step] + 1}")


class TimelineView(View):
    """Lanes of answer changes, H steps and L-steps under the segments' numbers; a green line while no rule is broken.

    ★ marks the segment in which the answer becomes right for good, ☆ the first right answer if it is lost again, ◆ the segment
    after which the model would halt.

    Click or drag to move the cursor, or scroll. Shift + drag sets the range that is played, Shift + click clears it. A double
    click asks for a bookmark.

    Signals
    -------
    bookmark_wanted(int)    edit the bookmark of this step
    """

    bookmark_wanted = Signal(int)

    def __init__(self, traces: TraceModel, theme: Theme, player: Player | None = None, bookmarks: Bookmarks | None = None) -> None:
        super().__init__()
        self._traces, self._theme = traces, theme
        self._player, self._bookmarks = player, bookmarks
        self._kept: dict[float, QPixmap] = {}  # the lanes at two strengths
        self._kept_trace: Trace | None = None
        self._kept_for: tuple[object, ...] = ()
        self._range_from: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Timeline")
        signals = [traces.trace_replaced, traces.trace_grew, traces.running_changed, traces.cursor_moved, theme.changed]
        signals += [part.changed for part in (player, bookmarks) if part is not None]
        self.follow([(signal, self._refresh) for signal in signals], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(800, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, _HEIGHT)

    def x_of(self, step: float) -> float:
        return _SIDE + (self.width() - 2 * _SIDE) * step / max(1, self._traces.steps)

    def step_at(self, x: float) -> int:
        trace = self._traces.trace
        if trace is None:
            return -1
        step = int((x - _SIDE) / max(1, self.width() - 2 * _SIDE) * self._traces.steps)
        return min(max(step, 0), len(trace) - 1)

    # Painting --------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        colours, trace, cursor = self._theme.palette, self._traces.trace, self._traces.cursor
        if trace is None or cursor < 0:
            painter.setPen(colours.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "The steps appear here.")
            return
        segment = int(trace.segment[cursor])
        first, last = np.searchsorted(trace.segment, [segment, segment + 1]).tolist()
        painter.drawPixmap(0, 0, self._lanes(trace, 0.35))
        painter.fillRect(QRectF(self.x_of(first), 19, self.x_of(last) - self.x_of(first) - 1, 48), colours.color("accent", 0.12))
        x = self.x_of(cursor + 1)
        painter.save()
        painter.setClipRect(QRectF(0, 0, x, self.height()))
        painter.drawPixmap(0, 0, self._lanes(trace, 1.0))
        painter.restore()
        self._paint_moments(painter, trace)
        self._paint_range(painter)
        self._paint_flags(painter, cursor)
        self._name(painter, segment, (self.x_of(first) + self.x_of(last)) / 2, "accent", behind=True)
        x = self.x_of(cursor + 0.5)
        painter.setPen(QPen(colours.color("text"), 2))
        painter.drawLine(QPointF(x, 18), QPointF(x, _FLAGS))

    def _lanes(self, trace: Trace, strength: float) -> QPixmap:
        """Everything that does not move with the cursor, cached as a pixmap."""
        ratio = self.devicePixelRatioF()
        key = (self._traces.steps, self.width(), self.height(), ratio, self._theme.palette.name, self._traces.running)
        if self._kept_trace is not trace or self._kept_for != key:
            self._kept.clear()
            self._kept_trace, self._kept_for = trace, key
        if strength not in self._kept:
            made = QPixmap(self.size() * ratio)
            made.setDevicePixelRatio(ratio)
            made.fill(Qt.GlobalColor.transparent)
            with QPainter(made) as painter:
                self._paint_lanes(painter, trace, strength)
            self._kept[strength] = made
        return self._kept[strength]

    def _paint_lanes(self, painter: QPainter, trace: Trace, strength: float) -> None:
        colours, end = self._theme.palette, self.x_of(len(trace))
        whole = strength == 1.0
        if not whole:  # the ground of both is painted once, with the pale lanes
            shade = premultiplied(colours.muted, 0.06 + 0.05 * (trace.segment % 2))
            painter.drawImage(QRectF(_SIDE, 19, end - _SIDE, 48), picture(shade, len(trace)))
            self._paint_names(painter, trace)
            painter.setPen(colours.color("muted"))
            for name, (top, height) in (("Δ", _CHANGES), ("H", _H), ("L", _L)):
                place = QRectF(0, top - 2, _SIDE - 6, height + 4)
                painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
        high = trace.level == LEVEL_H
        for name, lane, (top, height) in (("level_H", high, _H), ("level_L", ~high, _L)):
            self._blocks(painter, lane, top, height, name, strength)
        changes = answer_changes(trace)
        self._bars(painter, changes, strength)
        clean = self._traces.verdict.counts.breaks == 0
        painter.drawImage(
            QRectF(_SIDE, _CLEAN[0], end - _SIDE, _CLEAN[1]), picture(premultiplied(colours.right, clean * strength), len(trace))
        )  # fmt: skip

    def _blocks(self, painter: QPainter, lane: np.ndarray, top: int, height: int, name: str, strength: float) -> None:
        """A block for each step; if they are too small to tell apart, one scaled image."""
        unit = self.x_of(1) - self.x_of(0)
        if unit > 4:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.palette.color(name, strength))
            painter.drawRects([QRectF(self.x_of(k), top, unit - 1, height) for k in np.flatnonzero(lane).tolist()])
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            colour = self._theme.palette.level_H if name == "level_H" else self._theme.palette.level_L
            place = QRectF(_SIDE, top, self.x_of(len(lane)) - _SIDE, height)
            painter.drawImage(place, picture(premultiplied(colour, lane * strength), len(lane)))

    def _bars(self, painter: QPainter, changes: np.ndarray, strength: float) -> None:
        """How many cells changed their answer at each step, on a logarithmic scale. Steps that share a pixel show their highest bar."""
        top, height = _CHANGES
        unit = max(1.0, self.x_of(1) - self.x_of(0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.palette.color("warning", strength))
        size = height * np.log1p(changes) / max(1.0, float(np.log1p(changes.max(initial=0))))
        tallest: dict[int, float] = {}
        for k in np.flatnonzero(changes).tolist():
            tallest[round(self.x_of(k))] = max(tallest.get(round(self.x_of(k)), 0.0), float(size[k]))
        painter.drawRects([QRectF(x, top + height - tall, max(1.0, unit - 1), tall) for x, tall in tallest.items()])

    def _paint_names(self, painter: QPainter, trace: Trace) -> None:
        starts = np.flatnonzero(np.diff(trace.segment, prepend=-1))
        ends = np.append(starts[1:], len(trace))
        every = max(1, round(46 / max(1.0, (self.x_of(len(trace)) - _SIDE) / len(starts))))
        verdict = self._traces.verdict
        marked = {int(trace.segment[verdict.solved])} if verdict.solved is not None else set()
        marked |= {int(trace.segment[verdict.first_right])} if verdict.first_right is not None else set()
        marked |= {verdict.halting} if verdict.halting is not None else set()
        middles = [(self.x_of(a) + self.x_of(b)) / 2 for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        near = {k for m in marked for k in range(len(starts)) if k != m and abs(middles[k] - middles[m]) < 34}
        for segment in range(len(starts)):
            if segment in marked or (segment % every == 0 and segment not in near):
                self._name(painter, segment, middles[segment], "right" if segment in marked else "muted")

    def _name(self, painter: QPainter, segment: int, middle: float, colour: str, behind: bool = False) -> None:
        trace, verdict = self._traces.trace, self._traces.verdict
        assert trace is not None
        marks, first = "", verdict.first_right
        if verdict.solved is not None and trace.segment[verdict.solved] == segment:
            marks += " ★"
        elif first is not None and trace.segment[first] == segment:
            marks += " ☆"
        if verdict.halting == segment:
            marks += " ◆"
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setBold(behind)
        painter.setFont(font)
        text = f"{segment + 1}{marks}"
        width = painter.fontMetrics().horizontalAdvance(text) + 4
        place = QRectF(middle - width / 2, 2, width, 16)
        if behind:
            half = painter.fontMetrics().horizontalAdvance(text) / 2 + 3  # not wider, or it would cover a neighbour's number
            painter.fillRect(QRectF(middle - half, 2, 2 * half, 16), self._theme.palette.color("window"))
        painter.setPen(self._theme.palette.color("right" if marks and not behind else colour))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_moments(self, painter: QPainter, trace: Trace) -> None:
        """Dashed and dotted lines at the steps of ★ (or ☆) and ◆, as in Curves."""
        verdict, colours = self._traces.verdict, self._theme.palette
        halting = trace.segment_end(verdict.halting) if verdict.halting is not None else None
        solved = verdict.first_right if verdict.solved is None else verdict.solved
        for step, side, colour, style in (
            (solved, 0.0, colours.right, Qt.PenStyle.DashLine),  # where the step begins
            (halting, 1.0, colours.muted, Qt.PenStyle.DotLine),  # where the segment ends
        ):
            if step is not None:
                x = self.x_of(step + side)
                painter.setPen(QPen(QColor(colour), 1.5, style))
                painter.drawLine(QPointF(x, 18), QPointF(x, _CLEAN[0] + _CLEAN[1]))

    def _paint_range(self, painter: QPainter) -> None:
        if self._player is None or self._player.range is None:
            return
        first, last = self._player.range
        left, right = self.x_of(first), self.x_of(last + 1)
        colour = self._theme.palette.color("accent")
        painter.setPen(QPen(colour, 2))
        for x, inward in ((left, 5), (right, -5)):
            painter.drawPolyline(QPolygonF([QPointF(x + inward, 19), QPointF(x, 19), QPointF(x, 67), QPointF(x + inward, 67)]))

    def _paint_flags(self, painter: QPainter, cursor: int) -> None:
        if self._bookmarks is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for step in self._bookmarks.notes:
            x = self.x_of(step + 0.5)
            painter.setBrush(QColor(self._theme.palette.accent if step == cursor else self._theme.palette.series[3]))
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(x, _FLAGS),
                        QPointF(x - 5, _FLAGS + 6),
                        QPointF(x - 5, _FLAGS + 15),
                        QPointF(x + 5, _FLAGS + 15),
                        QPointF(x + 5, _FLAGS + 6),
                    ]
                )
            )

    # Mouse -----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        step = self.step_at(event.position().x())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._player is not None:
            self._range_from = step
            self._player.set_range(None)
        else:
            self._traces.set_cursor(step)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not event.buttons() & Qt.MouseButton.LeftButton:
            return
        step = self.step_at(event.position().x())
        if self._range_from is not None and self._player is not None:
            self._player.set_range((self._range_from, step) if step != self._range_from else None)
        else:
            self._traces.set_cursor(step)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._range_from = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._bookmarks is not None and self._traces.trace is not None:
            self.bookmark_wanted.emit(self.step_at(event.position().x()))

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        self._traces.move_steps(-1 if delta > 0 else 1)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._traces.trace is not None:
            term = self.letter_at(event.pos())
            QToolTip.showText(event.globalPos(), tip(term) if term else self.tip(self.step_at(event.pos().x())), self)
            return True
        return super().event(event)

    @staticmethod
    def letter_at(point: QPoint) -> str:
        """The lane's letter under the mouse; '' elsewhere."""
        lanes = {"Δ": _CHANGES, "H": _H, "L": _L} if point.x() < _SIDE else {}
        return next((letter for letter, (top, height) in lanes.items() if top <= point.y() < top + height), "")

    def tip(self, step: int) -> str:
        trace = self._traces.trace
        assert trace is not None
        high = trace.level[step] == LEVEL_H
        what = (
            "The fast module L updates its state; the board shows a preview: what H would answer if it updated now."
            if not high
            else "The slow module H updates its state; the board shows its answer, which the preview before showed already."
            if previewed(trace, step)
            else "The slow module H updates its state; the board shows its answer."
        )
        lines = [step_name(trace, step), what]
        verdict = self._traces.verdict
        if step:
            changed = int((trace.prediction[step] != trace.prediction[step - 1]).sum())
            lines.append(f"Δ {changed} cell{'' if changed == 1 else 's'} changed.")
        if verdict.counts.breaks[step] == 0:
            lines.append("No rule is broken by what the board shows (green line).")
        # The marks stand at the segment's number, so all its steps explain them.
        solved, first, segment = verdict.solved, verdict.first_right, trace.segment[step]
        if solved is not None and trace.segment[solved] == segment:
            lines.append(f"★ Solved: the answer is right from {'here' if step == solved else short_step_name(trace, solved)} on.")
        elif first is not None and trace.segment[first] == segment:
            where = "here" if step == first else f"at {short_step_name(trace, first)}"
            lines.append(f"☆ The answer is right {where} for the first time; a later step loses it again.")
        if trace.segment[step] == verdict.halting:
            lines.append("◆ " + story(trace, verdict, running=self._traces.running).halting)
        if self._bookmarks is not None and step in self._bookmarks.notes:
            lines.append(f"Bookmark: {self._bookmarks.notes[step] or 'no note'}")
        return "\n".join(lines)
