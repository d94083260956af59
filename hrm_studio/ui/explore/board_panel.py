"""The board with its surroundings: what happens in words, the overlays' switches, and the overview strip."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QToolButton, QVBoxLayout, QWidget

from hrm_model.trace.data import LEVEL_H
from hrm_studio.glossary import tip
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import EMPTY, BoardView
from hrm_studio.ui.board.drawing import Overlay
from hrm_studio.ui.board.narration import headline, narrate
from hrm_studio.ui.explore.board_strip import BoardStrip
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

MOVED_TIP = "<p><b>moved by 10 %</b>: the module's state changed by a tenth of its length at this step.</p>"


class BoardPanel(View):
    """A BoardView (`board`) with its surroundings."""

    def __init__(self, traces: TraceModel, selection: Selection, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._traces, self._theme = traces, theme
        self.board = BoardView(traces, selection, theme)
        self.strip = BoardStrip(traces, self.board, theme)
        self.help = QPushButton("Open the Library", objectName="primary", visible=False)
        self.help.setToolTip("Choose or download a model that reads this puzzle")
        self.what, self.outcome = Elided("title"), Elided("muted")
        self.switches: dict[str, QToolButton] = {}
        self._offered: tuple[Overlay, ...] = ()
        self._every = QToolButton(
            text="Steps", checkable=True, objectName="chip", accessibleName="Every step"
        )  # a short name, so that all switches fit at 1280 pixels
        self._every.setToolTip("Show one small board per step below, instead of one per segment")
        self._every.toggled.connect(self.strip.set_every_step)
        self._legend = FlowRow(self._every, centred=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 8, 6, 4)
        layout.setSpacing(3)
        layout.addWidget(self.what)
        layout.addWidget(self.outcome)
        layout.addWidget(self.board, 1)
        layout.addWidget(self.help, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self._legend)
        layout.addWidget(self.strip)
        subscriptions = [
            (traces.trace_replaced, self._show_words),
            (traces.trace_grew, self._show_words),
            (traces.cursor_moved, self._show_words),
        ]
        self.follow(subscriptions, self._show_words)

    def show_why_empty(self, why: str) -> None:
        """Say on the empty board why nothing reasons, with a button that helps; '' takes both away."""
        self.board.empty = why or EMPTY
        self.help.setVisible(bool(why))
        self.board.update()

    def set_alone(self, alone: bool) -> None:
        """Give the board the room of the switches and small boards below it."""
        self._legend.setVisible(not alone)
        self.strip.setVisible(not alone)

    def _show_words(self) -> None:
        trace, found = self._traces.trace, self.board.drawing
        self._offer(found.offers if found is not None else ())
        if trace is None or self._traces.cursor < 0:
            self.what.setText("")
            self.outcome.setText("")
            return
        _, outcome = narrate(trace, self._traces.cursor)
        self.what.setText(headline(trace, self._traces.cursor))
        self.outcome.setText(outcome)
        slow = trace.level[self._traces.cursor] == LEVEL_H
        self.what.setToolTip(tip("H step" if slow else "L-step"))
        self.outcome.setToolTip(f"<p>{outcome}</p>" + tip("segment") + tip("preview") + (tip("surer") if slow else "") + MOVED_TIP)

    def _offer(self, offers: tuple[Overlay, ...]) -> None:
        """Make the switches of the current task."""
        if offers == self._offered:
            return
        self._offered = offers
        for switch in self.switches.values():
            self._legend.row.removeWidget(switch)
            switch.hide()  # deleteLater takes effect only in the event loop's next turn
            switch.deleteLater()
        self.switches = {}
        for k, overlay in enumerate(offers):
            switch = QToolButton(text=overlay.label, checkable=True, toolTip=overlay.tip, objectName="chip")
            switch.setChecked(getattr(self.board.overlays, overlay.name))
            switch.toggled.connect(partial(self._switch, overlay.name))
            self._legend.row.insert(k, switch)
            self.switches[overlay.name] = switch
        order: list[QWidget] = [self.board, *self.switches.values(), self._every]
        for before, after in pairwise(order):
            self.setTabOrder(before, after)  # otherwise new buttons come last in the window's tab order

    def _switch(self, name: str, on: bool) -> None:
        self.board.show_overlays(**{name: on})
