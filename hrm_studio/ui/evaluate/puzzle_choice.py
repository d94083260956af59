"""The choice of the puzzles to evaluate: generated ones of a kind and a difficulty, or those of a file or a text."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel, QSpinBox, QToolButton, QWidget

from hrm_model.errors import HRMError, OpenError, write_failure
from hrm_model.files import atomic_write
from hrm_model.folders import home
from hrm_model.tasks.base import Task
from hrm_model.tasks.puzzle_files import count_puzzles, read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.generator import default_clues, fewest_clues
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.services.model_jobs import PuzzleSource

NO_ARC = (
    "Evaluate reads Sudokus and mazes. To open an ARC task in Explore, use File › Open …. "
    "To evaluate a model on an ARC dataset, run: hrm-studio eval MODEL DATASET"
)


class PuzzleChoice(QObject):
    """Controls for a row of the page (`widgets`), and what they say.

    Signals
    -------
    task_changed()  another kind of puzzle is chosen
    refused(str)    why a file or a text cannot be used; '' clears the message
    """

    task_changed = Signal()
    refused = Signal(str)

    def __init__(self, models: ModelChoice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models = models
        self.file: Path | None = None
        self.task = QComboBox(toolTip="Kind of puzzle", accessibleName="Kind of puzzle")
        self._fill_tasks()
        self.generated = QToolButton(text="Generated", toolTip="Generate new puzzles", objectName="chip", checkable=True, checked=True)
        self.generated.clicked.connect(lambda: self.use_file(None))
        self.from_file = QToolButton(
            text="From a file …", toolTip="A file of puzzles: one per line, CSV, .sdk, .sdm …", objectName="chip", checkable=True
        )
        self.from_file.clicked.connect(self.pick_file)
        self._paste = QToolButton(text="Paste", toolTip="Use the puzzles on the clipboard (Ctrl+V)", objectName="chip")
        self._paste.clicked.connect(self.paste)
        self.count = QSpinBox(
            minimum=1, maximum=20_000, value=200, singleStep=50, toolTip="Number of puzzles", accessibleName="Number of puzzles"
        )
        self._range_label = QLabel("clues from")
        self.low, self.high = (
            QSpinBox(
                maximum=9999, accessibleName="Difficulty from", toolTip="Least number of clues of a Sudoku, or moves of a maze's path"
            ),
            QSpinBox(
                maximum=9999, accessibleName="Difficulty to", toolTip="Largest number of clues of a Sudoku, or moves of a maze's path"
            ),
        )
        self._suit_range()
        self.task.currentTextChanged.connect(self._task_chosen)

    def widgets(self) -> list[QWidget]:
        """The controls from left to right."""
        return [
            self.task, self.generated, self.from_file, self._paste, QLabel("puzzles"), self.count,
            self._range_label, self.low, QLabel("to"), self.high,
        ]  # fmt: skip

    @property
    def chosen_task(self) -> Task:
        return task_named(self.task.currentText())

    def source(self) -> PuzzleSource:
        """The chosen puzzles. Generated ones are new each time."""
        low, high = sorted((self.low.value(), self.high.value()))
        return PuzzleSource(self.chosen_task, self.count.value(), self.file, low, high, seed=int(time.time()))

    def offer_tasks(self) -> None:
        """Also offer the tasks of an opened model, such as every size of Sudoku."""
        config = self._models.config_of(self._models.path)
        for name in config.tasks if config is not None else ():
            if name != "unknown" and self.task.findText(name) < 0:
                self.task.addItem(name)

    def _fill_tasks(self) -> None:
        bundled = self._models.bundled_as(self._models.path)
        self.task.addItems(self._models.tasks() or ["sudoku-9x9"])
        if bundled is not None:
            self.task.setCurrentText(bundled.task)

    def _task_chosen(self) -> None:
        self.task_changed.emit()
        self._suit_range()

    def _suit_range(self) -> None:
        task = self.chosen_task
        if isinstance(task, SudokuTask):
            self._range_label.setText("clues from")
            self.low.setValue(max(round(0.3 * task.cells), fewest_clues(task.variant)))
            self.high.setValue(max(round(0.5 * task.cells), default_clues(task.variant)))
        else:
            self._range_label.setText("moves from")
            self.low.setValue(task.side)
            self.high.setValue(3 * task.side)

    def pick_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self.task.window(), "Open a file of puzzles")
        self.use_file(Path(name) if name else self.file)

    def use_file(self, path: Path | None) -> None:
        """Use the puzzles of a file, or generated ones. If the file cannot be read, say why and keep the current choice."""
        self.refused.emit("")
        if path is not None:
            try:
                if path.suffix.lower() == ".json":
                    raise OpenError(f"{path}: {NO_ARC}")
                task = read_puzzles(path, limit=1).task
            except (HRMError, OSError) as error:
                self.refused.emit(str(error))
                path = self.file
            else:
                if self.task.findText(task.name) < 0:
                    self.task.addItem(task.name)
                self.task.setCurrentText(task.name)
        self.file = path
        self.generated.setChecked(path is None)
        self.from_file.setChecked(path is not None)
        self.from_file.setText("From a file …" if path is None else path.name)
        for part in (self.low, self.high):
            part.setEnabled(path is None)

    def use_text(self, text: str) -> None:
        """Use the puzzles of a pasted or dropped text: all of them."""
        count = count_puzzles(text, self.count.maximum())
        if not count:
            self.refused.emit("The text holds no puzzles. Copy several first: one per line, or drawn with empty lines between them.")
            return
        file = home() / "pasted puzzles.txt"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(file, "w") as stream:
                stream.write(text)
        except OSError as error:
            self.refused.emit(write_failure(error))
            return
        self.use_file(file)
        if self.file == file:
            self.count.setValue(count)

    def paste(self) -> None:
        """Use the puzzles on the clipboard."""
        self.use_text(QApplication.clipboard().text())
