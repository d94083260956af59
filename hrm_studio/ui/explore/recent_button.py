"""A button with the list of recent puzzles."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QToolButton, QVBoxLayout, QWidget, QWidgetAction

from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.models.explore import ExploreModel
from hrm_studio.theme import Theme
from hrm_studio.ui.board.puzzle_picture import puzzle_icon
from hrm_studio.ui.explore.puzzle_maker import task_title

_PICTURE = 56  # pixels


class RecentButton(QToolButton):
    """The list is filled when it opens."""

    def __init__(self, explore: ExploreModel, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._explore, self._theme = explore, theme
        self.setObjectName("flat")
        self.setToolTip("Puzzles that a model reasoned about before")
        self.setAccessibleName("Recent puzzles")
        self.setProperty("icon_name", "mdi6.history")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self.setMenu(menu)
        self.list = _RecentList()
        self.list.itemActivated.connect(self.choose)
        self.list.itemClicked.connect(self.choose)
        action = QWidgetAction(menu)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list)
        action.setDefaultWidget(holder)
        menu.addAction(action)
        menu.aboutToShow.connect(self.fill)
        explore.recent.changed.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        self.setEnabled(bool(self._explore.recent.all()))

    def fill(self) -> None:
        self.list.clear()
        for task, grid in self._explore.recent.all():
            item = QListWidgetItem(puzzle_icon(task, grid, self._theme.palette, self.font(), _PICTURE), _words(task, grid))
            item.setData(Qt.ItemDataRole.UserRole, (task, grid))
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def choose(self, item: QListWidgetItem) -> None:
        task, grid = item.data(Qt.ItemDataRole.UserRole)
        self.menu().close()
        self._explore.show_and_reason(task, grid)


class _RecentList(QListWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setIconSize(QSize(_PICTURE, _PICTURE))
        self.setFixedSize(QSize(260, 420))
        self.setSpacing(2)
        self.setFrameShape(QListWidget.Shape.NoFrame)
        self.setAccessibleName("Recent puzzles")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.setFocus()


def _words(task: Task, grid: Grid) -> str:
    if isinstance(task, SudokuTask):
        return f"{task_title(task)}\n{int((grid > 0).sum())} clues"
    return task_title(task)
