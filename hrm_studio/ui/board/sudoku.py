"""The board of a Sudoku: bold clues, the answer as digits, pencil marks in cells that the model is not sure of."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from hrm_model.tasks.sudoku.grid import SYMBOLS, Variant, cell_name, conflicts, from_tokens, variant_of_task
from hrm_model.trace.counts import drawn_answers, sure_cells
from hrm_model.trace.data import Trace
from hrm_studio.theme import Palette
from hrm_studio.ui.board.drawing import CHANGED, CONFIDENCE, Drawing, Overlay, Overlays, corner, percent, picture
from hrm_studio.ui.board.puzzle_picture import box_lines, cell_lines
from hrm_studio.ui.board.token_text import digit_text

_PENCIL = 0.06  # least probability of a pencil mark
_LEAST_DIGIT = 6.0  # pixels of a cell in a small picture; where cells are smaller, they are filled instead
_LEAST_MARK = 8.5  # pixels; where pencil marks would be smaller, the likeliest digit stands alone


class SudokuDrawing(Drawing):
    """Every size, and jigsaws."""

    offers = (
        Overlay(
            "candidates", "Candidates", "Cells below 75 % show the likely digits as pencil marks: the likelier, the larger and stronger."
        ),
        CHANGED,
        Overlay("wrong", "Wrong", "A filled corner marks a digit that differs from the solution."),
        Overlay("rules", "Rule breaks", "A line under a digit: its row, column or box holds it twice."),
        CONFIDENCE,
    )

    def __init__(self, trace: Trace, palette: Palette, font: QFont) -> None:
        super().__init__(trace, palette, font)
        self.variant: Variant = variant_of_task(trace.puzzle.task)
        self.is_given = self.given > 1

    def paint(self, painter: QPainter, place: QRectF, step: int, overlays: Overlays) -> None:
        colours, width = self.palette, place.width() / self.side
        digits, probability, this = from_tokens(self.trace.prediction[step]), self.trace.probability[step], slice(step, step + 1)
        sure = sure_cells(self.trace, this)[0] if overlays.candidates else np.ones(len(digits), bool)
        changed = self.trace.prediction[step] != self.trace.prediction[max(0, step - 1)]
        wrong = self.wrong(step)
        clash = conflicts(drawn_answers(self.trace, this, sure=sure[None])[0], self.variant)
        big, bold = self.sized(width * 0.56), self.sized(width * 0.56, QFont.Weight.Bold)
        painter.fillRect(place, colours.color("surface"))
        given_tint, changed_tint = colours.color("muted", 0.10), colours.color("changed")
        given_ink, answer_ink, wrong_ink = colours.color("given"), colours.color("answer"), colours.color("wrong")
        boxes = self.boxes(place)
        for cell, box in enumerate(boxes):
            if changed[cell] and overlays.changed:
                painter.fillRect(box, changed_tint)
            elif self.is_given[cell]:
                painter.fillRect(box, given_tint)
        if overlays.confidence:
            tint = self.tint(step)
            tint[self.is_given] = 0
            painter.drawImage(place, picture(tint, self.side))
        for cell, box in enumerate(boxes):
            if self.is_given[cell]:
                # Show the clue whatever the model answers; a different answer is marked as wrong.
                self.put_glyph(painter, box, SYMBOLS[self.given[cell] - 1], bold, given_ink)
            elif sure[cell]:
                colour = wrong_ink if wrong[cell] and overlays.wrong else answer_ink
                self.put_glyph(painter, box, SYMBOLS[digits[cell]] if digits[cell] else "·", big, colour)
            else:
                self._paint_pencil(painter, box, probability[cell], answer_ink)
            if overlays.wrong and wrong[cell] and (sure[cell] or self.is_given[cell]):
                corner(painter, box, wrong_ink)
            if overlays.rules and clash[cell]:
                painter.setPen(QPen(wrong_ink, max(1.5, width * 0.035)))
                low, left, right = box.bottom() - width * 0.12, box.left() + width * 0.28, box.right() - width * 0.28
                painter.drawLine(QPointF(left, low), QPointF(right, low))
        self._paint_lines(painter, place)

    def _paint_pencil(self, painter: QPainter, box: QRectF, probability: np.ndarray, colour: QColor) -> None:
        """Pencil marks: the likelier a digit, the larger and stronger."""
        across = self.variant.box_width or math.ceil(self.side**0.5)
        width, height = box.width() / across, box.height() / -(-self.side // across)
        if min(width, height) < _LEAST_MARK:
            likeliest = int(probability[2:].argmax()) + 1
            painter.setOpacity(min(1.0, 0.35 + 0.6 * round(4 * float(probability[likeliest + 1])) / 4))
            self.put_glyph(painter, box, SYMBOLS[likeliest], self.sized(box.width() * 0.42), colour)
            painter.setOpacity(1.0)
            return
        for digit in (np.flatnonzero(probability[2:] >= _PENCIL) + 1).tolist():
            row, column = divmod(digit - 1, across)
            likely = float(probability[digit + 1])
            size = 0.62 + 0.12 * round(3 * likely)  # three sizes only: each is a cached pixmap
            painter.setOpacity(min(1.0, 0.3 + 0.9 * likely))
            mark = QRectF(box.left() + column * width, box.top() + row * height, width, height)
            self.put_glyph(painter, mark, SYMBOLS[digit], self.sized(min(width, height) * size), colour)
        painter.setOpacity(1.0)

    def _paint_lines(self, painter: QPainter, place: QRectF) -> None:
        colours, width = self.palette, place.width() / self.side
        painter.setPen(QPen(colours.color("border"), 1))
        painter.drawLines(cell_lines(place, self.side))
        painter.setPen(QPen(colours.color("text", 0.85), 2 if width > 12 else 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place)
        painter.drawLines(box_lines(place, self.variant.walls))

    def paint_small(self, painter: QPainter, place: QRectF, step: int) -> None:
        colours, width = self.palette, place.width() / self.side
        digits, sure = from_tokens(self.trace.prediction[step]), sure_cells(self.trace, slice(step, step + 1))[0]
        wrong = self.wrong(step)
        painter.fillRect(place, colours.color("surface"))
        filled = width < _LEAST_DIGIT
        font, bold = self.sized(width * 0.9), self.sized(width * 0.9, QFont.Weight.Bold)
        for cell in range(len(digits)):
            box = self.cell_rects(place, cell)[0]
            if filled and (self.is_given[cell] or sure[cell]):
                kind, strength = ("muted", 0.6) if self.is_given[cell] else ("wrong", 0.85) if wrong[cell] else ("answer", 0.55)
                painter.fillRect(box, colours.color(kind, strength))
            elif self.is_given[cell]:
                painter.fillRect(box, colours.color("muted", 0.16))
                self.put_glyph(painter, box, SYMBOLS[self.given[cell] - 1], bold, colours.color("given"))
            elif sure[cell]:
                if wrong[cell]:
                    painter.fillRect(box, colours.color("wrong", 0.22))
                self.put_glyph(painter, box, SYMBOLS[digits[cell]], font, colours.color("wrong" if wrong[cell] else "answer"))
        painter.setPen(QPen(colours.color("muted", 0.6), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place)
        painter.drawLines(box_lines(place, self.variant.walls))

    def cell_words(self, cell: int, step: int) -> list[str]:
        probability = self.trace.probability[step][cell]
        likely = [d for d in np.argsort(-probability) if probability[d] >= 0.01][:4]
        lines = [cell_name(cell, self.variant).capitalize()]
        if self.is_given[cell]:
            lines.append(f"given: {digit_text(int(self.given[cell]) - 1)}")
        lines += [f"{digit_text(int(d) - 1) if d > 1 else 'blank'}:  {percent(float(probability[d]))}" for d in likely]
        if self.solution is not None:
            lines.append(f"solution: {digit_text(int(self.solution[cell]) - 1)}")
        return lines
