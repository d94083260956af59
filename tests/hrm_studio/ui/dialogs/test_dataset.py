"""A dataset folder in the studio: browse it, reason about one of its puzzles, start a run on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from hrm_model.tasks.maze import grid as maze
from hrm_studio.main_window import MainWindow
from hrm_studio.models.dataset_view import DatasetView
from hrm_studio.ui.dialogs.dataset import DatasetDialog
from tests.paths import PUBLISHED_DATA


@pytest.fixture
def window(new_window: Callable[..., MainWindow]) -> MainWindow:
    return new_window("dark")


def opened(window: MainWindow, qtbot: QtBot, folder: Path) -> DatasetDialog:
    window.opener.open(folder)
    qtbot.waitUntil(lambda: any(d.group is not None for d in window.findChildren(DatasetDialog)))
    assert window.opener.recent()[0] == folder
    return window.findChildren(DatasetDialog)[-1]


@pytest.mark.parametrize("name", ["sudoku", "maze", "arc"])
def test_groups_copies_and_examples_are_those_of_the_files(name: str) -> None:
    view = DatasetView(PUBLISHED_DATA / name)
    inputs = np.load(PUBLISHED_DATA / name / "train" / "all__inputs.npy")
    puzzles = np.load(PUBLISHED_DATA / name / "train" / "all__puzzle_indices.npy")
    groups = np.load(PUBLISHED_DATA / name / "train" / "all__group_indices.npy")
    group = view.group("train", 1)
    assert [p.number for p in group.puzzles] == list(range(groups[1], groups[2]))
    assert group.all_puzzles == groups[2] - groups[1] > 1
    for puzzle in group.puzzles:
        rows = inputs[puzzles[puzzle.number] : puzzles[puzzle.number + 1]]
        assert np.array_equal([view.task.to_tokens(e.given[None])[0] for e in puzzle.examples], rows)
        assert bool(puzzle.name) == (name == "arc")
    assert "groups" in view.facts("train")
    assert view.splits == ["train", "test"]


def test_the_way_through_a_maze_is_what_is_wanted() -> None:
    (example,) = DatasetView(PUBLISHED_DATA / "maze").group("test", 0).puzzles[0].examples
    assert (example.wanted == maze.PATH).sum() > 10
    assert not (example.given == maze.PATH).any()


def test_one_leafs_through_finds_by_name_and_looks_at_copies(window: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot, PUBLISHED_DATA / "arc")
    name = dialog.view.group("train", 3).puzzles[0].name.partition("|")[0]
    qtbot.keyClicks(dialog.search, name.upper())
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.group is not None and dialog.group.number == 3)
    assert dialog.puzzles.count() == len(dialog.view.group("train", 3).puzzles)
    dialog.puzzles.setCurrentRow(1)
    assert dialog.puzzle is not None
    assert dialog.puzzle.name in dialog.about_puzzle.text()
    dialog.search.setText("no such task")
    qtbot.keyClick(dialog.search, Qt.Key.Key_Return)
    assert "no such task" in dialog.about.text()
    dialog.split.setCurrentIndex(1)
    qtbot.waitUntil(lambda: dialog.group is not None and dialog.group.number == 0)
    assert "test" in dialog.split.currentText()


def test_a_puzzle_of_it_is_taken_to_explore(window: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot, PUBLISHED_DATA / "sudoku")
    dialog.puzzles.setCurrentRow(2)
    qtbot.mouseClick(dialog.reason, Qt.MouseButton.LeftButton)
    assert dialog.example is not None
    assert np.array_equal(window.explore.model.puzzle.grid, dialog.example.given)


def test_an_example_of_arc_is_shown_with_its_task(window: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot, PUBLISHED_DATA / "arc")
    dialog.puzzles.setCurrentRow(1)
    dialog.examples.setCurrentRow(1)
    qtbot.mouseClick(dialog.reason, Qt.MouseButton.LeftButton)
    explore = window.explore.model
    assert dialog.puzzle is not None
    assert dialog.example is not None
    assert explore.puzzle.task.name == "arc"
    assert explore.arc.name == dialog.puzzle.name
    assert len(explore.arc.task.train) == len(dialog.puzzle.examples) - 1  # type: ignore[union-attr]
    assert (np.sort(explore.puzzle.grid[explore.puzzle.grid > 1]) == np.sort(dialog.example.given[dialog.example.given > 1])).all()


def test_a_run_on_it_is_prepared(window: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot, PUBLISHED_DATA / "maze")
    qtbot.mouseClick(dialog.train, Qt.MouseButton.LeftButton)
    form = window.page("train").form  # type: ignore[attr-defined]
    assert form.config.dataset == str((PUBLISHED_DATA / "maze").resolve())
    assert form.config.task == "maze-30x30"


def test_a_broken_one_is_refused_in_words(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(PUBLISHED_DATA / "sudoku", folder)
    (folder / "train" / "all__labels.npy").write_bytes(b"nothing")
    window.opener.open(folder)
    qtbot.waitUntil(lambda: "all__labels.npy" in window.notice.text.text())
    assert not window.findChildren(DatasetDialog)
