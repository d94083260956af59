"""The puzzle panel of Explore: editor, undo, the check of a puzzle, difficulty, recent puzzles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.puzzle_check import check_puzzle
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.ladder import generate_rated, ladder
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.tasks.sudoku.rating import rate
from hrm_model.tasks.sudoku.solver import count_solutions, unique_solution
from hrm_studio.models.explore import ExploreModel
from hrm_studio.models.player import Player
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from tests.support.puzzle_panel import MAZE, Rig
from tests.support.puzzles import STARTER_4

NINE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"


def test_a_puzzle_is_typed_and_judged_as_it_grows(rig: Rig, qtbot: QtBot) -> None:
    editor = rig.panel.editor
    rig.puzzle.replace(task_named("sudoku-4x4"), np.zeros(16, np.int8))
    editor.setFocus()
    assert rig.checked() == "several"
    qtbot.keyClicks(editor, "11")
    assert editor.clashes()[[0, 1]].all()  # at once
    assert rig.checked() == "broken"
    qtbot.keyClick(editor, Qt.Key.Key_Backspace)  # the blank behind the cursor's left neighbour is erased
    assert rig.puzzle.line == "1" + "." * 15
    qtbot.keyClick(editor, Qt.Key.Key_Home)
    qtbot.keyClicks(editor, STARTER_4)
    assert rig.puzzle.line == STARTER_4.replace("0", ".")
    assert rig.checked() == "one"
    assert "One solution" in rig.panel.known.text()
    assert "naked single" in rig.panel.known.text()
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert rig.asked == [STARTER_4.replace("0", ".")]


def test_undo_and_redo_go_all_the_way(rig: Rig) -> None:
    rig.show(NINE)
    before = rig.puzzle.line
    for cell, value in ((2, 4), (3, 6), (2, 0)):
        rig.puzzle.set_cell(cell, value)
    for _ in range(3):
        rig.panel.undo.click()
    assert rig.puzzle.line == before
    for _ in range(3):
        rig.panel.redo.click()
    assert rig.puzzle.line == before[:3] + "6" + before[4:]
    assert not rig.panel.redo.isEnabled()
    rig.puzzle.undo()
    rig.puzzle.set_cell(80, 0)
    assert not rig.puzzle.can_redo


def test_only_the_newest_of_many_changes_is_judged_for_good(rig: Rig) -> None:
    rig.show(NINE)
    for value in (1, 2, 4, 1, 2, 4):
        rig.puzzle.set_cell(2, value)
    assert rig.checked() == check_puzzle(rig.puzzle.task, rig.puzzle.grid).state == "one"


def test_difficulty_goes_there_and_back(rig: Rig, qtbot: QtBot) -> None:
    rig.show(NINE)
    slider, given = rig.panel.difficulty.slider, rig.puzzle.grid
    clues = rig.explore.difficulty.clues
    slider.setValue(clues - 3)
    qtbot.waitUntil(lambda: rig.explore.difficulty.clues == clues - 3)
    harder = rig.puzzle.grid
    assert ((harder == given) | (harder == 0)).all()
    assert count_solutions(harder, SUDOKU_9) == 1
    slider.setValue(clues + 9)
    assert ((rig.puzzle.grid == given) | (given == 0)).all()
    assert rig.explore.difficulty.clues == clues + 9
    slider.setValue(clues)
    assert np.array_equal(rig.puzzle.grid, given)
    slider.setValue(slider.minimum())
    assert rig.explore.difficulty.clues == rig.explore.difficulty.fewest
    assert "minimal" in rig.panel.difficulty.count.text()
    rig.puzzle.undo()  # all the sliding is one change
    assert np.array_equal(rig.puzzle.grid, given)
    qtbot.waitUntil(lambda: bool(rig.asked))


def test_text_becomes_the_puzzle_as_soon_as_it_can_be_read(rig: Rig, qtbot: QtBot) -> None:
    rig.show(NINE)
    rig.panel.edit_as_text()
    rig.panel.text.setPlainText("12")
    assert rig.panel.error.isHidden()
    rig.panel.submit()
    assert "2 cells" in rig.panel.error.text()
    assert rig.asked == []
    rig.panel.text.setPlainText(STARTER_4)
    assert rig.puzzle.task.name == "sudoku-4x4"
    rig.panel.text.setPlainText("12q4" + "." * 12)
    rig.panel.submit()
    assert "'q'" in rig.panel.error.text()
    assert rig.panel.text.textCursor().selectedText() == "q"


def test_a_puzzle_is_pasted_and_copied(rig: Rig) -> None:
    QApplication.clipboard().setText(" | ".join(STARTER_4))
    rig.panel.paste()
    assert rig.puzzle.line == STARTER_4.replace("0", ".")
    assert rig.asked == [rig.puzzle.line]
    rig.panel.copy()
    assert QApplication.clipboard().text() == rig.puzzle.line
    QApplication.clipboard().setText("no puzzle")
    rig.panel.paste()
    assert rig.panel.editors.currentWidget() is rig.panel.text
    assert rig.panel.error.text()
    QApplication.clipboard().setText("")
    rig.panel.paste()
    assert "clipboard" in rig.panel.error.text()


def test_a_maze_is_drawn_and_edited(rig: Rig, qtbot: QtBot) -> None:
    rig.show(MAZE)
    assert "Shortest path: 8 moves" in rig.panel.known.text()
    assert rig.panel.difficulty.isHidden()
    editor = rig.panel.editor
    board = editor.board()
    width = board.width() / 7
    place = QPoint(round(board.left() + 5.5 * width), round(board.top() + 2.5 * width))
    qtbot.mouseClick(editor, Qt.MouseButton.LeftButton, pos=place)
    assert rig.puzzle.grid[2 * 7 + 5] == maze.WALL
    assert rig.checked() in ("none", "broken")
    editor.move_to(3 * 7 + 1)
    qtbot.keyClick(editor, Qt.Key.Key_G)
    assert (rig.puzzle.grid == maze.GOAL).sum() == 1
    assert "Row 4, column 3" in editor.accessibleDescription()


def test_an_arc_board_is_shown_in_its_colours(rig: Rig) -> None:
    task = task_named("arc")
    rig.puzzle.replace(task, task.parse("012\n345\n678"))
    assert rig.checked() == "unknown"
    assert "cannot be computed" in rig.panel.known.text()
    editor = rig.panel.editor
    corner = int(np.flatnonzero(rig.puzzle.grid >= 2)[1])
    assert "colour 1" in editor.words(corner)
    assert not rig.panel.generate.isEnabled()
    assert editor.cell_rect(corner).width() > 60
    assert editor.cell_at(editor.cell_rect(corner).center()) == corner
    middle = editor.cell_rect(corner).center().toPoint()
    assert editor.grab().toImage().pixelColor(middle).name() == "#0074d9"
    editor.move_to(corner)
    rig.qtbot.keyClick(editor, Qt.Key.Key_2)
    assert editor.grab().toImage().pixelColor(middle).name() == "#ff4136"


def arc_rows(rig: Rig) -> list[str]:
    return rig.puzzle.task.format_grid(rig.puzzle.grid).split("\n")


def test_an_arc_grid_is_painted_with_the_mouse(rig: Rig, qtbot: QtBot) -> None:
    rig.panel.draw_arc()
    assert arc_rows(rig) == ["0" * 10] * 10
    tools, editor = rig.panel.arc_tools, rig.panel.editor
    assert tools.isVisible()
    assert not rig.panel.maze_tools.isVisible()
    qtbot.mouseClick(tools.swatches[4], Qt.MouseButton.LeftButton)
    place = [editor.cell_rect(cell).center().toPoint() for cell in (32, 36, 33)]
    qtbot.mousePress(editor, Qt.MouseButton.LeftButton, pos=place[0])
    qtbot.mouseMove(editor, place[1])
    qtbot.mouseRelease(editor, Qt.MouseButton.LeftButton, pos=place[1])
    assert arc_rows(rig)[1] == "0044444000"
    qtbot.mouseClick(editor, Qt.MouseButton.RightButton, pos=place[2])
    assert arc_rows(rig)[1] == "0040444000"
    rig.puzzle.undo()
    rig.puzzle.undo()  # the whole stroke
    assert arc_rows(rig) == ["0" * 10] * 10
    rig.puzzle.redo()
    rig.panel.clear()
    assert arc_rows(rig) == ["0" * 10] * 10  # as large as before
    rig.show(MAZE)
    assert not tools.isVisible()
    editor.arc_brush.press(8)
    assert not editor.arc_brush.drag(9)


def test_an_arc_grid_has_the_size_that_is_asked_for(rig: Rig, qtbot: QtBot) -> None:
    task, tools = task_named("arc"), rig.panel.arc_tools
    rig.puzzle.replace(task, task.parse("123\n456"))
    assert (tools.size_fields.rows.value(), tools.size_fields.columns.value()) == (2, 3)
    tools.size_fields.columns.setValue(4)
    tools.size_fields.rows.setValue(3)
    assert arc_rows(rig) == ["1230", "4560", "0000"]
    rig.puzzle.undo()  # both, one after the other, are one change
    assert arc_rows(rig) == ["123", "456"]
    assert (tools.size_fields.rows.value(), tools.size_fields.columns.value()) == (2, 3)
    tools.size_fields.columns.setValue(1)
    assert arc_rows(rig) == ["1", "4"]
    for rows, columns in ((30, 30), (1, 1)):
        tools.size_fields.rows.setValue(rows)
        tools.size_fields.columns.setValue(columns)
        assert (rig.puzzle.grid >= 2).sum() == rows * columns
        assert np.array_equal(rig.puzzle.grid, task.parse(task.format_grid(rig.puzzle.grid)))  # ends where it should


def test_keys_write_within_an_arc_grid_only(rig: Rig, qtbot: QtBot) -> None:
    task, editor = task_named("arc"), rig.panel.editor
    rig.puzzle.replace(task, task.parse("000\n000"))
    editor.setFocus()
    editor.move_to(0)
    qtbot.keyClicks(editor, "1234567")  # from row to row, and not beyond the last cell
    assert arc_rows(rig) == ["123", "457"]
    qtbot.keyClick(editor, Qt.Key.Key_Down)
    qtbot.keyClick(editor, Qt.Key.Key_Right)
    assert editor.cell == 32
    qtbot.keyClick(editor, Qt.Key.Key_Home)
    qtbot.keyClick(editor, Qt.Key.Key_End)
    assert editor.cell == 32
    below = editor.cell_rect(60).center().toPoint()  # shown, for the board is square, but outside the grid
    qtbot.mouseClick(editor, Qt.MouseButton.LeftButton, pos=below)
    qtbot.keyClicks(editor, "9")
    assert arc_rows(rig) == ["123", "457"]


def test_the_maker_follows_the_puzzle(rig: Rig) -> None:
    maker = rig.panel.maker
    for text, kinds in (
        (MAZE, ["any", "by path"]),
        (NINE, ["by clues", "by rating", "minimal"]),
        (STARTER_4, ["by clues", "by rating", "minimal"]),
    ):
        rig.show(text)
        assert maker.chosen() == rig.puzzle.task
        assert [maker.kind.itemText(i) for i in range(maker.kind.count())] == kinds
    made: list[object] = []
    rig.explore.make = lambda task, **how: made.append((task.name, how))  # type: ignore[method-assign]
    maker.kind.setCurrentIndex(1)
    maker.generate.click()
    maker.kind.setCurrentIndex(2)
    maker.generate.click()
    assert made == [("sudoku-4x4", {"rating": 1}), ("sudoku-4x4", {})]


def test_recent_puzzles_are_kept_and_opened(rig: Rig) -> None:
    for text in (NINE, MAZE, STARTER_4, NINE):
        rig.explore.show_and_reason(*parse_any(text))
    again = ExploreModel(
        rig.settings, rig.explore.models, TraceModel(), Selection(), Player(TraceModel()), rig.reasoner
    )  # fmt: skip
    assert [task.name for task, _ in again.recent.all()] == ["sudoku-9x9", "sudoku-4x4", "maze-7x7"]
    again.close()
    rig.panel.recent.fill()
    assert rig.panel.recent.list.count() == 3
    rig.panel.recent.choose(rig.panel.recent.list.item(2))
    assert rig.puzzle.task.name == "maze-7x7"
    rig.settings.setValue("recent_puzzles", ["chess e4", "sudoku-4x4 12"])
    assert rig.explore.recent.all() == []


def test_the_ladder_keeps_one_solution_and_ends_minimal() -> None:
    grid = parse(NINE)
    rungs, at = ladder(grid, unique_solution(grid, SUDOKU_9), SUDOKU_9, np.random.default_rng(1))
    assert np.array_equal(rungs[at], grid)
    assert (np.diff((rungs > 0).sum(axis=1)) == 1).all()
    assert (rungs[-1] > 0).all()
    hardest = rungs[0]
    for cell in np.flatnonzero(hardest):
        less = hardest.copy()
        less[cell] = 0
        assert count_solutions(less, SUDOKU_9) == 2
    nothing, place = ladder(grid * 0, unique_solution(grid, SUDOKU_9), SUDOKU_9, np.random.default_rng(1))
    assert place == 0
    assert len(nothing) == 82


def test_a_rating_is_made_to_order() -> None:
    *before, found = generate_rated(SUDOKU_9, 2, np.random.default_rng(3))
    assert found is not None
    assert all(x is None for x in before)
    assert rate(found, SUDOKU_9).name == "hidden single"
    assert count_solutions(found, SUDOKU_9) == 1


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ("." * 16, "several", "row 1, column 3 can be"),
        ("123." + "...4" + "." * 8, "none", "cannot all be filled"),
        ("11" + "." * 14, "broken", "1 appears twice"),
        (NINE, "one", "One solution"),
    ],
)
def test_puzzles_are_judged(text: str, state: str, words: str) -> None:
    found = check_puzzle(*parse_any(text))
    assert found.state == state
    assert words in found.words


def test_a_clipboard_too_long_for_any_puzzle_is_reported_and_not_laid_out(rig: Rig) -> None:
    before = rig.panel.text.toPlainText()
    QApplication.clipboard().setText("1" * 100_000)
    rig.panel.paste()
    assert "100,000 characters" in rig.panel.error.text()
    assert rig.panel.text.toPlainText() == before
    assert rig.panel.editors.currentWidget() is rig.panel.editor


def test_an_arc_grid_is_edited_as_text(rig: Rig) -> None:
    """Its rows of digits are not taken for a Sudoku's, while a Sudoku that is pasted over them is one."""
    task = task_named("arc")
    rig.puzzle.replace(task, task.parse("1234\n3412\n2143\n4321"))
    rig.panel.edit_as_text()
    rig.panel.text.setPlainText("1234\n3412\n2143\n4320")
    assert rig.puzzle.task.name == "arc"
    assert task.format_line(rig.puzzle.grid) == "1234/3412/2143/4320"
    for broken in ("[[1, 2], [3]]", "12\n3"):  # reported as a fault of a grid, not of a Sudoku
        rig.panel.text.setPlainText(broken)
        rig.panel.submit()
        assert "rows of equal length" in rig.panel.error.text()
    rig.panel.text.setPlainText("2.......42.11.4.")
    assert rig.puzzle.task.name == "sudoku-4x4"


def test_a_file_of_several_puzzles_shows_which_one_is_open(rig: Rig, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "three.txt"
    solved = ["1234341221434321", "2143432112343412", "3412123421434321"]
    file.write_text("\n".join(line[:-1] + "." for line in solved))
    rig.explore.open_puzzles(file)
    position = rig.panel.maker.position
    qtbot.waitUntil(lambda: position.text() == "Puzzle 1 of 3 in the file")
    assert position.isVisible()
    rig.panel.example.click()
    assert position.text().startswith("Puzzle 2 of 3 ")
    rig.puzzle.set_cell(0, 0)
    assert not position.isVisible()
    rig.puzzle.undo()
    assert position.isVisible()
    file.write_text(solved[0][:-1] + ".")
    rig.explore.open_puzzles(file)
    qtbot.waitUntil(lambda: not position.isVisible())
