"""The attention of both modules at the cursor's step, for one layer and head. Computed on demand."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QComboBox, QGridLayout, QToolButton, QVBoxLayout

from hrm_model.analysis.attention import Neighbourhood, call_at, neighbourhood, shares, shares_of
from hrm_model.analysis.cells import short_step_name
from hrm_model.analysis.core import Floats, sudoku_variant
from hrm_model.trace.data import Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.model_jobs import AttentionWeights, attention_job
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.drawing import Drawing
from hrm_studio.ui.explore.attention_board import AttentionBoard, paint_arrows
from hrm_studio.ui.explore.digits import DigitsView
from hrm_studio.ui.explore.share_bars import ShareBars
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

_REST_MS = 120  # attention is computed after the cursor has rested this long
_KEPT = 8  # results that are remembered for small boards; all of them with Keep
_LARGE = 2_000_000  # weights of a large board: without Keep only the last result is remembered
_LOW, _WIDE = 330, 420  # pixels: below the first height and above the second width, the shares stand beside the boards
LANE = "attention"
_INSTEAD = {  # by mixer, of models without attention: how positions see each other
    "mlp": "an MLP mixes the positions.",
    "units": "cells get messages from their rows, columns and boxes.",
    "neighbours": "cells get messages from their four neighbours.",
}


@dataclass(frozen=True)
class HeadWeights:
    """The weights of one module that are shown."""

    found: AttentionWeights
    head: int
    weights: Floats  # (S, S)
    looked_at: Floats  # (S,) mean over the cells that look
    mean_shares: dict[str, float]  # mean over all cells; filled on demand


class AttentionView(View):
    """A board for L, a board for H, and the shares of attention on row, column and box."""

    def __init__(
        self, traces: TraceModel, selection: Selection, models: ModelChoice, reasoner: Reasoner, board: BoardView, theme: Theme
    ) -> None:
        super().__init__()
        self._traces, self._selection, self._models, self._reasoner, self._main, self._theme = (
            traces, selection, models, reasoner, board, theme,
        )  # fmt: skip
        self.found: OrderedDict[tuple[int, int], dict[str, AttentionWeights]] = OrderedDict()  # by step and layer
        self._found_for: Trace | None = None
        self._last: dict[str, HeadWeights] = {}
        self._around: tuple[int, Neighbourhood | None] | None = None
        self.boards = {level: AttentionBoard(level, traces, selection, board, theme) for level in "LH"}
        self.titles = {level: Elided("muted") for level in "LH"}
        self.bars = ShareBars(theme)
        self.digits = DigitsView(traces, selection, models, reasoner, theme)  # of symmetric models, in place of attention
        self.layer, self.head = QComboBox(accessibleName="Layer"), QComboBox(accessibleName="Head")
        self.layer.setToolTip("The layer of the module. The first layers look at the puzzle, later ones at the output of earlier layers.")
        self.head.setToolTip("The attention head of the layer. All heads is their mean.")
        self.layer.addItem("Layer 1")  # until the model says how many there are
        self.head.addItem("All heads")
        self._hovered = -1
        self._arrows = self._chip("Arrows", "Draw arrows to the cells that the chosen cell looks at most, also on the large board", True)
        self.follow_button = self._chip("Follow", "Compute attention again when the cursor rests on another step", True)
        self.keep_button = self._chip(
            "Keep", "Keep the attention computed so far and save it with the trace (about 13 MB per step for a large maze)", False
        )
        self.state = Elided("muted")
        self.state.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._arrange()
        self.layer.activated.connect(self.ask)
        self.head.activated.connect(self._show)
        self._arrows.toggled.connect(self._show)
        self.keep_button.toggled.connect(self._keep_all)
        self.follow_button.toggled.connect(self._moved)
        for small in self.boards.values():
            small.hovered.connect(self._look_from)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.ask)
        self.follow(
            [
                (traces.trace_replaced, self._moved),
                (traces.running_changed, self._moved),
                (traces.cursor_moved, self._moved),
                (selection.changed, self._show),
                (board.hovered, self._look_from),
                (theme.changed, self._show),
            ],
            self._moved,
        )

    def _chip(self, text: str, tip: str, on: bool) -> QToolButton:
        return QToolButton(text=text, toolTip=tip, checkable=True, checked=on, objectName="chip")

    def _arrange(self) -> None:
        self._controls = (self.layer, self.head, self._arrows, self.follow_button, self.keep_button)
        bar = FlowRow(*self._controls)
        self._body = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        grid = QGridLayout()
        grid.setSpacing(4)
        for column, level in enumerate("LH"):
            grid.addWidget(self.titles[level], 0, column)
            grid.addWidget(self.boards[level], 1, column)
        grid.setRowStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(bar)
        layout.addWidget(self.state)  # above the boards, because below them it might be scrolled out of sight
        self._body.addLayout(grid, 1)
        self._body.addWidget(self.bars)
        layout.addLayout(self._body, 1)
        layout.addWidget(self.digits, 1)
        layout.addStretch()  # without attention, the message stays at the top

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The shares move from below the boards to beside them if the panel is low and wide."""
        super().resizeEvent(event)
        room = self.parentWidget() or self  # of the scroll area, if there is one
        low = room.height() < _LOW and room.width() >= _WIDE
        self.bars.show_table(low)
        self._body.setDirection(QBoxLayout.Direction.LeftToRight if low else QBoxLayout.Direction.TopToBottom)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._reasoner.drop(LANE)
        self._main.over = None
        self._main.update()

    # Computing -------------------------------------------------------------------------------------------------------

    def _moved(self) -> None:
        trace = self._traces.trace
        if trace is not self._found_for:
            if self._found_for is None or trace is None or trace.puzzle is not self._found_for.puzzle:
                self.found.clear()
                self._around = None
            self._found_for = trace
        self._show()
        if trace is None or self._instead(trace):
            return
        if self.follow_button.isChecked() and not self._traces.running and self._key() not in self.found:
            if not self.found and trace.has_states:
                self._show_message("Rest on a step to see its attention.")
            self._rest.start()

    @staticmethod
    def _instead(trace: Trace) -> str:
        """What a model without attention does instead; '' if it has attention."""
        return _INSTEAD.get(str(trace.model.config.get("mixer", "attention")), "")

    def _key(self) -> tuple[int, int]:
        return self._traces.cursor, max(0, self.layer.currentIndex())

    def ask(self) -> None:
        trace = self._traces.trace
        if trace is None or self._traces.cursor < 0 or not self.isVisible() or self._instead(trace):
            return
        if self._traces.running:
            self._show_message("Attention is computed after the model has finished reasoning.")
            return
        key = self._key()
        if key in self.found:
            self._show()
            return
        kept = self._kept_weights(trace, *key)
        if kept:
            self._answered(trace, key, kept)
            return
        path = self._models.named(trace.model.name)
        if path is None:
            self._show_message(
                f"This trace was recorded with {trace.model.name or 'an unnamed model'}. Open that model to compute its attention."
            )
            return
        self._show_message("Computing attention …")
        self._reasoner.run(
            path,
            self._models.device,
            attention_job(trace, *key),
            lambda found: self._answered(trace, key, found),
            self._show_message,
            lane=LANE,
        )

    def _answered(self, trace: Trace, key: tuple[int, int], found: dict[str, AttentionWeights]) -> None:
        now = self._traces.trace
        if now is None or now.puzzle is not trace.puzzle:
            return  # another trace was opened in the meantime
        self.found[key] = found
        if self.keep_button.isChecked():
            self._remember(key[1], found)
        self._trim()
        layers, heads = max(of.layers for of in found.values()), found["L"].weights.shape[0]
        for box, count, words in ((self.layer, layers, "Layer {}"), (self.head, heads + 1, "Head {}")):
            if box.count() != count:
                at = max(0, box.currentIndex())
                box.clear()
                names = (
                    [words.format(k + 1) for k in range(count)]
                    if box is self.layer
                    else ["All heads"] + [words.format(k) for k in range(1, count)]
                )
                box.addItems(names)
                box.setCurrentIndex(min(at, count - 1))
        self._show_message("")
        self._show()

    def _keep_all(self, on: bool) -> None:
        """Keep what was computed with the trace, or drop it."""
        self._traces.attention.clear()
        for (_, layer), found in self.found.items() if on else ():
            self._remember(layer, found)
        self._trim()

    def _remember(self, layer: int, found: dict[str, AttentionWeights]) -> None:
        for of in found.values():
            self._traces.attention[of.step, min(layer, of.layers - 1)] = of.weights

    def _kept_weights(self, trace: Trace, step: int, layer: int) -> dict[str, AttentionWeights]:
        """The weights kept with the trace; {} if some are missing. Needs no model."""
        cells, found = len(trace.puzzle.given), {}
        for level in "LH" if self._traces.attention else "":
            at = call_at(trace, step, level)
            kept = [of for of_step, of in self._traces.attention if of_step == at]
            layers = max([*kept, int(trace.model.config.get(f"{level}_layers", 1)) - 1], default=0) + 1
            weights = self._traces.attention.get((at, min(layer, layers - 1)))
            if weights is None or weights.shape[-1] < cells:
                return {}
            found[level] = AttentionWeights(at, layers, weights[:, -cells:, -cells:])
        return found

    def _trim(self) -> None:
        if self.keep_button.isChecked() or not self.found:
            return
        large = next(iter(self.found.values()))["L"].weights.size > _LARGE
        while len(self.found) > (1 if large else _KEPT):
            self.found.popitem(last=False)

    def _show_message(self, message: str) -> None:
        self.state.setText(message)

    # Showing ---------------------------------------------------------------------------------------------------------

    def _head_weights(self, level: str, found: AttentionWeights) -> HeadWeights:
        """The weights of the chosen head; computed once, because those of a maze are large."""
        head = self.head.currentIndex()
        known = self._last.get(level)
        if known is None or known.found is not found or known.head != head:
            chosen = found.weights.mean(axis=0, dtype=np.float32) if head <= 0 else found.weights[min(head, len(found.weights)) - 1]
            weights = np.asarray(chosen, np.float32)
            known = self._last[level] = HeadWeights(found, head, weights, weights.mean(axis=0), {})
        return known

    def _show(self) -> None:
        trace, key = self._traces.trace, self._key()
        found = self.found.get(key)
        stale = found is None
        if found is None and self.found:
            found = next(reversed(self.found.values()))
        without = trace is not None and bool(self._instead(trace))
        for part in (*self.boards.values(), *self.titles.values(), self.bars, *self._controls):
            part.setVisible(not without)
        symmetric = trace is not None and trace.model.config.get("mixer") == "units" and sudoku_variant(trace) is not None
        self.digits.setVisible(symmetric)
        for level, small in self.boards.items():
            shown = self._head_weights(level, found[level]) if found is not None and trace is not None else None
            small.weights, small.looked_at = (None, None) if shown is None else (shown.weights, shown.looked_at)
            small.stale = stale
            small.arrows = self._arrows.isChecked()
            there = f" at {short_step_name(trace, found[level].step)}" if found is not None and trace is not None else ""
            self.titles[level].setText(("Fast L" if level == "L" else "Slow H") + there)  # short: two titles share 300 pixels
        self._main.over = self._paint_on_main if self._arrows.isChecked() and found is not None and not stale else None
        if trace is None:
            self._show_message("Attention appears here once the model has reasoned about a puzzle.")
        elif without:
            self._show_message(f"No attention: {self._instead(trace)}")
        elif not trace.has_states and stale:
            self._show_message("This trace was recorded without states, so attention cannot be computed.")
        self._look_from(self._hovered)

    def _look_from(self, cell: int) -> None:
        """Show where a cell looks; −1 stands for the selected cell, else for all cells together."""
        self._hovered = cell  # stays the same when playing moves the cursor
        if cell < 0 and len(self._selection.cells) == 1:
            cell = next(iter(self._selection.cells))
        trace = self._traces.trace
        if trace is not None and cell >= len(trace.puzzle.given):
            cell = -1
        for small in self.boards.values():
            small.cell = cell
            small.update()
        self._main.update()
        self.bars.show_shares(self._shares(cell), "the chosen cell" if cell >= 0 else "all cells")

    def _shares(self, cell: int) -> dict[str, dict[str, float]]:
        """The shares of a cell, or their mean over all cells, by module."""
        trace = self._traces.trace
        if trace is None or self.boards["L"].weights is None:
            return {}
        if self._around is None or self._around[0] != trace.side:
            variant = sudoku_variant(trace)
            boxes = (variant.box_height, variant.box_width) if variant is not None else (0, 0)
            self._around = trace.side, neighbourhood(trace.side, *boxes)
        around = self._around[1]
        assert around is not None
        found = {}
        for level, small in self.boards.items():
            if small.weights is None or len(small.weights) != trace.side**2:
                return {}
            if cell >= 0:
                parts = shares_of(small.weights, around, cell)
            else:
                known = self._last[level].mean_shares
                if not known:
                    known.update({name: float(value.mean()) for name, value in shares(small.weights, around).items()})
                parts = known
            found[level] = parts
        return found

    def _paint_on_main(self, painter: QPainter, drawing: Drawing, place: QRectF) -> None:
        """Arrows of the module that moved at this step, on the large board."""
        trace = self._traces.trace
        if trace is None or self._key() not in self.found:
            return
        level = "H" if trace.level[self._traces.cursor] else "L"
        small = self.boards[level]
        if small.weights is None or small.cell < 0 or len(small.weights) != len(drawing.given):
            return
        at = 1 if drawing.fills else 0

        def box_of(cell: int) -> QRectF | None:
            boxes = drawing.cell_rects(place, cell)
            return boxes[at] if len(boxes) > at else None

        colour = self._theme.palette.color("level_H" if level == "H" else "level_L", 0.75)
        paint_arrows(painter, box_of, small.weights[small.cell], small.cell, colour)
