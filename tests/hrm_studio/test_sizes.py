"""Large boards and jigsaws in the studio: what is typed, shown, kept and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot

import hrm_model
from hrm_model.assets import model_for_task
from hrm_model.checkpoint.format import save
from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.symmetric import SymmetricHRM
from hrm_model.tasks.base import short_name
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.generator import default_clues, generate
from hrm_model.tasks.sudoku.grid import SUDOKU_16, SUDOKU_25, Variant, jigsaw
from hrm_model.trace.data import Trace
from hrm_studio.cli.common import drawn
from hrm_studio.export.names import file_name
from hrm_studio.models.trace_shelf import Shelf
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import drawing
from hrm_studio.ui.board.sudoku import SudokuDrawing
from hrm_studio.ui.board.token_text import token_text
from hrm_studio.ui.explore.puzzle_editor import value_typed
from hrm_studio.ui.explore.puzzle_maker import task_title

STAIRS = jigsaw([str(cell // 16) if cell < 224 else f"last {cell % 2}" for cell in range(256)])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> hrm_model.LoadedModel:
    torch.manual_seed(0)
    config = ModelConfig(
        mixer="units", pos_encodings="none", hidden_size=16, num_heads=1, H_layers=1, L_layers=1, swiglu_multiple=16, H_cycles=1, L_cycles=1
    )
    made = SymmetricHRM(config)
    torch.nn.init.normal_(made.answer)
    save(made, tmp_path_factory.mktemp("m") / "symmetric", {"q_continue": False})
    return hrm_model.load(tmp_path_factory.getbasetemp() / "m0" / "symmetric", device="cpu")


def recorded(model: hrm_model.LoadedModel, size: Variant) -> Trace:
    puzzle = generate(size, 1, default_clues(size), np.random.default_rng(1))[0][0]
    return hrm_model.record(model, task_named(size.task).format_line(puzzle), segments=1)


def test_a_jigsaw_has_a_short_name_wherever_its_map_is_too_long(model: hrm_model.LoadedModel, tmp_path: Path) -> None:
    trace = recorded(model, STAIRS)
    assert len(trace.puzzle.task) > 255  # longer than a file's name may be
    assert short_name(trace.puzzle.task) == "sudoku-16x16-jigsaw"
    assert file_name(trace, 0).startswith("sudoku-16x16-jigsaw-126-clues-")
    assert repr(trace).startswith("Trace of sudoku-16x16-jigsaw by")
    kept = Shelf(tmp_path).add(trace, automatic=False)
    assert kept.path.name.startswith("sudoku-16x16-jigsaw-")
    assert hrm_model.read_trace(kept.path, trusted=True).puzzle.task == trace.puzzle.task
    four = hrm_model.load("sudoku-4x4", device="cpu")
    with pytest.raises(MismatchError, match="the puzzle is sudoku-16x16-jigsaw"):
        four.must_read(trace.puzzle.task)
    assert model_for_task(trace.puzzle.task).name == "sudoku"
    for name in ("sudoku-9x9", "maze-7x20", "arc"):
        assert short_name(name) == name


@pytest.mark.parametrize("size", [SUDOKU_16, SUDOKU_25, STAIRS], ids=lambda size: size.title)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_size_is_drawn_large_and_small(qtbot: QtBot, model: hrm_model.LoadedModel, size: Variant, mode: str, tmp_path: Path) -> None:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QFont, QImage, QPainter

    from hrm_studio.ui.board.drawing import Overlays

    trace = recorded(model, size)
    found = drawing(trace, Theme(mode).palette, QFont())  # type: ignore[arg-type]
    assert isinstance(found, SudokuDrawing)
    for side in (48, 700):
        image = QImage(side, side, QImage.Format.Format_ARGB32)
        image.fill(0)
        with QPainter(image) as painter:
            if side < 100:
                found.paint_small(painter, QRectF(0, 0, side, side), 1)
            else:
                found.paint(painter, QRectF(0, 0, side, side), 1, Overlays())
        assert len({image.pixel(x, y) for x in range(side) for y in range(0, side, side // 48)}) > 2
    assert any(f"({size.side})" in line for line in found.cell_words(int(np.argmax(trace.puzzle.solution)), 1))
    page = trace._repr_html_()
    assert page.count("<text") >= size.cells


def test_letters_are_digits_above_nine() -> None:
    task = task_named("sudoku-16x16")
    assert [value_typed(task, key) for key in "19aGh.0"] == [1, 9, 10, 16, None, 0, 0]
    assert value_typed(task_named("sudoku-9x9"), "a") is None
    assert token_text(task.name, 17) == "G (16)"
    assert task_title(task_named(STAIRS.task)) == "16×16 jigsaw"


def test_the_command_line_draws_boxes_of_any_shape() -> None:
    regions = jigsaw("AABBAABBCCDDCCDD")
    assert regions.title == "4×4"  # the usual boxes
    grid = np.array([1, 2, 3, 4, 3, 4, 1, 2, 2, 1, 4, 3, 4, 3, 2, 1], np.int8)
    assert drawn(task_named("sudoku-4x4"), grid, grid).plain.splitlines()[1:4] == ["3 4 │ 1 2 ", "────┼────", "2 1 │ 4 3 "]
    stairs = jigsaw("AAABACBBCCBDCDDD")
    text = drawn(task_named(stairs.task), grid, grid).plain
    assert "│" in text
    assert "─" in text
    assert [c for c in text if c.isdigit()] == [str(d) for d in grid.tolist()]
