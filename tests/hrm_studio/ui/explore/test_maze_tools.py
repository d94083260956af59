"""Drawing a maze with the mouse, by real mouse events: tools, strokes, and what the maze still needs."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.registry import task_named
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.explore.brush import line
from hrm_studio.ui.explore.maze_tools import beginning
from tests.support.puzzle_panel import MAZE, Rig

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SIDE = 7


@pytest.fixture
def drawn(rig: Rig) -> Rig:
    rig.show(MAZE)
    QTest.qWait(20)  # the row of tools moves the board
    return rig


def place(rig: Rig, row: int, column: int) -> QPoint:
    board, side = rig.panel.editor.board(), rig.puzzle.task.side
    return (board.topLeft() + QPointF(column + 0.5, row + 0.5) * (board.width() / side)).toPoint()


def stroke(rig: Rig, *cells: tuple[int, int], button: Qt.MouseButton = LEFT) -> None:
    editor = rig.panel.editor
    QTest.mousePress(editor, button, pos=place(rig, *cells[0]))
    for cell in cells[1:]:
        QTest.mouseMove(editor, place(rig, *cell))
    QTest.mouseRelease(editor, button, pos=place(rig, *cells[-1]))


def held(rig: Rig, row: int, column: int) -> int:
    return int(rig.puzzle.grid[row * rig.puzzle.task.side + column])


def at(rig: Rig, value: int) -> list[tuple[int, int]]:
    return [divmod(cell, rig.puzzle.task.side) for cell in np.flatnonzero(rig.puzzle.grid == value).tolist()]


def use(rig: Rig, name: str) -> None:
    QTest.mouseClick(rig.panel.maze_tools.buttons[name], LEFT)


def test_the_tools_are_there_for_a_maze_on_its_board_only(drawn: Rig) -> None:
    tools = drawn.panel.maze_tools
    assert tools.isVisible()
    assert tools.buttons["Wall"].isChecked()
    drawn.panel.as_text.click()
    assert not tools.isVisible()
    drawn.panel.as_board.click()
    assert tools.isVisible()
    drawn.puzzle.replace(task_named("sudoku-4x4"), np.zeros(16, np.int8))
    assert not tools.isVisible()


def test_a_drag_with_each_tool_is_one_undo(drawn: Rig) -> None:
    before = drawn.puzzle.grid
    stroke(drawn, (1, 2), (1, 5))  # at once: the cells between are drawn too
    assert [held(drawn, 1, c) for c in range(1, 6)] == [maze.START, *[maze.WALL] * 4]
    use(drawn, "Open")
    assert not drawn.panel.maze_tools.buttons["Wall"].isChecked()
    stroke(drawn, (1, 5), (1, 4), (1, 3), (2, 3))
    assert [held(drawn, 1, c) for c in range(2, 6)] == [maze.WALL, maze.OPEN, maze.OPEN, maze.OPEN]
    assert held(drawn, 2, 3) == maze.OPEN
    drawn.puzzle.undo()
    assert held(drawn, 1, 3) == maze.WALL
    drawn.puzzle.undo()
    assert drawn.puzzle.grid.tolist() == before.tolist()


def test_the_right_button_opens_whatever_the_tool_is(drawn: Rig) -> None:
    stroke(drawn, (2, 0), (2, 4), button=RIGHT)
    assert [held(drawn, 2, c) for c in range(5)] == [maze.OPEN] * 5
    stroke(drawn, (1, 1), (0, 1), button=RIGHT)  # from the start: that stays
    assert held(drawn, 1, 1) == maze.START
    assert held(drawn, 0, 1) == maze.OPEN


def test_start_and_goal_are_dragged_with_any_tool_and_spare_what_is_between(drawn: Rig) -> None:
    before = drawn.puzzle.grid
    stroke(drawn, (1, 1), (2, 1), (3, 1))  # across a wall
    assert at(drawn, maze.START) == [(3, 1)]
    assert held(drawn, 2, 1) == maze.WALL
    assert held(drawn, 1, 1) == maze.OPEN
    drawn.puzzle.undo()
    assert drawn.puzzle.grid.tolist() == before.tolist()
    use(drawn, "Start")
    stroke(drawn, (5, 5), (5, 4))  # the goal is what was taken hold of
    assert at(drawn, maze.GOAL) == [(5, 4)]
    assert at(drawn, maze.START) == [(1, 1)]
    stroke(drawn, (1, 1), (5, 4))  # onto the goal: not there
    assert at(drawn, maze.GOAL) == [(5, 4)]
    assert at(drawn, maze.START) == [(1, 1)]


def test_there_and_back_again_leaves_nothing_to_undo(drawn: Rig) -> None:
    before, redone = drawn.puzzle.grid, drawn.puzzle.can_undo
    stroke(drawn, (1, 1), (2, 1), (1, 1))
    assert at(drawn, maze.START) == [(1, 1)]
    assert drawn.puzzle.can_undo == redone
    stroke(drawn, (1, 1), (2, 1), (1, 1), (3, 1))  # and on: undone as one
    assert at(drawn, maze.START) == [(3, 1)]
    drawn.puzzle.undo()
    assert drawn.puzzle.grid.tolist() == before.tolist()
    assert drawn.puzzle.can_undo == redone


def test_start_and_goal_are_set_by_their_tools_once(drawn: Rig) -> None:
    use(drawn, "Start")
    stroke(drawn, (1, 5))
    use(drawn, "Goal")
    stroke(drawn, (1, 1))
    assert at(drawn, maze.START) == [(1, 5)]
    assert at(drawn, maze.GOAL) == [(1, 1)]
    assert drawn.checked() == "one"
    assert "4 moves" in drawn.panel.known.text()


def test_what_a_maze_lacks_is_shown_with_what_to_do(drawn: Rig) -> None:
    drawn.panel.emptied.click()
    drawn.checked()
    assert "No start and no goal yet" in drawn.panel.known.text()
    use(drawn, "Start")
    stroke(drawn, (0, 0))
    drawn.checked()
    assert "No goal yet" in drawn.panel.known.text()
    drawn.panel.maze_tools.walls.trigger()
    drawn.checked()
    assert "No way from S to G" in drawn.panel.known.text()
    assert drawn.panel.maze_tools.buttons["Open"].isChecked()
    stroke(drawn, (0, 0), (0, 6))  # the start is dragged …
    stroke(drawn, (1, 6), (5, 6))  # … and a way dug from it
    assert drawn.checked() == "one"
    assert "6 moves" in drawn.panel.known.text()
    drawn.panel.maze_tools.empty.trigger()
    assert drawn.checked() == "one"
    assert drawn.panel.maze_tools.buttons["Wall"].isChecked()
    drawn.panel.reason.click()
    assert drawn.asked == [drawn.puzzle.line]


def test_another_puzzle_under_the_mouse_ends_the_stroke(drawn: Rig) -> None:
    editor = drawn.panel.editor
    QTest.mousePress(editor, LEFT, pos=place(drawn, 1, 2))
    QTest.mouseMove(editor, place(drawn, 1, 3))
    drawn.puzzle.undo()
    QTest.mouseMove(editor, place(drawn, 1, 4))
    assert held(drawn, 1, 4) == maze.OPEN
    QTest.mousePress(editor, LEFT, pos=place(drawn, 1, 2))
    drawn.puzzle.replace(task_named("sudoku-4x4"), np.zeros(16, np.int8))
    QTest.mouseMove(editor, place(drawn, 3, 3))
    QTest.mouseRelease(editor, LEFT, pos=place(drawn, 3, 3))
    assert not drawn.puzzle.grid.any()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (0, 48), (48, 0), (6, 42), (3, 5), (45, 10), (0, 9)])
def test_a_line_has_no_gap(first: int, last: int) -> None:
    cells = [divmod(cell, SIDE) for cell in [first, *line(first, last, SIDE)]]
    assert cells[-1] == divmod(last, SIDE)
    assert all(abs(a - c) + abs(b - d) == 1 for (a, b), (c, d) in zip(cells, cells[1:], strict=False))


def test_mazes_to_begin_with_have_both_ends() -> None:
    task = MazeTask(5, 5)
    task.check(beginning(task, maze.OPEN))
    assert (beginning(task, maze.WALL) == maze.WALL).sum() == 23


def test_a_maze_is_drawn_and_traced(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.explore.panel
    window.actions_table.by_name["draw_maze"].trigger()
    QTest.qWait(50)
    board = panel.editor.board()

    def place(row: int, column: int) -> QPoint:
        return (board.topLeft() + QPointF(column + 0.5, row + 0.5) * (board.width() / 11)).toPoint()

    QTest.mousePress(panel.editor, LEFT, pos=place(2, 0))
    QTest.mouseMove(panel.editor, place(2, 9))
    QTest.mouseRelease(panel.editor, LEFT, pos=place(2, 9))
    QTest.mouseClick(panel.reason, LEFT)
    traces = window.traces
    qtbot.waitUntil(lambda: traces.trace is not None and not traces.running)
    assert traces.trace is not None
    assert traces.trace.puzzle.task == "maze-11x11"
    grid = task_named("maze-11x11").from_tokens(traces.trace.puzzle.given)
    assert (np.flatnonzero(grid == maze.WALL) == 22 + np.arange(10)).all()
    assert grid[0] == maze.START
    assert grid[-1] == maze.GOAL


def test_the_tools_fit_the_narrowest_panel(drawn: Rig) -> None:
    drawn.panel.resize(drawn.panel.minimumWidth(), 720)
    QTest.qWait(20)
    area = drawn.panel.findChild(QScrollArea)
    assert area is not None
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()


def test_nothing_of_the_panel_is_pushed_out_of_sight(drawn: Rig) -> None:
    """The tools are no wider than the panel, and the board shrinks before the lower buttons have to be scrolled to."""
    panel = drawn.panel
    for width, height in ((300, 540), (280, 470)):
        panel.resize(width, height)
        QTest.qWait(50)
        for button in (panel.maze_tools.begin, panel.maze_tools.buttons["Goal"], panel.reason, panel.generate, panel.example):
            place = button.mapTo(panel, button.rect().bottomRight())
            assert panel.rect().contains(place), button.text() or button.toolTip()
    assert panel.editor.board().width() > 100
