"""One symmetric model in the real window: it reads Sudokus of every size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytestqt.qtbot import QtBot

from hrm_model.checkpoint.format import save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.config import ModelConfig
from hrm_model.loaded import load
from hrm_model.make import make_model
from hrm_model.tasks.registry import task_named
from hrm_studio.main_window import MainWindow
from hrm_studio.models.library import LibraryEntry
from hrm_studio.services.background import Background
from hrm_studio.services.model_jobs import basis_job
from hrm_studio.theme import Theme
from hrm_studio.ui.compare.page import ComparePage
from hrm_studio.ui.evaluate.page import EvaluatePage
from hrm_studio.ui.library.model_details import ModelDetails
from hrm_studio.units import puzzles_read

SIZES = ("sudoku-4x4", "sudoku-6x6", "sudoku-9x9")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with random answers."""
    torch.manual_seed(0)
    config = {"mixer": "units", "unit_mlp": True, "hidden_size": 16, "num_heads": 1, "H_layers": 1, "L_layers": 1, "swiglu_multiple": 16}
    model = make_model(ModelConfig.model_validate(config | {"pos_encodings": "none"}))
    with torch.no_grad():
        model.get_parameter("answer").normal_()
    path = tmp_path_factory.mktemp("models") / "symmetric"
    save(model, path, {"task": "sudoku-9x9", "q_continue": False})
    return path


def test_explore_reasons_about_every_size_with_one_model(window: MainWindow, qtbot: QtBot, folder: Path) -> None:
    window.models.use(folder)
    window.explore.model.segments = 1
    for name in SIZES:
        window.explore.model.show_example(task_named(name))
        qtbot.waitUntil(
            lambda name=name: window.traces.trace is not None and window.traces.trace.puzzle.task == name and not window.traces.running
        )
        trace = window.traces.trace
        assert trace is not None
        assert (trace.model.name, window.models.path) == ("symmetric", folder)
        assert window.explore.panel.error.text() == ""
    assert window.models.may_read(folder, "sudoku-4x4")
    assert not window.models.may_read(folder, "maze-11x11")
    # Chosen again, it keeps the puzzle that is on the board, although it was trained on another size.
    window.explore.model.show_example(task_named("sudoku-4x4"))
    window.models.pick(folder)
    assert window.explore.model.puzzle.task.name == "sudoku-4x4"
    names = [task.name for task in window.explore.model.tasks()]
    assert set(SIZES) <= set(names)
    assert len(names) == len(set(names))

    window.show_page("evaluate")
    evaluate = window.pages["evaluate"]
    assert isinstance(evaluate, EvaluatePage)
    for name in SIZES:
        evaluate.puzzles.task.setCurrentText(name)
        assert evaluate._path() == folder
    window.show_page("compare")
    compare = window.pages["compare"]
    assert isinstance(compare, ComparePage)
    compare.puzzle.setText("2.......42.11.4.")
    assert compare._model() == folder


def test_the_library_shows_what_it_reads_and_its_parts(qtbot: QtBot, folder: Path) -> None:
    background = Background()
    details = ModelDetails(background, Theme("light"))
    qtbot.addWidget(details)
    details.resize(900, 700)
    found = inspect(folder)
    details.show_inspection(LibraryEntry("local", "symmetric", "symmetric", "", path=folder), found, {})
    details.show()
    shown = [label.text() for label in details.tiles.findChildren(type(details.path))]
    assert "Sudoku of every size" in shown
    bars = {bar.tensor.name: bar.label for bar in details.diagram.bars}
    drawn = {t.name for t in found.tensors} - {"H_init", "L_init", "q_head.bias"}
    assert set(bars) == drawn
    assert bars["roles"] == "roles"
    assert bars["L_level.layers.0.mixer.units.1.weight"] == "box"
    areas = {bar.tensor.name: bar.area for bar in details.diagram.bars}
    assert areas["L_level.layers.0.mlp.down_proj.weight"].top() > areas["L_level.layers.0.mixer.own.weight"].bottom()
    assert all(not a.intersects(b) for n, a in areas.items() for m, b in areas.items() if n != m)
    background.close()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "Sudoku 9×9"),
        ({"seq_len": 900, "vocab_size": 6}, "Maze 30×30"),
        ({"seq_len": 900, "vocab_size": 12}, "ARC 30×30"),
        ({"seq_len": 50, "vocab_size": 6}, "50 cells"),
        ({"mixer": "units", "pos_encodings": "none"}, "Sudoku of every size"),
        ({"mixer": "neighbours", "pos_encodings": "none", "seq_len": 121, "vocab_size": 6}, "mazes of every size"),
    ],
)
def test_what_a_model_reads_in_words(config: dict[str, object], words: str) -> None:
    assert puzzles_read(ModelConfig.model_validate(config)) == words


@pytest.mark.parametrize("task", ["sudoku-4x4", "sudoku-9x9"])
def test_the_states_of_a_set_are_of_the_boards_size(folder: Path, task: str) -> None:
    found = [part for part in basis_job(task, 2, segments=1)(load(folder, device="cpu")) if part is not None]
    cells = task_named(task).cells
    width = task_named(task).side * 16
    assert found[-1].shape == (cells * width, width)
