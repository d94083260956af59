"""Boards of the Lab: base and branch side by side at one cursor, and the small boards of many tries."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip

from hrm_model.trace.data import Trace
from hrm_studio.models.lab import LabModel
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Palette, Theme
from hrm_studio.ui.board.board import drawing
from hrm_studio.ui.board.drawing import Drawing, Overlays
from hrm_studio.ui.lab.tree import answer_at
from hrm_studio.ui.widgets.view import View

_CAPTION, _GAP = 20, 10


class _Drawings:
    """The drawing of each trace, made once."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Trace, Palette, Drawing | None]] = {}

    def of(self, trace: Trace, view: View, palette: Palette) -> Drawing | None:
        kept = self._made.get(id(trace))
        if kept is None or kept[0] is not trace or kept[1] is not palette:
            if len(self._made) > 4:
                self._made.clear()
            kept = self._made[id(trace)] = trace, palette, drawing(trace, palette, view.font())
        return kept[2]


class BoardPair(View):
    """The base and the chosen branch at the cursor's step. A frame marks the cells whose answers differ."""

    def __init__(self, lab: LabModel, traces: TraceModel, theme: Theme) -> None:
        super().__init__()
        self._lab, self._traces, self._theme = lab, traces, theme
        self._drawings = _Drawings()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 130)
        self.setAccessibleName("Base and branch")
        signals = (lab.changed, traces.cursor_moved, traces.trace_replaced, theme.changed)
        self.follow([(s, self._refresh) for s in signals], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 210)

    def differing(self) -> np.ndarray:
        """The cells whose answers differ between base and branch at the cursor."""
        base, run = self._lab.base, self._lab.run
        if base is None or run is None or not len(base):
            return np.zeros(0, int)
        step = self._traces.cursor
        other = run.found.trace
        return np.flatnonzero(base.prediction[answer_at(base, step)] != other.prediction[answer_at(other, step)])

    def rooms(self) -> tuple[QRectF, QRectF]:
        """Where base and branch are, with their captions: side by side or one above the other, whichever makes them larger."""
        wide, high = float(self.width()), float(self.height())
        if min((wide - _GAP) / 2, high - _CAPTION) >= min(wide, (high - _GAP) / 2 - _CAPTION):
            return QRectF(0, 0, (wide - _GAP) / 2, high), QRectF((wide + _GAP) / 2, 0, (wide - _GAP) / 2, high)
        return QRectF(0, 0, wide, (high - _GAP) / 2), QRectF(0, (high + _GAP) / 2, wide, (high - _GAP) / 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours, lab = QPainter(self), self._theme.palette, self._lab
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(colours.color("muted"))
        if lab.base is None or not len(lab.base) or lab.run is None:
            words = "Branches appear here, beside the base." if lab.base is not None else "Let a model reason first."
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, words)
            return
        differs = self.differing()
        runs = ((lab.base, "Base"), (lab.run.found.trace, f"Branch: {len(differs)} differ" if len(differs) else "Branch: the same"))
        for k, ((trace, caption), room) in enumerate(zip(runs, self.rooms(), strict=True)):
            painter.setPen(colours.color("text"))
            painter.drawText(QRectF(room.left(), room.top(), room.width(), _CAPTION), Qt.AlignmentFlag.AlignCenter, caption)
            found = self._drawings.of(trace, self, colours)
            if found is None:
                continue
            below = room.adjusted(2, _CAPTION, -2, -2)
            height = min(below.height(), below.width() / found.aspect)
            place = QRectF(0, 0, height * found.aspect, height)
            place.moveCenter(below.center())
            step = answer_at(trace, self._traces.cursor)
            if found.fills:
                found.paint_small(painter, place, step)
                continue
            found.paint(painter, place, step, Overlays(candidates=False, changed=False))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.color("accent"), 2))
            for cell in differs.tolist() if k else ():
                for box in found.cell_rects(place, cell):
                    painter.drawRect(box.adjusted(1, 1, -1, -1))


class TryGrid(View):
    """A small board for each try, filled in as they think. A frame says whether it is right. A click opens a try as a run.

    Signals
    -------
    picked(int)     a try was clicked
    """

    picked = Signal(int)

    def __init__(self, lab: LabModel, theme: Theme) -> None:
        super().__init__()
        self._lab, self._theme = lab, theme
        self._drawings = _Drawings()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 130)
        self.setAccessibleName("Tries")
        self.follow([(lab.tries_changed, self._refresh), (theme.changed, self._refresh)], self._refresh)

    def _refresh(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 210)

    def places(self) -> list[QRectF]:
        """Where each try's board is."""
        tries = self._lab.tries
        if tries is None:
            return []
        count = len(tries.names)
        columns = min(range(1, count + 1), key=lambda c: -min(self.width() / c, self.height() / math.ceil(count / c)))
        rows = math.ceil(count / columns)
        wide, high = self.width() / columns, self.height() / rows
        side = min(wide, high) - 8
        found = []
        for k in range(count):
            place = QRectF(0, 0, side, side)
            place.moveCenter(QRectF(k % columns * wide, k // columns * high, wide, high).center())
            found.append(place)
        return found

    def try_at(self, point: object) -> int | None:
        """The try under a point."""
        return next((k for k, place in enumerate(self.places()) if place.contains(point)), None)  # type: ignore[call-overload]

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, colours, tries = QPainter(self), self._theme.palette, self._lab.tries
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if tries is None:
            painter.setPen(colours.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Tries appear here.")
            return
        found = self._drawings.of(tries.boards, self, colours)
        if found is None:
            return
        for k, place in enumerate(self.places()):
            found.paint_small(painter, place, k)
            right = None if tries.right is None else tries.right[k]
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colours.color({True: "right", False: "border", None: "border"}[right]), 3 if right else 1))
            painter.drawRect(place.adjusted(-2, -2, 2, 2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        number = self.try_at(event.position())
        if number is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(number)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._lab.tries is not None:
            number = self.try_at(event.pos().toPointF())
            QToolTip.showText(event.globalPos(), "" if number is None else self._words(number), self)
            return True
        return super().event(event)

    def _words(self, number: int) -> str:
        tries = self._lab.tries
        assert tries is not None
        right = "" if tries.right is None else "\nRight" if tries.right[number] else "\nNot right"
        by = [c.rule for c in tries.chosen if c.number == number]
        chosen = f"\nChosen by {', '.join(by)}" if by else ""
        return f"Try {number}: {tries.names[number]}\nq_halt {float(tries.boards.q_halt[number]):+.2f}{right}{chosen}\nClick to open it as a run."
