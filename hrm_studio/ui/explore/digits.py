"""A symmetric model's trace by digit: what it believes about one digit everywhere, and how much each unit's message moves a cell."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QHideEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QComboBox, QLabel, QVBoxLayout, QWidget

from hrm_model.analysis.cells import short_step_name
from hrm_model.analysis.core import sudoku_variant
from hrm_model.tasks.sudoku.grid import SYMBOLS, Variant
from hrm_model.trace.data import LEVEL_NAMES, Array, Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.model_jobs import UnitMessages, messages_job
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.board.drawing import percent, picture, premultiplied
from hrm_studio.ui.board.puzzle_picture import box_lines, cell_lines, cell_rect
from hrm_studio.ui.board.square import SquareBoard
from hrm_studio.ui.board.token_text import digit_text
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.view import View

_REST_MS = 120  # messages are computed after the cursor has rested this long
_WIDE = 400  # pixels
LANE = "messages"


class DigitBoard(SquareBoard):
    """The probability of one digit in every cell. Clues of this digit are bold, cells with another clue are hatched out."""

    def __init__(self, selection: Selection, theme: Theme) -> None:
        super().__init__(selection)
        self._theme = theme
        self.variant: Variant | None = None
        self.probability: Array = np.zeros(0)  # (S,) of the digit
        self.given: Array = np.zeros(0, int)  # (S,) digits, 0 for a blank
        self.digit = 1
        self.strength: dict[int, float] = {}  # by box, row and column of the chosen cell: (unit) → share of its message
        self.cell = -1
        self.setMinimumSize(150, 150)
        self.setAccessibleName("Probability of a digit in each cell")

    def sizeHint(self) -> QSize:
        return QSize(260, 260)

    def side(self) -> int:
        return self.variant.side if self.variant is not None else 0

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.variant is None:
            return
        painter, palette, place, side = QPainter(self), self._theme.palette, self.place(), self.variant.side
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(place, palette.color("surface"))
        painter.drawImage(place, picture(premultiplied(palette.answer, 0.85 * np.sqrt(self.probability)), side))
        width = place.width() / side
        plain, bold = QFont(self.font()), QFont(self.font())
        for font in (plain, bold):
            font.setPixelSize(max(6, int(width * 0.56)))
        bold.setBold(True)
        for cell in np.flatnonzero(self.given).tolist():
            box = cell_rect(place, side, cell)
            own = self.given[cell] == self.digit
            painter.fillRect(box, palette.color("muted", 0.1 if own else 0.3))
            painter.setFont(bold if own else plain)
            painter.setPen(palette.color("given" if own else "muted", 1.0 if own else 0.55))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, SYMBOLS[self.given[cell]])
        painter.setPen(QPen(palette.color("border"), 1))
        painter.drawLines(cell_lines(place, side))
        painter.setPen(QPen(palette.color("text", 0.85), 1.5))
        painter.drawRect(place)
        painter.drawLines(box_lines(place, self.variant.walls))
        self._paint_units(painter, place, side)

    def _paint_units(self, painter: QPainter, place: QRectF, side: int) -> None:
        """The units of the chosen cell, the stronger their message the stronger."""
        palette = self._theme.palette
        painter.setPen(Qt.PenStyle.NoPen)
        for kind, (unit, share) in enumerate(self.strength.items()):
            assert self.variant is not None
            painter.setBrush(QColor(palette.series[kind]))
            painter.setOpacity(min(0.9, 0.2 + 1.5 * share))
            for cell in self.variant.units[unit].tolist():
                box = cell_rect(place, side, cell)
                mark = box.width() * 0.16
                corner = (box.left() + 1 + kind * (mark + 1), box.bottom() - mark - 1)
                painter.drawRect(QRectF(*corner, mark, mark))
        painter.setOpacity(1.0)
        if self.cell >= 0:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color("accent"), 2.5))
            painter.drawRect(cell_rect(place, side, self.cell))


class PartBars(QWidget):
    """A bar for each part of what a cell's state of one digit is mixed from."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.parts: dict[str, float] = {}
        self.setFixedHeight(0)
        self.setAccessibleName("What moves the chosen cell")

    def show_parts(self, parts: dict[str, float]) -> None:
        self.parts = parts
        self.setFixedHeight(19 * len(parts))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, palette = QPainter(self), self._theme.palette
        font = QFont(self.font())
        font.setPixelSize(11)
        painter.setFont(font)
        left, right = 92.0, 52.0
        colours = {"row": palette.series[0], "column": palette.series[1], "box": palette.series[2], "region": palette.series[2]}
        for k, (part, share) in enumerate(self.parts.items()):
            top = 19.0 * k
            painter.setPen(palette.color("text"))
            painter.drawText(QRectF(0, top, left - 6, 17), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, part)
            painter.fillRect(QRectF(left, top + 3, (self.width() - left - right) * share, 11), QColor(colours.get(part, palette.muted)))
            painter.drawText(
                QRectF(self.width() - right + 6, top, right - 6, 17),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                percent(share),
            )


class DigitsView(View):
    """Choose a digit; click a cell to see what moves it at the cursor's step."""

    def __init__(self, traces: TraceModel, selection: Selection, models: ModelChoice, reasoner: Reasoner, theme: Theme) -> None:
        super().__init__()
        self._traces, self._selection, self._models, self._reasoner, self._theme = traces, selection, models, reasoner, theme
        self.digit = QComboBox(
            accessibleName="Digit", toolTip="The digit that the board shows. The board shows how likely it is in each cell."
        )
        self.board, self.bars, self.title, self.state = (
            DigitBoard(selection, theme),
            PartBars(theme),
            QLabel(wordWrap=True, objectName="muted"),
            Elided("muted"),
        )
        self.bars.setToolTip(
            "Sizes of the vectors that are added up in the cell, for this digit, before the module's non-linearity:\n"
            "its own state, a message from each unit, and one from the other digits of the cell."
        )
        self.found: tuple[int, UnitMessages] | None = None  # the step that they were computed for
        self._found_for: Trace | None = None
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(4)
        self._body.addWidget(self.board, 1)
        beside = QVBoxLayout()
        beside.setSpacing(4)
        for widget in (self.digit, self.title, self.bars, self.state):
            beside.addWidget(widget)
        beside.addStretch()
        self._body.addLayout(beside, 1)
        self.digit.activated.connect(self._show)
        self.board.hovered.connect(self._say)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self.ask)
        self.follow(
            [
                (traces.trace_replaced, self._moved),
                (traces.running_changed, self._moved),
                (traces.cursor_moved, self._moved),
                (selection.changed, self._show),
                (theme.changed, self._show),
            ],
            self._moved,
        )

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._reasoner.drop(LANE)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What moves the cell stands beside the board if the panel is wide, else below it."""
        super().resizeEvent(event)
        wide = self.width() >= _WIDE
        self._body.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)

    @property
    def cell(self) -> int:
        """The one selected cell, else −1."""
        trace = self._traces.trace
        cells = self._selection.cells
        chosen = next(iter(cells)) if len(cells) == 1 else -1
        return chosen if trace is not None and chosen < len(trace.puzzle.given) else -1

    def _variant(self) -> Variant | None:
        trace = self._traces.trace
        return sudoku_variant(trace) if trace is not None and trace.model.config.get("mixer") == "units" else None

    def _moved(self) -> None:
        trace = self._traces.trace
        if trace is None or self._found_for is None or trace.puzzle is not self._found_for.puzzle:
            self.found = None
        self._found_for = trace
        self._show()
        if self._variant() is not None and not self._traces.running:
            self._rest.start()

    def ask(self) -> None:
        """Compute the messages of the cursor's step."""
        trace, step = self._traces.trace, self._traces.cursor
        if trace is None or step < 0 or not self.isVisible() or self._variant() is None or self._traces.running:
            return
        if self.found is not None and self.found[0] == step:
            return
        if not trace.has_states or trace.pooled:
            self.state.setText("This trace was recorded without states, so messages cannot be computed.")
            return
        path = self._models.named(trace.model.name)
        if path is None:
            self.state.setText(f"Recorded with {trace.model.name or 'an unnamed model'}. Open that model to compute its messages.")
            return

        def answered(found: UnitMessages) -> None:
            if self._traces.trace is not None and self._traces.trace.puzzle is trace.puzzle:
                self.found = step, found
                self.state.setText("")
                self._show()

        self._reasoner.run(path, self._models.device, messages_job(trace, step), answered, self.state.setText, lane=LANE)

    def _show(self) -> None:
        trace, variant, step = self._traces.trace, self._variant(), self._traces.cursor
        if trace is None or variant is None or step < 0:
            self.board.variant = None
            self.board.update()
            return
        if self.digit.count() != variant.side:
            self.digit.clear()
            self.digit.addItems([f"Digit {digit_text(d)}" for d in range(1, variant.side + 1)])
        digit = max(0, self.digit.currentIndex()) + 1
        board = self.board
        board.variant, board.digit, board.cell = variant, digit, self.cell
        board.given = np.maximum(np.asarray(trace.puzzle.given).astype(int) - 1, 0)
        board.probability = np.asarray(trace.probability[step][:, digit + 1], float)
        parts = self.parts(variant, digit)
        board.strength = {}
        if self.cell >= 0 and parts:
            names = ("row", "column", variant.box_word)
            board.strength = {int(unit): parts[name] for unit, name in zip(variant.units_of[self.cell], names, strict=True)}
        self.bars.show_parts(parts)
        board.update()
        self._say(-1)

    def parts(self, variant: Variant, digit: int) -> dict[str, float]:
        """Shares of the sizes that are added up in the chosen cell, or their mean over all cells. {} before they are computed."""
        if self.found is None or self.found[0] != self._traces.cursor or self.found[1].own.shape[0] != variant.cells:
            return {}
        found, f = self.found[1], digit - 1
        cells = [self.cell] if self.cell >= 0 else list(range(variant.cells))
        units = found.units[variant.units_of[cells], f].mean(axis=0)  # (3,)
        sizes = {"itself": float(found.own[cells, f].mean()), **dict(zip(("row", "column", variant.box_word), units.tolist(), strict=True))}
        sizes["other digits"] = float(found.digits[cells].mean())
        total = sum(sizes.values()) or 1.0
        return {name: size / total for name, size in sizes.items()}

    def _say(self, cell: int) -> None:
        trace, variant = self._traces.trace, self._variant()
        if trace is None or variant is None:
            self.title.setText("")
            return
        digit, step = max(0, self.digit.currentIndex()) + 1, self._traces.cursor
        if cell >= 0:
            place, likely = divmod(cell, variant.side), float(trace.probability[step][cell, digit + 1])
            self.title.setText(f"Row {place[0] + 1}, column {place[1] + 1} is {digit_text(digit)}: {percent(likely)}")
            return
        of = f"row {self.cell // variant.side + 1}, column {self.cell % variant.side + 1}" if self.cell >= 0 else "a cell, on average"
        if self.bars.parts:
            module = LEVEL_NAMES[trace.level[step]]
            self.title.setText(f"What moves {of}, digit {digit_text(digit)} ({module}, {short_step_name(trace, step)})")
        else:
            self.title.setText("Rest on a step to see how much each unit's message moves a cell.")
