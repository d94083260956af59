"""The dataset browser: groups, puzzles with their augmented copies, and the input and solution of each example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hrm_model.errors import DatasetError
from hrm_model.tasks.base import Task
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_studio.models.dataset_view import DatasetView, Example, Group, ShownPuzzle
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.board.puzzle_picture import cell_rect, paint_puzzle, puzzle_icon

T = TypeVar("T")

_ICON = 84  # pixels
_GAP = 36


class ExamplePicture(QWidget):
    """The input on the left, the solution on the right."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._task: Task | None = None
        self._example: Example | None = None
        self.setMinimumSize(320, 170)
        theme.changed.connect(self.update)

    def show_example(self, task: Task, example: Example | None) -> None:
        self._task, self._example = task, example
        self.setAccessibleName("" if example is None else f"Puzzle {task.format_line(example.given)}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._task is None or self._example is None:
            return
        colours = self._theme.palette
        side = min((self.width() - _GAP) / 2, self.height() - 4.0)
        top = (self.height() - side) / 2
        left = (self.width() - 2 * side - _GAP) / 2
        with QPainter(self) as painter:
            for k, grid in enumerate((self._example.given, self._example.wanted)):
                place = QRectF(left + k * (side + _GAP), top, side, side)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(colours.color("surface"))
                painter.drawRect(place)
                if k and isinstance(self._task, MazeTask):
                    painter.setBrush(colours.color("right", 0.55))
                    for cell in (grid == maze.PATH).nonzero()[0].tolist():
                        painter.drawRect(cell_rect(place, self._task.side, cell))
                paint_puzzle(painter, place, self._task, grid, colours, self.font())
            painter.setPen(colours.color("muted"))
            painter.drawText(QRectF(left + side, top, _GAP, side), Qt.AlignmentFlag.AlignCenter, "→")


class DatasetDialog(QDialog):
    """Stays open beside the main window.

    Signals
    -------
    reason_wanted(object, object, int)  the Task, the ShownPuzzle, and which of its examples
    train_wanted(object)    the dataset's Path
    failed(str)             why a part cannot be shown
    """

    reason_wanted = Signal(object, object, int)
    train_wanted = Signal(object)
    failed = Signal(str)

    def __init__(self, view: DatasetView, background: Background, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Dataset {view.folder.name}")
        self.resize(980, 640)
        self.view, self._background, self._theme = view, background, theme
        self._wanted = -1
        self.group: Group | None = None
        self.split = QComboBox(accessibleName="Split")
        self.split.addItems([f"{name}: {view.facts(name)}" for name in view.splits])
        self.number = QSpinBox(prefix="group ", minimum=1, accessibleName="Group")
        self.search = QLineEdit(placeholderText="Find by name (Enter: next)", clearButtonEnabled=True, accessibleName="Find by name")
        self.search.setVisible(len(view.dataset.identifiers) > 1)
        self.about = QLabel("", objectName="muted", wordWrap=True)
        self.puzzles = self._list("Puzzles of this group")
        self.examples = self._list("Examples of this puzzle")
        self.examples.setFixedHeight(_ICON + 46)
        self.examples.setWrapping(False)
        self.picture = ExamplePicture(theme)
        self.about_puzzle = QLabel("", objectName="muted", wordWrap=True)
        self.reason = QPushButton("Open in Explore", autoDefault=False, toolTip="Open this puzzle in Explore")
        self.train = QPushButton(
            "Train on it …", objectName="primary", autoDefault=False, toolTip="Open the settings of a run on this dataset"
        )
        self._lay_out()
        self.split.currentIndexChanged.connect(self._split_changed)
        self.number.valueChanged.connect(self._ask)
        self.search.returnPressed.connect(self._find)
        self.puzzles.currentRowChanged.connect(self._show_puzzle)
        self.examples.currentRowChanged.connect(self._show_example)
        self.reason.clicked.connect(self._reason)
        self.train.clicked.connect(lambda: self.train_wanted.emit(view.folder))
        theme.changed.connect(self._fill)
        self._split_changed()

    def _list(self, name: str) -> QListWidget:
        made = QListWidget(accessibleName=name)
        made.setViewMode(QListView.ViewMode.IconMode)
        made.setIconSize(QSize(_ICON, _ICON))
        made.setGridSize(QSize(_ICON + 22, _ICON + 30))
        made.setMovement(QListView.Movement.Static)
        made.setResizeMode(QListView.ResizeMode.Adjust)
        made.setUniformItemSizes(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        return made

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        for widget, stretch in ((self.split, 3), (self.number, 1), (self.search, 2)):
            top.addWidget(widget, stretch)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(self.about)
        left.addWidget(self.puzzles, 1)
        right.addWidget(self.about_puzzle)
        right.addWidget(self.picture, 1)
        right.addWidget(self.examples)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.reason)
        buttons.addWidget(self.train)
        right.addLayout(buttons)
        columns = QHBoxLayout()
        columns.setSpacing(16)
        columns.addLayout(left, 2)
        columns.addLayout(right, 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addLayout(columns, 1)

    @property
    def _name(self) -> str:
        return self.view.splits[self.split.currentIndex()]

    def _split_changed(self) -> None:
        groups = self.view.split(self._name).groups
        with QSignalBlocker(self.number):
            self.number.setRange(min(1, groups), groups)
            self.number.setValue(1)
        self.number.setSuffix(f" of {groups:,}")
        self.number.setEnabled(groups > 1)
        if groups:
            self._ask()
        else:
            self.group = None
            self._fill()

    def _ask(self) -> None:
        """Read the group in the background; the disk may be slow."""
        name, number = self._name, self.number.value() - 1
        self._wanted = number
        self._background.run(_tried(lambda: self.view.group(name, number)), lambda found: self._take(name, number, found))

    def _take(self, name: str, number: int, found: Group | str) -> None:
        if (name, number) != (self._name, self._wanted):
            return  # another group was chosen meanwhile
        if isinstance(found, str):
            self.failed.emit(found)
            found = Group(number, (), 0)
        self.group = found
        self._fill()

    def _find(self) -> None:
        found = self.view.find(self._name, self.search.text(), self.number.value() - 1)
        if found is None:
            self.about.setText(f"No puzzle in this split has “{self.search.text()}” in its name.")
        else:
            self.number.setValue(found + 1)

    # Showing -----------------------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        group, at = self.group, self.puzzles.currentRow()
        self.puzzles.clear()
        if group is None or not group.puzzles:
            self.about.setText("This split has no puzzles." if group is None else "")
            self._show_puzzle(-1)
            return
        more = group.all_puzzles - len(group.puzzles)
        copies = group.all_puzzles - 1
        self.about.setText(
            "One puzzle, without augmented copies."
            if not copies
            else f"One puzzle and {copies:,} augmented cop{'y' if copies == 1 else 'ies'}"
            + (f"; the first {len(group.puzzles)} are shown." if more else ".")
        )
        for k, puzzle in enumerate(group.puzzles):
            self.puzzles.addItem(self._item(puzzle.examples[0], "original" if k == 0 else f"copy {k}", puzzle.name))
        self.puzzles.setCurrentRow(max(0, at) if at < len(group.puzzles) else 0)

    def _item(self, example: Example, text: str, tip: str) -> QListWidgetItem:
        item = QListWidgetItem(puzzle_icon(self.view.task, example.given, self._theme.palette, self.font(), _ICON), text)
        item.setToolTip(tip)
        return item

    @property
    def puzzle(self) -> ShownPuzzle | None:
        row = self.puzzles.currentRow()
        return self.group.puzzles[row] if self.group is not None and 0 <= row < len(self.group.puzzles) else None

    @property
    def example(self) -> Example | None:
        puzzle, row = self.puzzle, self.examples.currentRow()
        return puzzle.examples[row] if puzzle is not None and 0 <= row < len(puzzle.examples) else None

    def _show_puzzle(self, _: int) -> None:
        puzzle = self.puzzle
        self.examples.clear()
        self.examples.setVisible(puzzle is not None and len(puzzle.examples) > 1)
        if puzzle is not None:
            count = f"{puzzle.all_examples:,} example" + ("" if puzzle.all_examples == 1 else "s")
            self.about_puzzle.setText(" · ".join(filter(None, (puzzle.name, f"puzzle {puzzle.number:,} of the split", count))))
            for k, example in enumerate(puzzle.examples):
                self.examples.addItem(self._item(example, str(k + 1), ""))
            self.examples.setCurrentRow(0)
        else:
            self.about_puzzle.setText("")
            self._show_example(-1)

    def _show_example(self, _: int) -> None:
        self.picture.show_example(self.view.task, self.example)
        self.reason.setEnabled(self.example is not None)

    def _reason(self) -> None:
        if self.example is not None:
            self.reason_wanted.emit(self.view.task, self.puzzle, self.examples.currentRow())


def open_dataset(
    path: Path,
    background: Background,
    theme: Theme,
    parent: QWidget,
    then: Callable[[DatasetDialog], object],
    failed: Callable[[str], object],
) -> None:
    """Read a dataset folder in the background, then pass its dialog to `then`, or the error to `failed`."""

    def take(found: DatasetView | str) -> None:
        if isinstance(found, str):
            failed(found)
        else:
            then(DatasetDialog(found, background, theme, parent))

    background.run(_tried(lambda: DatasetView(path)), take)


def _tried(work: Callable[[], T]) -> Callable[[], T | str]:
    def tried() -> T | str:
        try:
            return work()
        except (DatasetError, OSError) as error:
            return str(error)

    return tried
