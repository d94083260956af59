"""The Evaluate page with a real model: results stream in, are drawn and saved; it stops, and opens one puzzle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from hrm_model.checkpoint.format import save
from hrm_model.config import ModelConfig
from hrm_model.make import make_model
from hrm_studio.main_window import MainWindow
from hrm_studio.ui.evaluate.page import EvaluatePage
from tests.support.traces import FOUR


@pytest.fixture
def window(window: MainWindow) -> MainWindow:
    window.resize(1280, 800)
    window.show_page("evaluate")
    page = window.page("evaluate")
    page.puzzles.task.setCurrentText("sudoku-4x4")
    page.segments.setValue(3)
    page.puzzles.count.setValue(20)
    page.puzzles.low.setValue(5)
    page.puzzles.high.setValue(9)
    return window


def ran(page: EvaluatePage, qtbot: QtBot) -> None:
    page.run()
    qtbot.waitUntil(lambda: not page.running)


def test_a_set_is_run_sorted_saved_and_one_of_it_opened(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    page = window.page("evaluate")
    ran(page, qtbot)
    rows = page.table.rows
    assert len(rows) == 20
    assert {5, 9} <= {row.difficulty for row in rows} <= {5, 6, 7, 8, 9}
    assert len({row.text for row in rows}) > 15
    solved = sum(row.solved for row in rows)
    assert f"({solved} of 20" in page.result.text()
    for name in ("Stable in", "Late drift", "Puzzle"):
        column = [c for c, _ in page.table.columns].index(name)
        page.view.sortByColumn(column, Qt.SortOrder.DescendingOrder)
        values = [page.table.rows[k] for k in page.table.order]
        key = {"Stable in": lambda r: r.stable_at, "Late drift": lambda r: r.drift, "Puzzle": lambda r: rows.index(r)}[name]
        assert [key(r) for r in values] == sorted((key(r) for r in rows), reverse=True)
    page.save(tmp_path / "set.csv")
    assert "puzzle_text,puzzle,clues,rating" in (tmp_path / "set.csv").read_text()
    lines = (tmp_path / "set.csv").read_text().splitlines()
    assert len(lines) == 21
    assert lines[3].startswith(f'"{rows[2].text}",3,{rows[2].difficulty},')
    page.save(tmp_path / "nowhere" / "set.csv")
    assert "cannot be written" in page.error.text()
    assert page.error.isVisible()
    assert headings(page)[:3] == ["Puzzle", "Clues", "Rating"]
    assert page.view.horizontalHeader().length() <= page.view.viewport().width()  # nothing is cut off
    x, y = page.scatter.pixels()[7]
    assert page.scatter.line_at(QPointF(x, y)) == 7
    assert page.scatter.tip(7).startswith(f"Puzzle: 8\nClues: {rows[7].difficulty}\nRating: ")
    assert page.scatter.line_at(QPointF(-100, -100)) is None
    qtbot.mouseClick(page.scatter.plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))
    chosen = page.chosen
    assert np.hypot(*(page.scatter.pixels()[chosen] - (x, y))) < 3
    qtbot.waitUntil(lambda: window.traces.trace is not None and not window.traces.running)
    assert window.traces.trace.puzzle.text == rows[chosen].text
    assert not page.isVisible()


def headings(page: EvaluatePage) -> list[str]:
    return [name for name, _ in page.table.columns]


def test_mazes_have_moves_within_the_range_and_no_rating(window: MainWindow, qtbot: QtBot) -> None:
    page = window.page("evaluate")
    ran(page, qtbot)
    page.scatter.up.setCurrentText("Rating")
    page.view.sortByColumn(headings(page).index("Would halt"), Qt.SortOrder.DescendingOrder)
    page.puzzles.task.setCurrentText("maze-11x11")
    assert headings(page)[1] == "Clues"  # the rows are still those of the Sudokus
    page.puzzles.low.setValue(11)
    page.puzzles.high.setValue(15)
    ran(page, qtbot)
    assert headings(page)[:3] == ["Puzzle", "Path moves", "Solved"]
    moves = {row.difficulty for row in page.table.rows}
    assert moves <= set(range(11, 16))
    assert len(moves) > 1
    assert (page.table.order == np.arange(20)).all()
    axes = [page.scatter.across.itemText(k) for k in range(page.scatter.across.count())]
    assert axes[0] == "Path moves"
    assert "Rating" not in axes
    assert page.scatter.across.currentText() == page.scatter.up.currentText() == "Path moves"
    assert "More are usually harder" in page.scatter.up.toolTip()
    assert page.scatter.plot.getAxis("bottom").labelText == "Path moves"
    page.puzzles.task.setCurrentText("sudoku-4x4")
    ran(page, qtbot)
    assert page.scatter.across.currentText() == "Clues"


def test_it_can_be_stopped_and_keeps_what_is_there(window: MainWindow, qtbot: QtBot) -> None:
    page = window.page("evaluate")
    page.puzzles.count.setValue(5000)
    page.run()
    qtbot.waitUntil(lambda: len(page.table.rows) > 0)
    page.toggle()
    there = len(page.table.rows)
    qtbot.wait(200)
    assert len(page.table.rows) == there
    assert not page.running
    assert "Stopped" in page.state.text()


def test_a_file_of_puzzles_and_a_file_without_any(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    page = window.page("evaluate")
    file = tmp_path / "three.txt"
    file.write_text(FOUR + "\n" + "." * 15 + "1\n")
    page.puzzles.use_file(file)
    assert page.puzzles.from_file.isChecked()
    assert not page.puzzles.low.isEnabled()
    ran(page, qtbot)
    assert "several solutions" in page.error.text()
    file.write_text(FOUR + "\n")
    ran(page, qtbot)
    assert [row.text for row in page.table.rows] == [FOUR]
    assert not page.error.isVisible()
    assert not page.grab().isNull()
    page.puzzles.use_file(tmp_path / "nothing.txt")
    assert "nothing.txt" in page.error.text()
    assert page.error.isVisible()
    assert page.puzzles.file == file
    task = tmp_path / "task.json"
    task.write_text('{"train": [], "test": []}')
    page.puzzles.use_file(task)
    assert "To open an ARC task in Explore" in page.error.text()
    page.puzzles.use_file(None)
    assert page.puzzles.generated.isChecked()
    assert not page.error.isVisible()


def test_a_model_for_arc_never_stands_beside_the_results_of_another(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    page = window.page("evaluate")
    ran(page, qtbot)
    assert page.table.rows
    arc = tmp_path / "arc-model"
    window.studio.models.loaded(arc, ModelConfig(seq_len=900, vocab_size=12, hidden_size=16, num_heads=2))
    window.studio.models.use(arc)
    assert not page.table.rows
    assert page.result.text() == ""
    assert "arc-model does not read sudoku-4x4 puzzles" in page.error.text().replace("\u200b", "")
    assert "hrm-studio eval MODEL DATASET" in page.error.text().replace("\u200b", "")


def test_a_second_model_runs_on_the_same_puzzles(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    page = window.page("evaluate")
    page.second.setCurrentIndex(1)
    assert page.second.currentData() is not None
    ran(page, qtbot)
    first, second = page.table.rows, page.table.second
    assert len(first) == len(second) == 20
    assert [row.text for row in first] == [row.text for row in second]
    assert first == second  # the same model, so the same answers
    assert page.result.text().splitlines()[0][2:] == page.result.text().splitlines()[1][2:]
    assert headings(page)[3:5] == ["Solved", "B solved in"]
    page.view.sortByColumn(len(headings(page)) - 1, Qt.SortOrder.DescendingOrder)
    page.save(tmp_path / "two.csv")
    assert (tmp_path / "two.csv").read_text().splitlines()[0].startswith("puzzle_text,puzzle,clues,rating,solved,b_solved_in,")
    solved, bars = page.curves.plots["solved"], page.curves.plots["histogram"]
    assert len(solved.getPlotItem().listDataItems()) == 2
    x, y = solved.getPlotItem().listDataItems()[0].getData()
    assert x.tolist() == [1, 2, 3]
    assert y == pytest.approx([np.mean([row.right_after[k] for row in first]) for k in range(3)])
    assert y[-1] == np.mean([row.solved for row in first])
    counted = [item.opts["height"] for item in bars.getPlotItem().items if isinstance(item, pg.BarGraphItem)]
    assert [int(heights.sum()) for heights in counted] == [sum(row.solved for row in first)] * 2
    page.second.setCurrentIndex(0)
    ran(page, qtbot)  # sorted by a column that is no longer there
    assert headings(page)[-1] == "Would halt"
    assert not page.table.second


def test_the_table_lists_failures_only(window: MainWindow, qtbot: QtBot) -> None:
    page = window.page("evaluate")
    page.puzzles.count.setValue(6)
    ran(page, qtbot)
    rows = page.table.rows
    for k, row in enumerate(rows):
        rows[k] = replace(row, solved=k not in (1, 4))
    page.table.second.extend(replace(row, solved=k != 3) for k, row in enumerate(rows))

    def listed(key: str) -> list[int]:
        page.filter.setCurrentIndex(page.filter.findData(key))
        page.filter.activated.emit(page.filter.currentIndex())
        assert page.view.model().rowCount() == len(page.table.order)
        return sorted(page.table.order.tolist())

    assert listed("failures") == [1, 4]
    assert listed("differ") == [1, 3, 4]
    page.choose(0)  # a click on the point of a puzzle that is not listed lists all
    assert page.chosen == 0
    assert len(page.table.order) == 6
    assert page.filter.currentData() == "all"


def test_an_opened_model_of_every_size_offers_its_sizes(window: MainWindow, tmp_path: Path) -> None:
    config = ModelConfig(mixer="units", pos_encodings="none", hidden_size=16, num_heads=1, H_layers=1, L_layers=1, swiglu_multiple=16)
    save(make_model(config), tmp_path / "symmetric", {"q_continue": False})
    window.show_page("evaluate")
    page = window.page("evaluate")
    assert page.puzzles.task.findText("sudoku-16x16") >= 0  # a bundled model reads it
    window.models.loaded(tmp_path / "symmetric", config)
    window.models.use(tmp_path / "symmetric")
    page.puzzles.task.setCurrentText("sudoku-16x16")
    assert (page.puzzles.low.value(), page.puzzles.high.value()) == (110, 128)  # clues with which puzzles are found soon
    page.puzzles.task.setCurrentText("sudoku-9x9")
    assert (page.puzzles.low.value(), page.puzzles.high.value()) == (24, 40)
