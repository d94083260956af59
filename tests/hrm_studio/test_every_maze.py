"""A maze model in the real window: rectangles in the editor, on the board and in what is exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPointF, QRectF, Qt
from pytestqt.qtbot import QtBot

from hrm_model.checkpoint.format import save
from hrm_model.config import USUAL_SEGMENTS, ModelConfig
from hrm_model.make import make_model
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.registry import task_named
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.board.maze import MazeDrawing

SUDOKU = "2.......42.11.4."
TEXT = "S # G\n  #  \n     "


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random answers."""
    torch.manual_seed(0)
    config = {"mixer": "neighbours", "seq_len": 49, "vocab_size": 6, "hidden_size": 16, "num_heads": 1, "H_layers": 1, "L_layers": 1}
    model = make_model(ModelConfig.model_validate(config | {"swiglu_multiple": 16, "pos_encodings": "none"}))
    with torch.no_grad():
        model.get_parameter("answer.weight").normal_()
    path = tmp_path_factory.mktemp("models") / "mazes"
    save(model, path, {"task": "maze-7x7", "q_continue": False})
    return path


@pytest.fixture
def explored(window: MainWindow, qtbot: QtBot, folder: Path) -> MainWindow:
    """A window whose trace is of the rectangle TEXT."""
    window.models.use(folder)
    window.explore.model.segments = 2
    window.explore.model.open_text(TEXT, "A test")
    qtbot.waitUntil(lambda: window.traces.trace is not None and window.traces.trace.puzzle.task == "maze-3x5" and not window.traces.running)
    assert window.explore.panel.error.text() == ""
    return window


def test_a_rectangle_is_reasoned_about_and_fills_the_board(explored: MainWindow) -> None:
    trace = explored.traces.trace
    assert trace is not None
    assert trace.prediction.shape[1] == 25
    assert (trace.prediction[:, 15:] == maze.OUTSIDE).all()
    board = explored.explore.board
    assert isinstance(board.drawing, MazeDrawing)
    place = board.board_rect()
    assert place.width() / place.height() == pytest.approx(5 / 3)
    corner = board.drawing.cell_rects(place, 14)[0]
    assert (corner.right(), corner.bottom()) == (pytest.approx(place.right()), pytest.approx(place.bottom()))
    assert [board.cell_at(box.center()) for box in (corner, board.drawing.cell_rects(place, 4)[0])] == [14, 4]
    assert board.cell_at(QPointF(place.center().x(), place.bottom() + 3)) is None
    assert board.drawing.cell_words(0, 0)[0] == "Row 1, column 1: start"


def test_the_editor_draws_in_the_rectangle_only(explored: MainWindow) -> None:
    editor, puzzle = explored.explore.panel.editor, explored.explore.model.puzzle
    board = editor.board()
    assert editor.cell_at(editor.cell_rect(7).center()) == 7
    assert editor.cell_at(QPointF(board.center().x(), board.bottom() - 2)) is None
    middle = (editor.cell_rect(0) | editor.cell_rect(14)).center()
    assert (middle.x(), middle.y()) == (pytest.approx(editor.width() / 2), pytest.approx(editor.height() / 2))
    editor.brush.press(14)
    editor.brush.drag(24)  # below the maze
    editor.brush.release()
    assert puzzle.task.format_grid(puzzle.grid) == "S # G\n  #  \n    #"
    explored.explore.panel.clear()
    assert puzzle.task.format_grid(puzzle.grid) == "\n".join([" " * 5] * 3)


def test_arrow_keys_stay_in_the_rectangle(explored: MainWindow, qtbot: QtBot) -> None:
    editor = explored.explore.panel.editor
    editor.setFocus()
    editor.move_to(12)
    qtbot.keyClick(editor, Qt.Key.Key_Down)
    assert editor.cell == 12
    qtbot.keyClick(editor, Qt.Key.Key_End)
    assert editor.cell == 14
    qtbot.keyClick(editor, "#")
    assert editor.cell == 14  # there is no next one
    assert explored.explore.model.puzzle.grid[14] == maze.WALL
    editor.write(20, maze.WALL)
    assert explored.explore.model.puzzle.grid[20] == maze.OUTSIDE


def test_size_fields_cut_and_fill_a_maze_up_to_60(explored: MainWindow) -> None:
    tools, puzzle = explored.explore.panel.maze_tools, explored.explore.model.puzzle
    assert (tools.size_fields.rows.value(), tools.size_fields.columns.value()) == (3, 5)
    tools.size_fields.rows.setValue(60)
    assert (puzzle.task.name, puzzle.task.cells) == ("maze-60x5", 3600)
    assert puzzle.task.format_grid(puzzle.grid).split("\n")[:3] == TEXT.split("\n")
    assert "maze-60x5" in [task.name for task in explored.explore.model.tasks()]
    tools.size_fields.columns.setValue(4)
    assert (puzzle.grid == maze.GOAL).sum() == 0  # it was in the fifth column
    puzzle.undo()
    assert puzzle.task.name == "maze-3x5"
    assert (tools.size_fields.rows.value(), tools.size_fields.columns.value()) == (3, 5)
    tools.walls.trigger()
    assert puzzle.task.format_grid(puzzle.grid) == "S####\n#####\n####G"


@pytest.mark.parametrize("shape", [(3, 20), (20, 3)])
def test_small_boards_of_long_rectangles_stay_in_their_place(explored: MainWindow, shape: tuple[int, int]) -> None:
    from PySide6.QtGui import QColor, QImage, QPainter

    from hrm_model.trace.data import ModelInfo, PuzzleInfo, Trace

    given = maze.in_square(np.full(shape, maze.WALL, np.int8))
    zeros = np.zeros(1, np.int32)
    probability = np.eye(6, dtype=np.float32)[given[None]]
    trace = Trace(
        PuzzleInfo(f"maze-{shape[0]}x{shape[1]}", given), ModelInfo(), zeros, zeros, zeros, zeros, zeros, zeros, given[None], probability,
        np.zeros(0), np.zeros(0),
    )  # fmt: skip
    board = explored.explore.board
    drawing = MazeDrawing(trace, board._theme.palette, board.font())
    picture = QImage(100, 100, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    with QPainter(picture) as painter:
        drawing.paint_small(painter, QRectF(20, 20, 60, 60), 0)
    red = np.array([[picture.pixelColor(x, y).name() == "#ff0000" for x in range(100)] for y in range(100)])
    rows, columns = np.nonzero(~red)
    height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
    assert (max(height, width), min(height, width)) == (60, pytest.approx(9, abs=1))
    assert (height > width) == (shape[0] > shape[1])
    assert rows.min() >= 20
    assert columns.min() >= 20


def test_generate_makes_a_maze_of_the_same_shape(explored: MainWindow, qtbot: QtBot) -> None:
    maker, puzzle = explored.explore.panel.maker, explored.explore.model.puzzle
    assert maker.task.currentText() == "Maze 3×5"
    before = puzzle.grid
    explored.explore.model.make(task_named("maze-4x9"))
    qtbot.waitUntil(lambda: puzzle.task.name == "maze-4x9")
    assert maze.shape_of(puzzle.grid) == (4, 9)
    assert len(before) == 25


def test_a_maze_model_takes_more_segments_unless_someone_chose_their_number(explored: MainWindow) -> None:
    explore, panel, maze_model = explored.explore.model, explored.explore.panel, explored.models.path
    sudoku = explored.models.for_task("sudoku-4x4")
    assert sudoku is not None
    assert maze_model is not None
    assert explore.segments == 2  # chosen, so it stays
    explored.models.use(sudoku)
    explore.open_text(SUDOKU, "A test")
    panel.segments.setValue(3)
    panel.segments.setValue(USUAL_SEGMENTS)
    for model, text, wanted in ((maze_model, TEXT, 64), (sudoku, SUDOKU, USUAL_SEGMENTS)):
        explored.models.use(model)
        explore.open_text(text, "A test")
        assert (explore.segments, panel.segments.value()) == (wanted, wanted)
    panel.segments.setValue(5)
    explored.models.use(maze_model)
    explore.open_text(TEXT, "A test")
    assert panel.segments.value() == 5
