"""The Evaluate page: one model, or two, on many puzzles, as a table, a scatter plot and curves. A click on a point opens the puzzle in Explore."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QSplitter,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
)

from hrm_model.errors import write_failure
from hrm_model.files import atomic_write
from hrm_model.folders import person
from hrm_studio.actions import Entry
from hrm_studio.services.model_jobs import EvaluateProgress, PuzzleSource, evaluate_job
from hrm_studio.studio import Studio
from hrm_studio.ui.evaluate.curves import SegmentPlots
from hrm_studio.ui.evaluate.puzzle_choice import NO_ARC, PuzzleChoice
from hrm_studio.ui.evaluate.scatter import PuzzleScatter
from hrm_studio.ui.evaluate.second import SecondModel, result_words
from hrm_studio.ui.evaluate.table import SHOWN, ResultTable, columns_of
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.error_label import ErrorLabel
from hrm_studio.ui.widgets.flow_layout import FlowRow
from hrm_studio.ui.widgets.view import View

LANE = "evaluate"
_DONE = "Click a point or double-click a row to open the puzzle."

_EMPTY = (
    "Run a model on many puzzles: which does it solve, how soon, and does its answer settle?\n\n"
    "Each puzzle is a row of the table and a point of the plot. Click a point to watch the model solve that puzzle.\n\n"
    "Generate Sudokus and mazes here, or read them from a file. ARC tasks open in Explore, one at a time."
)


class EvaluatePage(View):
    """Controls at the top; below, the results as a table and a scatter plot."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._studio = studio
        self._model: Path | None = None  # the model that was evaluated
        self._begun = 0.0
        self._total = self._budget = 0
        self.chosen = -1  # a line
        self.puzzles = PuzzleChoice(studio.models, self)
        self.table = ResultTable(self.puzzles.chosen_task, studio.theme, self)
        self.segments = QSpinBox(minimum=1, maximum=1024, value=16, suffix=" segments", accessibleName="Segments")
        self.segments.setToolTip("How many segments the model may use")
        self.start = QPushButton("Run", objectName="primary", toolTip="Run the model on these puzzles, or stop (Ctrl+Return)")
        self.start.clicked.connect(self.toggle)
        self.bar = QProgressBar(textVisible=False, maximumHeight=6)
        self.state, self.result = Elided("muted"), QLabel("", objectName="title")
        self.state.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.scatter, self.curves = PuzzleScatter(self.table, studio.theme), SegmentPlots(self.table, studio.theme)
        self.second = SecondModel(studio.models)
        self._source: PuzzleSource | None = None
        self._second: Path | None = None  # the second model that runs, or ran
        self.view = QTableView(objectName="evaluation")
        self.error = ErrorLabel()
        self._arrange()
        self.puzzles.refused.connect(self.error.show_message)
        self.puzzles.task_changed.connect(self._show_model)
        self._show_model()
        studio.actions.add(self._entries(), page="evaluate")
        self.follow([(studio.models.changed, self._show_model)], self._catch_up)

    # What it looks like ----------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        save = QToolButton(text="Save table …", toolTip="Save all rows as CSV", objectName="chip")
        save.clicked.connect(self._save)
        self.filter = QComboBox(toolTip="Which puzzles the table lists. Plots and figures are of all", accessibleName="Listed puzzles")
        for key, words in SHOWN.items():
            self.filter.addItem(words, key)
        self.filter.activated.connect(lambda: self.table.show_only(self.filter.currentData()))
        self.open_button = QPushButton("Open in Explore", toolTip="Open the selected puzzle in Explore, with this model")
        self.open_button.clicked.connect(self._open)
        self.open_button.setEnabled(False)
        self.model = QLabel("", objectName="muted")
        top = FlowRow(
            QLabel("Evaluate", objectName="title"), self.model, *self.puzzles.widgets(), self.segments, QLabel("and"), self.second, self.start,
        )  # fmt: skip
        top.row.setSpacing(8)
        self.view.setModel(self.table)
        self.view.setSortingEnabled(True)
        self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setAlternatingRowColors(True)
        self.view.setShowGrid(False)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(24)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.view.horizontalHeader().setResizeContentsPrecision(40)  # measure 40 rows, not all 20,000
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.setAccessibleName("Puzzles of the set")
        self.view.doubleClicked.connect(self._open)
        QShortcut(QKeySequence(Qt.Key.Key_Return), self.view, self._open, context=Qt.ShortcutContext.WidgetShortcut)
        self.view.selectionModel().currentRowChanged.connect(self._picked)
        self.scatter.picked.connect(self._watch)
        right = QSplitter(Qt.Orientation.Vertical)
        right.addWidget(self.scatter)
        right.addWidget(self.curves)
        right.setSizes([300, 280])
        split = QSplitter()
        split.addWidget(self.view)
        split.addWidget(right)
        split.setSizes([950, 310])  # room for all columns at a window width of 1280 pixels
        empty = QLabel(_EMPTY, objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.body = QStackedWidget()
        self.body.addWidget(empty)
        self.body.addWidget(split)
        under = QHBoxLayout()
        under.addWidget(self.result)
        under.addSpacing(12)
        under.addWidget(self.state, 1)
        under.addWidget(self.filter)
        under.addWidget(save)
        under.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(6)
        layout.addWidget(top)
        layout.addWidget(self.bar)
        layout.addLayout(under)
        layout.addWidget(self.error)
        layout.addWidget(self.body, 1)

    def _entries(self) -> list[Entry]:
        return [
            Entry("evaluate_file", "&File", "Puzzles from a file …", "", "", self.puzzles.pick_file, "Evaluate on a file of puzzles: one per line, CSV, .sdk …"),
            Entry("evaluate_paste", "&Edit", "Paste puzzles", "Ctrl+V", "mdi6.content-paste", self.puzzles.paste, "Evaluate on the puzzles on the clipboard"),
            Entry("evaluate_generated", "&File", "Generated puzzles", "", "", lambda: self.puzzles.use_file(None), "Evaluate on newly generated puzzles"),
            Entry("evaluate_save", "&File", "Save the table …", "", "", self._save, "Save all rows as CSV"),
            Entry("evaluate_run", "&Step", "Run the evaluation, or stop", "Ctrl+Return", "mdi6.brain", self.toggle),
            Entry("evaluate_stop", "&Step", "Stop the evaluation", "Esc", "", lambda: self.stop() if self.running else None, "Results so far are kept"),
            Entry("evaluate_watch", "&Step", "Open the selected puzzle in Explore", "", "mdi6.eye-outline", self._open, "With the evaluated model"),
        ]  # fmt: skip

    def _catch_up(self) -> None:
        self._show_model()
        self._refresh()
        self._draw()

    def _draw(self) -> None:
        self.scatter.draw()
        self.curves.draw()

    def _show_model(self) -> None:
        self.puzzles.offer_tasks()
        choice, path, task = self._studio.models, self._path(), self.puzzles.task.currentText()
        self.second.fill(task)
        self.model.setText(f"Model: {choice.title(path)}" if path is not None else "No model for these puzzles")
        unable = path is not None and not choice.may_read(path, task)
        self.error.show_message(f"{choice.title(path)} does not read {task} puzzles. {NO_ARC}" if unable and path is not None else "")
        if unable and not self.running and self.table.rows:  # the results are those of another model
            self.table.begin(self.puzzles.chosen_task)
            self._refresh()
            self._draw()

    def _path(self) -> Path | None:
        """The model in use; if it is a bundled one of another task, the bundled one of this task."""
        choice, name = self._studio.models, self.puzzles.task.currentText()
        bundled = choice.bundled_as(choice.path)
        return choice.path if bundled is None or bundled.reads(name) else choice.for_task(name)

    # Running ---------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.start.text() == "Stop"

    def toggle(self) -> None:
        """Run, or stop and keep the results so far."""
        self.stop() if self.running else self.run()

    def run(self) -> None:
        choice, task, path = self._studio.models, self.puzzles.chosen_task, self._path()
        self.error.show_message("" if path is not None else f"No model for {task.name}. Open a checkpoint, or train one.")
        if path is None:
            return
        self._model, self.chosen = path, -1
        self._second = self.second.currentData()
        if columns_of(task, second=self._second is not None) != self.table.columns:
            self.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)  # the columns are different ones now
        self.table.begin(task, second=self._second is not None)
        self.scatter.mark(-1)
        self.open_button.setEnabled(False)
        self._total, self._budget, self._begun = self.puzzles.count.value(), self.segments.value(), time.monotonic()
        self.start.setText("Stop")
        self.state.setText("Loading …")
        self._source = self.puzzles.source()
        self._studio.reasoner.run(path, choice.device, evaluate_job(self._source, self._budget), self._take, self._failed, lane=LANE)
        self._refresh()
        self._draw()

    def stop(self, words: str = "Stopped. Results so far are kept.") -> None:
        self._studio.reasoner.drop(LANE)
        self.start.setText("Run")
        self._refresh()
        self.state.setText(words)

    def _failed(self, words: str) -> None:
        self.stop("")
        self.error.show_message(words)

    def _take(self, progress: EvaluateProgress) -> None:
        self.table.add(progress.rows)
        self._total = progress.total
        if len(self.table.rows) < self._total:
            self._go_on(progress)
        elif self._second is None:
            self.stop(_DONE)
        else:
            assert self._source is not None
            self._begun = time.monotonic()
            job = evaluate_job(self._source, self._budget)
            self._studio.reasoner.run(self._second, self._studio.models.device, job, self._take_second, self._failed, lane=LANE)
        if self.following and progress.rows:
            self._draw()

    def _take_second(self, progress: EvaluateProgress) -> None:
        self.table.add_second(progress.rows)
        if len(self.table.second) < self._total:
            self._go_on(progress)
        else:
            self.stop(_DONE)
        if self.following and progress.rows:
            self._draw()

    def _go_on(self, progress: EvaluateProgress) -> None:
        if self.following:
            self._refresh()
            self.state.setText(self._ahead(progress.doing))

    def _ahead(self, doing: str) -> str:
        second = len(self.table.rows) >= self._total
        done, doing = len(self.table.second if second else self.table.rows), f"B: {doing}" if second else doing
        if not done:
            return doing
        left = (time.monotonic() - self._begun) / done * (self._total - done)
        return f"{doing} {done:,} of {self._total:,}  ·  {_duration(left)} left"

    def _refresh(self) -> None:
        self.bar.setMaximum(max(1, self._total * (1 if self._second is None else 2)))
        self.bar.setValue(len(self.table.rows) + len(self.table.second))
        self.bar.setVisible(self.running)
        self.body.setCurrentIndex(1 if self.running or self.table.rows else 0)
        found = result_words(self.table.rows)
        if self.table.second:
            found = f"A: {found}\nB: {result_words(self.table.second)}"
        self.result.setText(found)

    # One puzzle ------------------------------------------------------------------------------------------------------

    def choose(self, line: int) -> None:
        """Select a puzzle in the table and in the plot."""
        if line not in self.table.order:  # the table lists other puzzles only
            self.filter.setCurrentIndex(0)
            self.table.show_only("all")
        row = int(np.flatnonzero(self.table.order == line)[0])
        self.view.setCurrentIndex(self.table.index(row, 0))

    def _picked(self) -> None:
        row = self.view.currentIndex().row()
        self.chosen = int(self.table.order[row]) if 0 <= row < len(self.table.order) else -1
        self.open_button.setEnabled(self.chosen >= 0)
        self.scatter.mark(self.chosen)

    def _watch(self, line: int) -> None:
        self.choose(line)
        self._open()

    def _open(self) -> None:
        if not 0 <= self.chosen < len(self.table.rows) or self._model is None:
            return
        self._studio.models.use(self._model)
        self._studio.opener.puzzle_wanted.emit(self.table.rows[self.chosen].text)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the table", str(person() / f"{self.puzzles.task.currentText()}-{time.strftime('%Y-%m-%d-%H%M')}.csv"), "CSV (*.csv)"
        )
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Save all rows as CSV; show the error if it fails."""
        try:
            with atomic_write(path, "w") as stream:
                stream.write(self.table.lines())
        except OSError as error:
            self.error.show_message(write_failure(error))
        else:
            self.error.show_message("")
            self.state.setText(f"Saved {len(self.table.rows)} rows to {path}")
            self._studio.opener.saved.emit(path)

    def closing(self) -> None:
        """The window closes."""
        self._studio.reasoner.drop(LANE)


def _duration(seconds: float) -> str:
    """'40 s', '3 min'."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
