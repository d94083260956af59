"""Drawing a maze with the mouse: the tools, the brush, and what the maze still needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QMenu, QToolButton, QVBoxLayout, QWidget

from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.puzzle_check import PuzzleCheck
from hrm_studio.models.puzzle import PuzzleModel
from hrm_studio.ui.explore.brush import Brush
from hrm_studio.ui.explore.size_fields import SizeFields
from hrm_studio.ui.widgets.flow_layout import FlowRow

_ENDS = (maze.START, maze.GOAL)
_LARGEST = 60  # rows and columns that the size fields offer


@dataclass(frozen=True)
class Tool:
    """A drawing tool and the value it writes."""

    name: str
    value: int
    tip: str


TOOLS = (
    Tool("Wall", maze.WALL, "Click or drag to draw walls; the right button removes them.\nKey # or W draws a wall at the cursor"),
    Tool(
        "Open",
        maze.OPEN,
        "Click or drag to remove walls, as the right button does with any tool.\nDelete or . opens the cell at the cursor",
    ),
    Tool("Start", maze.START, "Click to set the start, or drag the S with any tool.\nKey S sets it at the cursor"),
    Tool("Goal", maze.GOAL, "Click to set the goal, or drag the G with any tool.\nKey G sets it at the cursor"),
)


def beginning(task: MazeTask, filling: int) -> Grid:
    """(S,) a new maze: all open or all wall, the start at the top left, the goal at the bottom right."""
    cells = np.full((task.rows, task.columns), filling, np.int8)
    cells[0, 0], cells[-1, -1] = maze.START, maze.GOAL
    return maze.in_square(cells)


def words(grid: Grid, check: PuzzleCheck) -> str:
    """The state of a maze in words: what it is, or what it still needs."""
    start, goal = ((grid == value).any() for value in _ENDS)
    if not start and not goal:
        return "No start and no goal yet: choose Start and click a cell, then Goal"
    if not start:
        return "No start yet: choose Start and click a cell"
    if not goal:
        return "No goal yet: choose Goal and click a cell"
    if check.state in ("broken", "none") and all((grid == value).sum() == 1 for value in _ENDS):
        return "No way from S to G: remove a wall between them"
    return check.words


class MazeBrush(Brush):
    """Writes the chosen tool's value. The start and the goal can be dragged with any tool."""

    def __init__(self, puzzle: PuzzleModel) -> None:
        super().__init__(puzzle)
        self.tool = TOOLS[0]

    def holds(self, cell: int) -> bool:
        """Whether the cell can be dragged: it is the start or the goal."""
        return isinstance(self._puzzle.task, MazeTask) and int(self._puzzle.grid[cell]) in _ENDS

    def press(self, cell: int, erase: bool = False) -> None:
        """Begin a stroke; `erase` opens cells with any tool. Does nothing if the puzzle is not a maze."""
        if isinstance(self._puzzle.task, MazeTask):
            held = int(self._puzzle.grid[cell])
            self._begin(cell, maze.OPEN if erase else held if held in _ENDS else self.tool.value)

    def changed(self, cells: list[int], value: int) -> Grid | None:
        """Walls and open cells never replace start or goal. Start and goal never replace each other, nor cells they are dragged across."""
        if value in _ENDS:
            other = _ENDS[1 - _ENDS.index(value)]
            if self._base[cells[-1]] in (other, maze.OUTSIDE):
                return None
            grid = np.where(self._base == value, maze.OPEN, self._base).astype(np.int8)
            grid[cells[-1]] = value
        else:
            grid = self._puzzle.grid.copy()
            for cell in cells:
                if grid[cell] not in (*_ENDS, maze.OUTSIDE):
                    grid[cell] = value
        return grid


class MazeTools(QWidget):
    """The tools, one of them chosen, the size, and `begin`: a button with new mazes, for the panel's row of buttons."""

    def __init__(self, puzzle: PuzzleModel, brush: MazeBrush, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._puzzle, self._brush = puzzle, brush
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        for tool in TOOLS:
            button = QToolButton(objectName="chip", text=tool.name, checkable=True, toolTip=tool.tip, accessibleName=f"Draw: {tool.name}")
            button.clicked.connect(lambda _=False, tool=tool: self.choose(tool))
            self._group.addButton(button)
            self.buttons[tool.name] = button
        tip = "Cuts the maze at the right and bottom, or adds open cells there"
        self.size_fields = SizeFields(maze.SMALLEST, _LARGEST, of="maze", tip=tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(FlowRow(*self.buttons.values()))  # it wraps: a wide row would push the panel's other widgets out of sight
        layout.addWidget(self.size_fields)
        self.begin = QToolButton(objectName="flat", toolTip="New maze", accessibleName="New maze")
        self.begin.setProperty("icon_name", "mdi6.plus-box-outline")
        self.begin.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.begin)
        self.empty = menu.addAction("All open, to draw walls", lambda: self.start(self._puzzle.task))
        self.walls = menu.addAction("All walls, to dig paths", lambda: self.start(self._puzzle.task, maze.WALL))
        self.begin.setMenu(menu)
        self.choose(brush.tool)
        for field in (self.size_fields.rows, self.size_fields.columns):
            field.setKeyboardTracking(False)  # 3 on the way to 30 would cut the maze
        self.size_fields.changed.connect(self._resize)
        puzzle.changed.connect(self._show_size)
        self._show_size()

    def _resize(self, rows: int, columns: int) -> None:
        if isinstance(self._puzzle.task, MazeTask):
            self._puzzle.replace(MazeTask(rows, columns), maze.resized(self._puzzle.grid, (rows, columns)), "maze size")

    def _show_size(self) -> None:
        task = self._puzzle.task
        if isinstance(task, MazeTask):
            self.size_fields.show_size(task.rows, task.columns)

    def choose(self, tool: Tool) -> None:
        """Draw with this tool."""
        self._brush.tool = tool
        self.buttons[tool.name].setChecked(True)

    def start(self, task: Task, filling: int = maze.OPEN) -> None:
        """A new maze, all open or all wall, with the fitting tool chosen. Does nothing for another task."""
        if isinstance(task, MazeTask):
            self._puzzle.replace(task, beginning(task, filling))
            self.choose(TOOLS[0] if filling == maze.OPEN else TOOLS[1])


def cursor_over(brush: MazeBrush, cell: int | None) -> Qt.CursorShape:
    """The mouse cursor: a hand over what can be dragged."""
    return Qt.CursorShape.OpenHandCursor if cell is not None and brush.holds(cell) else Qt.CursorShape.ArrowCursor
