"""The whole set: a model over hundreds of puzzles, as a table and as points. A click on one opens its trace."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
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
    QWidget,
)

from hrm_model.analysis_survey import summary
from hrm_model.tasks.base import Task
from hrm_model.tasks.find import task_named
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.sudoku_task import SudokuTask
from hrm_studio.services.questions import Progress, Source, surveying
from hrm_studio.studio import Studio
from hrm_studio.views.board_panel import Elided
from hrm_studio.views.flow_layout import FlowRow
from hrm_studio.views.plots import dress, new_plot, show_axes
from hrm_studio.views.survey_table import COLUMNS, SurveyTable, number
from hrm_studio.views.visible import View

LANE = "survey"
_AXES = [name for name, _ in COLUMNS if name not in ("Puzzle", "Solved")]
_CLICK_PIXELS = 12

_EMPTY = (
    "Run a model over many puzzles: which does it solve, how soon, and does it settle?\n\n"
    "Each puzzle becomes a line of a table and a point of a plot; a click on it shows how the model thinks about that one."
)


class SurveyPage(View):
    """Signals are those of its models; see the module's first line."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._studio = studio
        self._file: Path | None = None
        self._model: Path | None = None  # that the lines are of
        self._begun = 0.0
        self._total = 0
        self._chosen = -1  # a line
        self.table = SurveyTable(studio.theme, self)
        self.task = QComboBox(toolTip="Which puzzles")
        self.count = QSpinBox(minimum=1, maximum=20_000, value=200, singleStep=50, toolTip="How many puzzles")
        self.low, self.high = QSpinBox(maximum=9999), QSpinBox(maximum=9999)
        self.range_label = QLabel("clues from")
        self.segments = QSpinBox(minimum=1, maximum=1024, value=16, suffix=" segments", toolTip="How many rounds the model may think")
        self.start = QPushButton("Run", objectName="primary")
        self.start.clicked.connect(self.toggle)
        self.bar = QProgressBar(textVisible=False, maximumHeight=6)
        self.state, self.result = Elided("muted"), QLabel("", objectName="title")
        self.state.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.across, self.up = QComboBox(), QComboBox()
        self.plot = new_plot()
        self.view = QTableView()
        self._arrange()
        self._fill_tasks()
        self.follow([(studio.theme.changed, self._draw), (studio.models.changed, self._tell_model)], self._catch_up)

    # What it looks like ----------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        pick = QToolButton(text="From a file …", toolTip="A file of puzzles: one a line, CSV, .sdk, .sdm …", objectName="chip")
        pick.clicked.connect(self._pick_file)
        self.generated = QToolButton(text="Generated", toolTip="Make new puzzles", objectName="chip", checkable=True, checked=True)
        self.generated.clicked.connect(lambda: self._use_file(None))
        self._from_file = pick
        pick.setCheckable(True)
        save = QToolButton(text="Save table …", toolTip="All lines as CSV", objectName="chip")
        save.clicked.connect(self._save)
        self.open_button = QPushButton("Watch it think", toolTip="Open the chosen puzzle in Explore, with this model")
        self.open_button.clicked.connect(self._open)
        self.open_button.setEnabled(False)
        self.model = QLabel("", objectName="muted")
        top = FlowRow(
            QLabel("The whole set", objectName="title"), self.model, self.task, self.generated, pick, QLabel("puzzles"), self.count,
            self.range_label, self.low, QLabel("to"), self.high, self.segments, self.start,
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
        self.view.horizontalHeader().setResizeContentsPrecision(40)  # rows that are looked at, not all 20,000
        self.view.horizontalHeader().setStretchLastSection(True)
        self.view.setAccessibleName("Puzzles of the set")
        self.view.doubleClicked.connect(self._open)
        self.view.selectionModel().currentRowChanged.connect(self._picked)
        for box, name in ((self.across, "Difficulty"), (self.up, "Late drift")):
            box.addItems(_AXES)
            box.setCurrentText(name)
            box.activated.connect(self._draw)
        axes = FlowRow(QLabel("across", objectName="muted"), self.across, QLabel("up", objectName="muted"), self.up)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.over = self._paint
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        self.plot.setToolTip("A point a puzzle: a disc is solved, a triangle is not. A click opens it in Explore.")
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(axes)
        column.addWidget(self.plot, 1)
        split = QSplitter()
        split.addWidget(self.view)
        split.addWidget(right)
        split.setSizes([700, 520])
        empty = QLabel(_EMPTY, objectName="muted", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.body = QStackedWidget()
        self.body.addWidget(empty)
        self.body.addWidget(split)
        under = QHBoxLayout()
        under.addWidget(self.result)
        under.addSpacing(12)
        under.addWidget(self.state, 1)
        under.addWidget(save)
        under.addWidget(self.open_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 8)
        layout.setSpacing(6)
        layout.addWidget(top)
        layout.addWidget(self.bar)
        layout.addLayout(under)
        layout.addWidget(self.body, 1)

    def _catch_up(self) -> None:
        self._tell_model()
        self._tell()
        self._draw()

    def _tell_model(self) -> None:
        path = self._path()
        self.model.setText(f"Model: {self._studio.models.title(path)}" if path is not None else "No model for these puzzles yet")

    def _path(self) -> Path | None:
        """The model in use; where that is a bundled one of another task, the bundled one of this task."""
        choice, name = self._studio.models, self.task.currentText()
        bundled = choice.bundled_as(choice.path)
        return choice.path if bundled is None or bundled.task == name else choice.for_task(name)

    # Which puzzles ---------------------------------------------------------------------------------------------------

    def _fill_tasks(self) -> None:
        choice = self._studio.models
        bundled = choice.bundled_as(choice.path)
        names = dict.fromkeys(model.task for model in choice.bundled)
        self.task.addItems(list(names) or ["sudoku-9x9"])
        if bundled is not None:
            self.task.setCurrentText(bundled.task)
        self.task.currentTextChanged.connect(self._task_chosen)
        self._task_chosen()

    def _task_chosen(self) -> None:
        task = self._task()
        self._tell_model()
        if isinstance(task, SudokuTask):
            self.range_label.setText("clues from")
            self.low.setValue(round(0.3 * task.cells))
            self.high.setValue(round(0.5 * task.cells))
        else:
            self.range_label.setText("moves from")
            self.low.setValue(task.side)
            self.high.setValue(3 * task.side)

    def _task(self) -> Task:
        return task_named(self.task.currentText())

    def _pick_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a file of puzzles")
        self._use_file(Path(name) if name else self._file)

    def _use_file(self, path: Path | None) -> None:
        """Puzzles of a file, or generated ones. A file that cannot be read is told, and what was chosen stays."""
        if path is not None:
            try:
                task = read_puzzles(path, limit=1).task
            except (ValueError, OSError) as error:
                self.state.setText(str(error))
                path = self._file
            else:
                if self.task.findText(task.name) < 0:
                    self.task.addItem(task.name)
                self.task.setCurrentText(task.name)
        self._file = path
        self.generated.setChecked(path is None)
        self._from_file.setChecked(path is not None)
        self._from_file.setText("From a file …" if path is None else path.name)
        for part in (self.low, self.high):
            part.setEnabled(path is None)

    # Running ---------------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.start.text() == "Stop"

    def toggle(self) -> None:
        """Run, or stop and keep what is there."""
        self.stop() if self.running else self.run()

    def run(self) -> None:
        choice, task, path = self._studio.models, self._task(), self._path()
        if path is None:
            self.state.setText(f"There is no model for {task.name} yet. Open a checkpoint, or train one.")
            return
        self._model, self._chosen = path, -1
        self.table.clear()
        self.open_button.setEnabled(False)
        self._total, self._begun = self.count.value(), time.monotonic()
        self.start.setText("Stop")
        self.state.setText("Loading …")
        low, high = sorted((self.low.value(), self.high.value()))
        source = Source(task, self.count.value(), self._file, low, high, seed=int(time.time()))
        self._studio.reasoner.ask(path, choice.device, surveying(source, self.segments.value()), self._told, self._failed, lane=LANE)
        self._tell()
        self._draw()

    def stop(self, words: str = "Stopped. What was computed stays.") -> None:
        self._studio.reasoner.withdraw(LANE)
        self.start.setText("Run")
        self._tell()
        self.state.setText(words)

    def _failed(self, words: str) -> None:
        self.stop(words)

    def _told(self, progress: Progress) -> None:
        self.table.add(progress.rows)
        self._total = progress.total
        if len(self.table.rows) >= self._total:
            self.stop("Click a point, or double-click a line, to watch that puzzle being solved.")
        elif self.following:
            self._tell()
            self.state.setText(self._ahead(progress.doing))
        if self.following and progress.rows:
            self._draw()

    def _ahead(self, doing: str) -> str:
        done = len(self.table.rows)
        if not done:
            return doing
        left = (time.monotonic() - self._begun) / done * (self._total - done)
        return f"{doing} {done:,} of {self._total:,}  ·  {_duration(left)} left"

    def _tell(self) -> None:
        self.bar.setMaximum(max(1, self._total))
        self.bar.setValue(len(self.table.rows))
        self.bar.setVisible(self.running)
        self.body.setCurrentIndex(1 if self.running or self.table.rows else 0)
        found = summary(self.table.rows)
        if not found.count:
            self.result.setText("")
            return
        low, high = found.interval
        words = f"{found.solved / found.count:.1%} solved ({found.solved} of {found.count}; 95 %: {low:.0%}–{high:.0%})".replace(
            "%", " %"
        ).replace("95  %", "95 %")
        if found.lost:
            words += f"  ·  {found.lost} lost again"
        if found.median_segments == found.median_segments:
            words += f"  ·  half of them by segment {found.median_segments:.0f}"
        self.result.setText(words)

    # Points ----------------------------------------------------------------------------------------------------------

    def _points(self) -> np.ndarray:
        """(N, 2) of the chosen columns; NaN where a line has no such number. Drift on a logarithmic scale."""
        names = (self.across.currentText(), self.up.currentText())
        rows = self.table.rows
        found = np.array([[number(row, k, name) for name in names] for k, row in enumerate(rows)]).reshape(-1, 2)
        for axis, name in enumerate(names):
            if name == "Late drift":
                found[:, axis] = np.log10(np.maximum(found[:, axis], 1e-6))
        return found

    def _draw(self) -> None:
        palette, plot = self._studio.theme.palette, self.plot
        plot.clear()
        dress(plot, palette, "a point a puzzle: ● solved &nbsp; ▲ not")
        points = self._points()
        there = points[np.isfinite(points).all(axis=1)]
        show_axes(plot, len(there) > 0)
        if len(there):
            for axis, box, k in (("bottom", self.across, 0), ("left", self.up, 1)):
                name = box.currentText()
                plot.setLabel(axis, f"{name} (log10)" if name == "Late drift" else name, color=palette.muted, **{"font-size": "8pt"})
                low, high = float(there[:, k].min()), float(there[:, k].max())
                room = max(0.5, (high - low) * 0.06)
                (plot.setXRange if k == 0 else plot.setYRange)(low - room, high + room, padding=0)
        plot.redraw()

    def _pixels(self) -> np.ndarray:
        """(N, 2) where the points stand; lines at the same place lie beside each other."""
        pixels = self.plot.to_pixels(self._points())
        # A fixed small shift by the line's number, so that points of whole numbers do not hide each other.
        index = np.arange(len(pixels))
        return pixels + np.stack([np.cos(index * 2.4), np.sin(index * 2.4)], axis=1) * (np.sqrt(index % 12) * 1.2)[:, None]

    def _paint(self, painter: QPainter) -> None:
        palette, pixels = self._studio.theme.palette, self._pixels()
        for solved, name in ((True, "right"), (False, "wrong")):
            chosen = [k for k, row in enumerate(self.table.rows) if row.solved == solved and np.isfinite(pixels[k]).all()]
            colour = palette.color(name, 0.75)
            if solved:
                painter.setPen(QPen(colour, 7, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawPoints(QPolygonF([QPointF(*pixels[k].tolist()) for k in chosen]))
            else:
                self._triangles(painter, pixels[chosen], colour)
        if 0 <= self._chosen < len(pixels) and np.isfinite(pixels[self._chosen]).all():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(pg.mkPen(palette.accent, width=2.5))
            painter.drawEllipse(QPointF(*pixels[self._chosen].tolist()), 9, 9)

    @staticmethod
    def _triangles(painter: QPainter, pixels: np.ndarray, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for x, y in pixels.tolist():
            painter.drawPolygon(QPolygonF([QPointF(x, y - 4.5), QPointF(x + 4.5, y + 3.5), QPointF(x - 4.5, y + 3.5)]))

    def _clicked(self, event: object) -> None:
        place: QPointF = event.scenePos()  # type: ignore[attr-defined]
        pixels = self._pixels()
        if not len(pixels):
            return
        apart = np.nan_to_num(np.hypot(pixels[:, 0] - place.x(), pixels[:, 1] - place.y()), nan=np.inf)
        if apart.min() <= _CLICK_PIXELS:
            self.choose(int(apart.argmin()))
            self._open()

    # One puzzle ------------------------------------------------------------------------------------------------------

    def choose(self, line: int) -> None:
        """A line, marked in the table and among the points."""
        row = int(np.flatnonzero(self.table.order == line)[0])
        self.view.setCurrentIndex(self.table.index(row, 0))

    def _picked(self) -> None:
        row = self.view.currentIndex().row()
        self._chosen = int(self.table.order[row]) if 0 <= row < len(self.table.order) else -1
        self.open_button.setEnabled(self._chosen >= 0)
        self.plot.repaint_over()

    def _open(self) -> None:
        if not 0 <= self._chosen < len(self.table.rows) or self._model is None:
            return
        self._studio.models.use(self._model)
        self._studio.opener.puzzle_wanted.emit(self.table.rows[self._chosen].text)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the table", "puzzles.csv", "CSV (*.csv)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """All lines as CSV; what goes wrong is told."""
        try:
            path.write_text(self.table.lines(), encoding="utf-8")
        except OSError as error:
            self.state.setText(f"{path} could not be written: {error.strerror or error}.")
        else:
            self.state.setText(f"{len(self.table.rows)} lines are in {path}.")

    def closing(self) -> None:
        """The window closes."""
        self._studio.reasoner.withdraw(LANE)


def _duration(seconds: float) -> str:
    """'40 s', '3 min'."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
