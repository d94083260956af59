"""The window: makes models, services and views, and connects them. No logic of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import qtawesome
from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QFileDialog, QLabel, QMainWindow, QToolButton, QWidget

from hrm_model.assets import BundledModel, bundled_models, puzzle_lines
from hrm_model.tasks.sudoku import Grid, PuzzleError, Variant, parse, variant_of_cells, variant_of_task
from hrm_model.trace import Trace
from hrm_studio.actions import Actions, Entry, typing_now
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.style import qt_palette, style_sheet
from hrm_studio.theme import Theme
from hrm_studio.views.board import BoardView
from hrm_studio.views.curves import CurvesView
from hrm_studio.views.puzzle_panel import PuzzlePanel
from hrm_studio.views.states import StatesView
from hrm_studio.views.transport import Transport
from trainer.run_dir import home

_LAYOUT_VERSION = 1


class MainWindow(QMainWindow):
    """Explore: puzzle, board, states, curves and timeline around one trace."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setWindowTitle("HRM Studio")
        self.resize(1440, 900)
        self.setDockNestingEnabled(True)
        self.theme = theme
        self.settings = QSettings(str(home() / "studio.ini"), QSettings.Format.IniFormat)
        self.traces, self.selection = TraceModel(self), Selection(self)
        self.player = Player(self.traces, self)
        self.reasoner, self.background = Reasoner(self), Background(self)
        self._models = bundled_models()
        self._model: Path | None = self._models[0].path if self._models else None
        self._examples: dict[int, Iterator[Grid]] = {}

        self.actions_table = Actions(self, self._entries())
        self.board = BoardView(self.traces, self.selection, theme)
        self.states = StatesView(self.traces, self.selection, self.background, theme)
        self.curves = CurvesView(self.traces, theme)
        self.panel = PuzzlePanel(theme)
        self.transport = Transport(self.traces, self.player, self.actions_table, theme)
        self.setCentralWidget(self.board)
        self._docks = [
            self._dock("Explore", self.panel, Qt.DockWidgetArea.LeftDockWidgetArea),
            self._dock("States", self.states, Qt.DockWidgetArea.RightDockWidgetArea),
            self._dock("Curves", self.curves, Qt.DockWidgetArea.RightDockWidgetArea),
            self._dock("Timeline", self.transport, Qt.DockWidgetArea.BottomDockWidgetArea),
        ]
        self._arrange()
        self._first_layout = self.saveState(_LAYOUT_VERSION)
        self._status = QLabel("")
        self._device = QLabel("")
        self.statusBar().addWidget(self._status, 1)
        self.statusBar().addPermanentWidget(self._device)
        self._theme_button = QToolButton(objectName="flat", toolTip="Light or dark")
        self._theme_button.clicked.connect(self._toggle_theme)
        self.menuBar().setCornerWidget(self._theme_button)
        self.panel.show_models(self._models, self._model)
        self._connect()
        self._apply_theme()
        self._restore()

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title)
        dock.setWidget(widget)
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetMovable | QDockWidget.DockWidgetFeature.DockWidgetFloatable)
        self.addDockWidget(area, dock)
        return dock

    def _arrange(self) -> None:
        left, states, curves, _ = self._docks
        self.resizeDocks([left, states], [300, 520], Qt.Orientation.Horizontal)
        self.resizeDocks([states, curves], [400, 380], Qt.Orientation.Vertical)

    def _entries(self) -> list[Entry]:
        traces, player = self.traces, self.player
        return [
            Entry("open_model", "&File", "Open model …", "Ctrl+O", "", self._open_model),
            Entry("quit", "&File", "Quit", "Ctrl+Q", "", self.close),
            Entry("reason", "&Puzzle", "Reason about this puzzle", "Ctrl+Return", "", lambda: self.panel.submit()),
            Entry("generate", "&Puzzle", "Generate a puzzle", "Ctrl+G", "", lambda: self.panel.generate.click()),
            Entry("example", "&Puzzle", "Next example", "Ctrl+E", "", lambda: self.panel.example.click()),
            Entry("cancel", "&Puzzle", "Stop thinking", "Esc", "", self._cancel),
            Entry("play", "&Step", "Play or pause", "Space", "mdi6.play", player.toggle),
            Entry("step_on", "&Step", "One step on", "Right", "mdi6.chevron-right", lambda: self._by_hand(traces.move_steps, 1)),
            Entry("step_back", "&Step", "One step back", "Left", "mdi6.chevron-left", lambda: self._by_hand(traces.move_steps, -1)),
            Entry("cycle_on", "&Step", "One H-cycle on", "Shift+Right", "", lambda: self._by_hand(traces.move_cycles, 1)),
            Entry("cycle_back", "&Step", "One H-cycle back", "Shift+Left", "", lambda: self._by_hand(traces.move_cycles, -1)),
            Entry(
                "segment_on",
                "&Step",
                "One segment on",
                "Ctrl+Right",
                "mdi6.chevron-double-right",
                lambda: self._by_hand(traces.move_segments, 1),
            ),
            Entry(
                "segment_back",
                "&Step",
                "One segment back",
                "Ctrl+Left",
                "mdi6.chevron-double-left",
                lambda: self._by_hand(traces.move_segments, -1),
            ),
            Entry("to_start", "&Step", "To the start", "Home", "mdi6.skip-previous", lambda: self._by_hand(traces.set_cursor, 0)),
            Entry("to_end", "&Step", "To the end", "End", "mdi6.skip-next", lambda: self._by_hand(traces.set_cursor, 1 << 30)),
            Entry("theme", "&View", "Light or dark", "Ctrl+T", "", self._toggle_theme),
            Entry("reset_layout", "&View", "Reset layout", "", "", lambda: self.restoreState(self._first_layout, _LAYOUT_VERSION)),
        ]

    def _by_hand(self, move: Callable[[int], None], argument: int) -> None:
        self.player.pause()
        move(argument)

    def _connect(self) -> None:
        panel, reasoner = self.panel, self.reasoner
        panel.reason_wanted.connect(self._reason)
        panel.generate_wanted.connect(reasoner.generate)
        panel.example_wanted.connect(self._show_example)
        panel.model_chosen.connect(self._choose_model)
        panel.open_model_wanted.connect(self._open_model)
        reasoner.trace_started.connect(self._trace_started)
        reasoner.trace_grew.connect(self._trace_grew)
        reasoner.trace_finished.connect(self.traces.finish)
        reasoner.generated.connect(self._show_and_reason)
        reasoner.failed.connect(self._failed)
        reasoner.busy_changed.connect(self._status.setText)
        reasoner.model_loaded.connect(self._model_loaded)
        reasoner.devices_found.connect(panel.show_devices)
        self.theme.changed.connect(self._apply_theme)

    # What happens ----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """After the first paint: solve the first example."""
        if self._model is None:
            self.panel.show_error("No model ships with this copy. Open a checkpoint, or train one: hrm-studio train sudoku-4x4")
            return
        self._show_example(variant_of_task(self._models[0].task))

    def _chosen(self) -> BundledModel | None:
        """The model in use, where it is a bundled one."""
        return next((m for m in self._models if m.path == self._model), None)

    def _show_example(self, variant: Variant) -> None:
        if variant.cells not in self._examples:
            fitting = []
            for line in puzzle_lines("starter"):
                try:
                    fitting.append(parse(line, variant))
                except PuzzleError:
                    continue  # one of another size
            self._examples[variant.cells] = itertools.cycle(fitting)
        self._show_and_reason(next(self._examples[variant.cells]))

    def _show_and_reason(self, grid: Grid) -> None:
        self.panel.show_grid(grid)
        self._reason(grid)

    def _reason(self, grid: Grid) -> None:
        variant = variant_of_cells(len(grid))
        fitting = next((m.path for m in self._models if m.task == variant.task), None)
        chosen = self._chosen()
        if chosen is not None and chosen.task != variant.task and fitting is not None:
            # A bundled model of the other size was chosen: take the one that reads this puzzle.
            self._model = fitting
            self.panel.show_models(self._models, fitting)
        if self._model is None:
            self.panel.show_error("There is no model yet. Open a checkpoint, or train one: hrm-studio train " + variant.task)
            return
        self._status.setText("Thinking …")
        self.reasoner.reason(self._model, grid, variant, segments=self.panel.segments.value(), device=self.panel.device.currentText())

    def _trace_started(self, trace: Trace, expected_steps: int) -> None:
        self.selection.clear()
        self.traces.open(trace, running=True, cursor=0, expected_steps=expected_steps)
        self.player.play()

    def _trace_grew(self, trace: Trace) -> None:
        if self.traces.running:
            self.traces.extend(trace)

    def _failed(self, message: str, cell: int) -> None:
        self.traces.finish()
        self.panel.show_error(message, None if cell < 0 else cell)

    def _cancel(self) -> None:
        self.reasoner.cancel()
        self.traces.finish()
        self._status.setText("")

    def _choose_model(self, path: Path) -> None:
        self._model = path
        chosen, trace = self._chosen(), self.traces.trace
        if chosen is not None and trace is not None and trace.puzzle.task != chosen.task:
            self._show_example(variant_of_task(chosen.task))
        else:
            self.panel.submit()

    def _open_model(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a checkpoint folder")
        if folder:
            self.open_model(Path(folder))

    def open_model(self, path: Path) -> None:
        """Use a checkpoint for the puzzle at hand; an error leaves what was open."""
        self._model = path
        self.panel.show_models(self._models, path)
        self.panel.submit()

    def _model_loaded(self, about: dict[str, object]) -> None:
        self._device.setText(
            f"{about['name']}  ·  {about['parameters']:,} parameters  ·  {about['device']}  ·  {about['dtype']}  ·  attention: {about['attention']}"
        )

    def _toggle_theme(self) -> None:
        self.theme.set_mode("light" if self.theme.palette.name == "dark" else "dark")
        self.settings.setValue("theme", self.theme.mode)

    def _apply_theme(self) -> None:
        QApplication.setPalette(qt_palette(self.theme.palette))
        self.setStyleSheet(style_sheet(self.theme.palette))
        self._theme_button.setIcon(qtawesome.icon("mdi6.brightness-6", color=self.theme.palette.text))

    # Window ----------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and typing_now():
            self.board.setFocus()
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """States and Curves keep their share of the window's width; Qt would take it all from the board."""
        before, states = event.oldSize().width(), self._docks[1].width()
        super().resizeEvent(event)
        if before > 0:
            self.resizeDocks([self._docks[1]], [round(states * event.size().width() / before)], Qt.Orientation.Horizontal)

    def _restore(self) -> None:
        geometry, state = self.settings.value("geometry"), self.settings.value("layout")
        if isinstance(geometry, QByteArray) and isinstance(state, QByteArray):
            self.restoreGeometry(geometry)
            self.restoreState(state, _LAYOUT_VERSION)
        else:
            QTimer.singleShot(0, self._arrange)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.settings.setValue("geometry", self.saveGeometry())
        self.settings.setValue("layout", self.saveState(_LAYOUT_VERSION))
        self.player.pause()
        self.reasoner.close()
        self.background.close()
        super().closeEvent(event)
