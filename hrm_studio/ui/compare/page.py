"""The Compare page: two to four panes on one cursor. They differ in model, checkpoint, budget or puzzle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import qtawesome
from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_model.assets import puzzle_lines
from hrm_model.config import ModelConfig
from hrm_model.errors import PuzzleError
from hrm_model.folders import home, person
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_studio.actions import Entry
from hrm_studio.export.names import file_name
from hrm_studio.models.comparison import MOST_PANES, Comparison, Setting
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.services.background import Background
from hrm_studio.studio import Studio
from hrm_studio.ui.board.narration import narrate
from hrm_studio.ui.board.timeline import TimelineView, step_name
from hrm_studio.ui.compare.pane import ComparePane, checkpoint_title
from hrm_studio.ui.compare.plots import ComparePlots
from hrm_studio.ui.widgets.elided import Elided
from hrm_studio.ui.widgets.error_label import ErrorLabel
from trainer.runs.run_dir import RunDir

_BUTTONS = (
    "compare_to_start", "compare_segment_back", "compare_step_back", "compare_play", "compare_step_on", "compare_segment_on", "compare_to_end",
)  # fmt: skip
_CHECKPOINTS = 3  # of each run: its newest ones are offered


class ComparePage(QWidget):
    """The puzzle at the top, the panes, their curves, and one timeline."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._studio = studio
        self.selection = Selection(self)
        self.comparison = Comparison(studio.models, studio.reasoner, self, studio.arc)
        self.player = Player(self.comparison.clock, self)
        self._background = Background(self)
        self._begun = False
        self.panes: list[ComparePane] = []
        self.puzzle = QLineEdit(
            placeholderText="A puzzle on one line: digits and dots, or a maze of # S G", accessibleName="Puzzle of all panes"
        )
        self.puzzle.returnPressed.connect(self.run)
        self.state = Elided("muted")
        self.state.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.error = ErrorLabel()
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        self.plots = ComparePlots(self.comparison, self._background, studio.theme)
        self.timeline = TimelineView(self.comparison.clock, studio.theme)
        studio.actions.add(self._entries(), page="compare")
        self.puzzle.addAction(studio.actions.by_name["compare_explore"], QLineEdit.ActionPosition.TrailingPosition)
        self._arrange()
        self.comparison.clock.cursor_moved.connect(self._refresh)
        self.comparison.grew.connect(self._refresh)
        self.comparison.panes_changed.connect(self._renew_panes)
        self.player.playing_changed.connect(self._icons)
        studio.theme.changed.connect(self._icons)
        self._icons()

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(6)
        top.addWidget(QLabel("Compare", objectName="title"))
        for text, tip, fill in (
            ("Models", "Two models on one puzzle", self.compare_models),
            ("Budgets", "One model with 2 and with 16 segments", self.compare_budgets),
            (
                "Relabelled",
                "One puzzle and two symmetric copies of it, with digits, rows and columns permuted. A robust model solves all of them.",
                self.compare_relabelled,
            ),
            ("Checkpoints", "The oldest and the newest checkpoint of a run", self.compare_checkpoints),
        ):
            chip = QToolButton(text=text, toolTip=tip, objectName="chip")
            chip.clicked.connect(fill)
            top.addWidget(chip)
        self.add = QToolButton(text="+ Pane", toolTip=f"Add a pane ({MOST_PANES} at most)", objectName="chip")
        self.add.clicked.connect(self.add_pane)
        top.addWidget(self.add)
        top.addSpacing(12)
        top.addWidget(self.puzzle, 1)
        run = QPushButton("Reason", objectName="primary", toolTip="Reason about the puzzle in all panes (Ctrl+Return)")
        run.clicked.connect(self.run)
        top.addWidget(run)
        boards = QWidget()
        boards.setLayout(self._grid)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its contents take the focus
        scroll.setWidget(boards)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(scroll)
        split.addWidget(self.plots)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 1)
        split.setSizes([520, 190])
        bottom = QHBoxLayout()
        for name in _BUTTONS:
            button = QToolButton(objectName="flat")
            button.setDefaultAction(self._studio.actions.by_name[name])
            bottom.addWidget(button)
        bottom.addWidget(self.state, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 6)
        layout.setSpacing(6)
        layout.addLayout(top)
        layout.addWidget(self.error)
        layout.addWidget(split, 1)
        layout.addLayout(bottom)
        layout.addWidget(self.timeline)

    def _entries(self) -> list[Entry]:
        clock = self.comparison.clock

        def by_hand(move: Callable[[int], None], argument: int) -> Callable[[], None]:
            def act() -> None:
                self.player.pause()
                move(argument)

            return act

        return [
            Entry(
                "compare_save",
                "&File",
                "Save the comparison …",
                "",
                "mdi6.content-save-outline",
                self.save,
                "Save the traces of all panes in one file (.h5)",
            ),
            Entry("compare_models", "&Edit", "Compare two models", "", "", self.compare_models),
            Entry("compare_budgets", "&Edit", "Compare two budgets", "", "", self.compare_budgets),
            Entry("compare_relabelled", "&Edit", "Compare relabelled copies of a puzzle", "", "", self.compare_relabelled),
            Entry("compare_checkpoints", "&Edit", "Compare two checkpoints of a run", "", "", self.compare_checkpoints),
            Entry("compare_add", "&Edit", "Add a pane", "", "", self.add_pane),
            Entry(
                "compare_explore",
                "&Edit",
                "Use the puzzle from Explore",
                "",
                "mdi6.eye-arrow-left-outline",
                self.take_from_explore,
                "Compare on the puzzle shown in Explore",
            ),
            Entry("compare_run", "&Step", "Reason in all panes", "Ctrl+Return", "mdi6.brain", self.run),
            Entry("compare_stop", "&Step", "Stop reasoning in all panes", "Esc", "", self.comparison.stop),
            Entry("compare_play", "&Step", "Play or pause all panes", "Space", "mdi6.play", self.player.toggle),
            Entry("compare_step_on", "&Step", "All panes one step forward", "Right", "mdi6.chevron-right", by_hand(clock.move_steps, 1)),
            Entry("compare_step_back", "&Step", "All panes one step back", "Left", "mdi6.chevron-left", by_hand(clock.move_steps, -1)),
            Entry(
                "compare_segment_on",
                "&Step",
                "All panes one segment forward",
                "Ctrl+Right",
                "mdi6.chevron-double-right",
                by_hand(clock.move_segments, 1),
            ),
            Entry(
                "compare_segment_back",
                "&Step",
                "All panes one segment back",
                "Ctrl+Left",
                "mdi6.chevron-double-left",
                by_hand(clock.move_segments, -1),
            ),
            Entry("compare_to_start", "&Step", "All panes to the start", "Home", "mdi6.skip-previous", by_hand(clock.set_cursor, 0)),
            Entry("compare_to_end", "&Step", "All panes to the end", "End", "mdi6.skip-next", by_hand(clock.set_cursor, 1 << 30)),
        ]

    def _icons(self) -> None:
        actions, colour = self._studio.actions, self._studio.theme.palette.text
        for name in (*_BUTTONS, "compare_explore"):
            icon = "mdi6.pause" if name == "compare_play" and self.player.playing else actions.entries[name].icon
            actions.by_name[name].setIcon(qtawesome.icon(icon, color=colour))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.begin()

    def begin(self) -> None:
        """On first opening: the puzzle shown in Explore, with two budgets."""
        self.puzzle.setText(self._explores() or next(iter(puzzle_lines("starter")), ""))
        if self._studio.models.path is None:
            self.error.show_message("No model yet. Train one, or open a checkpoint.")
            return
        self.compare_budgets()

    def _explores(self) -> str:
        """The puzzle shown in Explore; '' if there is none or it does not fit on one line."""
        trace = self._studio.traces.trace
        return trace.puzzle.text if trace is not None and _readable(trace.puzzle.text) else ""

    def take_from_explore(self) -> None:
        """Compare on the puzzle shown in Explore: with the current panes, or with two budgets if its task is another one."""
        line, before = self._explores(), self.puzzle.text()
        if not line:
            self._studio.opener.refused.emit("Explore shows no Sudoku or maze. Open one there first.")
            return
        self.puzzle.setText(line)
        same_kind = _readable(before) and parse_any(before)[0].name == parse_any(line)[0].name
        self.run() if same_kind else self.compare_budgets()

    # Which panes -----------------------------------------------------------------------------------------------------

    def models(self) -> list[tuple[str, Path]]:
        """Titles and paths of the models to choose from: bundled and opened ones, and the newest checkpoints of each run."""
        choice = self._studio.models
        found = [(model.title, model.path) for model in choice.bundled] + [(choice.title(path), path) for path in choice.others]
        for run in self._runs():
            found += [(checkpoint_title(path), path) for path in RunDir(run).all_checkpoints()[-_CHECKPOINTS:]]
        return found

    def _runs(self) -> list[Path]:
        folder = home() / "runs"
        runs = [run for run in folder.iterdir() if (run / "checkpoints").is_dir()] if folder.is_dir() else []
        return sorted(runs, key=lambda run: run.stat().st_mtime)

    def _task(self) -> str:
        """The task of the puzzle in the field; '' if it is not a puzzle."""
        try:
            return parse_any(self.puzzle.text())[0].name
        except PuzzleError:
            return ""

    def _may_read(self, path: Path, task: str) -> bool:
        """Whether a model reads the puzzles of a task; true if that is unknown before it is loaded."""
        config = self._config(path)
        return config is None or config.reads(task)

    def _config(self, path: Path) -> ModelConfig | None:
        """What a model is, if known before loading: checkpoints of this project say it in config.json."""
        known = self._studio.models.config_of(path)
        if known is not None:
            return known
        try:
            return ModelConfig.model_validate(json.loads((path / "config.json").read_text(encoding="utf-8"))["model"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _model(self) -> Path:
        """The model in use if it reads this kind of puzzle, else a bundled one that does."""
        choice, task = self._studio.models, self._task()
        bundled = choice.bundled_as(choice.path)
        fitting = choice.for_task(task)
        if bundled is not None and not bundled.reads(task) and fitting is not None:
            return fitting
        assert choice.path is not None
        return choice.path

    def compare_budgets(self) -> None:
        self.compare([Setting(self._model(), 2), Setting(self._model(), 16)])

    def compare_relabelled(self) -> None:
        self.compare([Setting(self._model()), Setting(self._model(), relabelled=1), Setting(self._model(), relabelled=2)])

    def compare_models(self) -> None:
        """The model in use and the newest other one that reads the same puzzle, if known before loading."""
        first = self._model()
        used = self._config(first)
        task = self._task() or (used.task if used else "")
        others = [path for _, path in self.models() if path != first and self._may_read(path, task)]
        self.compare([Setting(first), Setting(others[-1] if others else first)])
        if not others:
            self.error.show_message("There is no other model for this kind of puzzle. Open a checkpoint in pane B, or train one.")

    def compare_checkpoints(self) -> None:
        runs = [run for run in self._runs() if len(RunDir(run).all_checkpoints()) > 1]
        if not runs:
            self.error.show_message("No run has two checkpoints yet. Start one on the Train page.")
            return
        fitting = [run for run in runs if self._may_read(RunDir(run).all_checkpoints()[-1], self._task())]
        kept = RunDir((fitting or runs)[-1]).all_checkpoints()
        if not fitting:  # the run is on another task: use a puzzle of that task
            lines = (line for line in puzzle_lines("starter") if self._may_read(kept[-1], parse_any(line)[0].name))
            self.puzzle.setText(next(lines, self.puzzle.text()))
        self.compare([Setting(kept[0]), Setting(kept[-1])])

    def compare_puzzles(self, wanted: list[tuple[Path, int, str]]) -> None:
        """A pane for each (model, segments, puzzle as text), for example of recorded traces."""
        self._begun = True
        self.puzzle.setText(wanted[0][2])
        self.compare([Setting(model, segments, puzzle=text) for model, segments, text in wanted])

    def add_pane(self) -> None:
        if len(self.comparison.panes) < MOST_PANES:
            self.compare([*(pane.setting for pane in self.comparison.panes), Setting(self._model(), relabelled=len(self.comparison.panes))])

    def _close_pane(self, index: int) -> None:
        if len(self.comparison.panes) > 2:
            self.compare([pane.setting for k, pane in enumerate(self.comparison.panes) if k != index])

    def compare(self, settings: list[Setting]) -> None:
        self.player.pause()
        self.comparison.set_up(settings)
        self.run()

    def _renew_panes(self) -> None:
        for pane in self.panes:
            self._grid.removeWidget(pane)
            pane.hide()
            pane.deleteLater()
        self.panes = []
        self.state.setText("")  # until the new panes have results
        models = self.models()
        for index in range(len(self.comparison.panes)):
            pane = ComparePane(self.comparison, index, models, self.selection, self._studio.theme)
            pane.closed.connect(lambda index=index: self._close_pane(index))
            pane.entered.connect(self.run)
            pane.pane.changed.connect(self._show_failure)
            self._grid.addWidget(pane, 0, index)
            self.panes.append(pane)
        self.add.setEnabled(len(self.panes) < MOST_PANES)

    # Reasoning --------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the traces of all panes in one file."""
        traces = self.comparison.by_title()
        if not traces:
            self._studio.opener.refused.emit("Nothing to save yet. Press Reason first.")
            return
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the comparison", str(person() / f"comparison-{file_name(next(iter(traces.values())))}.h5"), "Traces (*.h5)"
        )
        if name:
            path = Path(name) if Path(name).suffix else Path(name).with_suffix(".h5")
            self._studio.trace_library.save_all(traces, path, self._studio.opener.saved_here)

    def run(self) -> None:
        """Reason about the puzzle in all panes."""
        if not self.comparison.panes:
            return
        try:
            task, grid = parse_any(self.puzzle.text())
            task_named(task.name).check(grid)
        except PuzzleError as error:
            self.error.show_message(str(error))
            return
        self.error.show_message("")
        self.comparison.set_puzzle(task, grid)
        self.state.setText("Reasoning …")
        self.comparison.run()

    def _refresh(self) -> None:
        clock = self.comparison.clock
        if clock.trace is None or clock.cursor < 0:
            return
        what, _ = narrate(clock.trace, clock.cursor)
        words = f"{step_name(clock.trace, clock.cursor)}:  {what}"
        self.state.setText(words + ("  ·  reasoning …" if self.comparison.running else ""))

    def _show_failure(self) -> None:
        if all(pane.error for pane in self.comparison.panes):
            self.state.setText("")
            self.error.show_message("No pane can reason about this puzzle. Each pane shows the reason.")

    def closing(self) -> None:
        """The window closes."""
        self.player.pause()
        self.comparison.stop()
        self._background.close()


def _readable(line: str) -> bool:
    """Whether this is a puzzle on one line."""
    try:
        parse_any(line)
    except PuzzleError:
        return False
    return True
