"""Watch it learn, along two timelines: training steps at the top, reasoning steps at the bottom; between them the board, curves and states."""

from __future__ import annotations

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QTabWidget, QToolButton, QVBoxLayout

from hrm_model.analysis.story import count_words
from hrm_studio.models.runs import RunModel
from hrm_studio.models.watch import WatchModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.board.timeline import TimelineView, step_name
from hrm_studio.ui.plots.curves import CurvesView
from hrm_studio.ui.plots.states import StatesView
from hrm_studio.ui.train.watch_timeline import TrainingTimeline
from hrm_studio.ui.widgets.deferred import Deferred
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.view import View
from hrm_studio.units import share


class WatchView(View):
    """Signals
    -------
    message(str)   why a moment cannot be shown
    """

    message = Signal(str)

    def __init__(self, background: Background, reasoner: Reasoner, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._run: RunModel | None = None
        self._names: tuple[str, ...] = ()
        self.watch = watch = WatchModel(background, reasoner, self)
        self.timeline = TrainingTimeline(watch, theme)
        self.board = BoardView(watch.traces, watch.selection, theme)
        self._curves = Deferred(lambda: CurvesView(watch.traces, theme))
        self._states = Deferred(lambda: StatesView(watch.traces, watch.selection, background, theme))
        self.thinking = TimelineView(watch.traces, theme)
        self.through = _button("Play the training from its start, evaluation by evaluation")
        self.play = _button("Play the reasoning steps")
        self.when, self.where = Elided("position"), Elided("position")
        for line in (self.when, self.where):
            line.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.puzzle = QComboBox(toolTip="The probe puzzle: recorded at every evaluation, never trained on", accessibleName="Probe puzzle")
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.addWidget(self.through)
        first.addWidget(self.when, 1)
        first.addWidget(self.puzzle)
        tabs = QTabWidget(documentMode=True, accessibleName="Views of the puzzle")
        tabs.addTab(self._curves, "Curves")
        tabs.addTab(self._states, "States")
        self.middle = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self.middle.addWidget(self.board)
        self.middle.addWidget(tabs)
        self.middle.setSizes([500, 500])
        second = QHBoxLayout()
        second.addWidget(self.play)
        second.addWidget(self.where, 1)
        second.addWidget(QLabel("reasoning steps", objectName="muted"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.timeline)
        layout.addWidget(self.middle, 1)
        layout.addLayout(second)
        layout.addWidget(self.thinking)

    def _connect(self) -> None:
        watch = self.watch
        self.through.clicked.connect(watch.go_through)
        self.play.clicked.connect(watch.player.toggle)
        self.puzzle.activated.connect(watch.choose)
        watch.failed.connect(self.message)
        signals = (watch.changed, watch.traces.cursor_moved, watch.traces.trace_replaced, watch.player.playing_changed, self._theme.changed)
        self.follow([(signal, self._refresh) for signal in signals], self._refresh)

    def show_run(self, run: RunModel | None) -> None:
        """Watch this run once the view is on screen."""
        if self._run is not None:
            self._run.grew.disconnect(self._grew)
        self._run = run
        if run is not None:
            run.grew.connect(self._grew)
        self._grew()

    def _grew(self) -> None:
        if self.isVisible():
            self.watch.set_run(self._run)
            self.watch.look()

    def _refresh(self) -> None:
        if self.following:
            self._grew()
        watch, palette = self.watch, self._theme.palette
        self.through.setIcon(qtawesome.icon("mdi6.pause" if watch.going_through else "mdi6.fast-forward-outline", color=palette.text))
        self.play.setIcon(qtawesome.icon("mdi6.pause" if watch.player.playing else "mdi6.play", color=palette.text))
        if watch.titles != self._names:
            self._names = watch.titles
            self.puzzle.clear()
            self.puzzle.addItems(self._names)
        self.puzzle.setVisible(len(self._names) > 1)
        self.puzzle.setCurrentIndex(watch.puzzle if self._names else -1)
        moment = watch.moment
        if moment is None:
            self.when.setText("Nothing to watch yet. The first evaluation adds the first moment.")
        else:
            exact = self.timeline.exact(moment)
            when = f"After step {moment.step:,} of training" if moment.step else "Before training"
            words = [when, *([f"{share(exact)} of unseen puzzles solved"] if exact == exact else [])]
            if moment.file is None:
                words.append("computed now from a checkpoint")
            self.when.setText("  ·  ".join(words))
        trace, cursor = watch.traces.trace, watch.traces.cursor
        if trace is None or cursor < 0:
            self.where.setText("")
            return
        verdict = watch.traces.verdict
        solved = ["★ solved"] if verdict.solved is not None and cursor >= verdict.solved else []
        self.where.setText("  ·  ".join([step_name(trace, cursor), *solved, *count_words(verdict.counts, cursor)]))


def _button(tip: str) -> QToolButton:
    return QToolButton(objectName="flat", toolTip=tip, accessibleName=tip)
