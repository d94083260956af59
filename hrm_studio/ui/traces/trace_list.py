"""The list of kept traces: a small board, title, outcome, tags and note of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from hrm_model.analysis.core import task_of
from hrm_model.trace.data import ModelInfo, PuzzleInfo, Trace
from hrm_studio.models.trace_library import TraceLibrary
from hrm_studio.models.trace_shelf import KeptTrace
from hrm_studio.theme import Palette, Theme
from hrm_studio.ui.board.board import drawing
from hrm_studio.units import size

Index = QModelIndex | QPersistentModelIndex

_ROW, _BOARD = 84, 66  # pixels


def outcome(kept: KeptTrace) -> tuple[str, str]:
    """The outcome as text, and the name of its palette colour."""
    return {
        True: (f"★ solved in segment {kept.solved_in}" if kept.solved_in else "★ solved", "right"),
        False: ("not solved", "wrong"),
        None: ("no solution known", "muted"),
    }[kept.solved]


def when(kept: KeptTrace) -> str:
    """'24 Nov 2026, 22:15'."""
    return f"{datetime.fromtimestamp(kept.created):%d %b %Y, %H:%M}"


def last_moment(kept: KeptTrace) -> Trace:
    """A trace of one step: the last answer of a kept trace."""
    given, answer = np.array(kept.given), np.array([kept.answer])
    one, vocabulary = np.zeros(1, np.int32), int(max(given.max(), answer.max())) + 1
    puzzle = PuzzleInfo(kept.task, given, np.array(kept.solution) if kept.solution else None)
    probability = np.eye(vocabulary, dtype=np.float32)[answer]
    task = task_of(Trace(puzzle, ModelInfo(), one, one, one, one, one, one, answer, probability, np.zeros(0), np.zeros(0)))
    if task is not None and vocabulary < task.vocab_size:
        probability = np.eye(task.vocab_size, dtype=np.float32)[answer]
    return Trace(puzzle, ModelInfo(), one, one, one, one, one, one, answer, probability, np.zeros(0), np.zeros(0))


def small_board(kept: KeptTrace, palette: Palette, font: QFont, pixels: int, ratio: float) -> QPixmap:
    """A picture of the last answer."""
    picture = QPixmap(QSize(pixels, pixels) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    if not kept.given or len(kept.given) != len(kept.answer):
        return picture
    found = drawing(last_moment(kept), palette, font)
    if found is not None:
        with QPainter(picture) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            height = min(float(pixels), pixels / found.small_aspect)
            found.paint_small(painter, QRectF(1, (pixels - height) / 2 + 1, pixels - 2, height - 2), 0)
    return picture


class TraceRows(QAbstractListModel):
    """The traces of the library that match the search."""

    def __init__(self, library: TraceLibrary, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._search = ""
        self.rows: list[KeptTrace] = []
        library.changed.connect(self._fill)
        self._fill()

    def set_search(self, text: str) -> None:
        self._search = text
        self._fill()

    def _fill(self) -> None:
        wanted = self._library.find(self._search)
        if [kept.path for kept in wanted] == [kept.path for kept in self.rows]:
            self.rows = wanted  # same traces: keep the selection
            if wanted:
                self.dataChanged.emit(self.index(0), self.index(len(wanted) - 1))
            return
        self.beginResetModel()
        self.rows = wanted
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        kept = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return kept.title
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            words = f"{kept.title}: {outcome(kept)[0]}, {kept.segments} segments, {kept.steps} steps, {size(kept.nbytes)}, {when(kept)}"
            return words + (f"\n{kept.note}" if kept.note else "") + f"\n{kept.path}"
        return kept if role == Qt.ItemDataRole.UserRole else None


class TraceRowDelegate(QStyledItemDelegate):
    """Paints a row."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._boards: dict[tuple[Any, ...], QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(240, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        kept: KeptTrace = index.data(Qt.ItemDataRole.UserRole)
        palette = self._theme.palette
        area = QRect(option.rect).adjusted(2, 2, -2, -2)  # type: ignore[attr-defined]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(palette.color("accent"), 1.4) if chosen else Qt.PenStyle.NoPen)
        painter.setBrush(palette.color("surface" if chosen else "raised", 1.0 if chosen or hovered else 0.0))
        painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.drawPixmap(area.left() + 8, area.top() + 7, self._board(kept, painter.font(), painter.device().devicePixelRatio()))
        text = area.adjusted(_BOARD + 18, 9, -12, -8)
        word, colour = outcome(kept)
        self._line(painter, text, 0, kept.title, size(kept.nbytes), bold=True)
        self._line(
            painter,
            text,
            21,
            f"{word}  ·  {kept.segments} segments, {kept.steps} steps  ·  {kept.model or 'unnamed model'}",
            when(kept),
            colour=palette.color(colour),
        )
        marks = "  ".join(f"#{tag}" for tag in kept.tags)
        words = "  ·  ".join(part for part in (marks, kept.note.partition("\n")[0]) if part)
        others = f"+ {kept.others} more in this file" if kept.others else ""
        self._line(painter, text, 42, words or others or f"states: {kept.states}", "" if kept.automatic else "kept", accent=bool(words))
        painter.restore()

    def _board(self, kept: KeptTrace, font: QFont, ratio: float) -> QPixmap:
        key = (kept.path, kept.answer, self._theme.palette.name, ratio)
        if key not in self._boards:
            self._boards[key] = small_board(kept, self._theme.palette, font, _BOARD, ratio)
        return self._boards[key]

    def _line(
        self, painter: QPainter, area: QRect, top: int, left: str, right: str, *, bold: bool = False, colour: QColor | None = None, accent: bool = False
    ) -> None:  # fmt: skip
        palette, font = self._theme.palette, QFont(painter.font())
        font.setPixelSize(13 if bold else 12)
        font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
        painter.setFont(font)
        line = QRect(area.left(), area.top() + top, area.width(), 18)
        painter.setPen(palette.color("muted"))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, right)
        room = line.width() - painter.fontMetrics().horizontalAdvance(right) - 10
        painter.setPen(colour if colour is not None else palette.color("text" if bold else "accent" if accent else "muted"))
        painter.drawText(
            line,
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
            painter.fontMetrics().elidedText(left, Qt.TextElideMode.ElideRight, room),
        )
