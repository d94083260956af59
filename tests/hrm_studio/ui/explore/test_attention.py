"""Attention with a real model: computed, shown and cached, and what cannot be computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QScrollArea
from pytestqt.qtbot import QtBot

from hrm_model.assets import bundled_models
from hrm_model.checkpoint import format as checkpoint
from hrm_model.recompute import attention
from hrm_model.recording import record
from hrm_model.trace.data import ModelInfo, Trace
from hrm_model.trace_file.io import Extras, TraceReader, write
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.board.board import BoardView
from hrm_studio.ui.explore.attention import AttentionView
from tests.support.traces import FOUR, sudoku_info


@pytest.fixture(scope="module")
def trace() -> Trace:
    path = next(m.path for m in bundled_models() if m.task == "sudoku-4x4")
    return record(checkpoint.load(path, "cpu"), sudoku_info(FOUR), path.name, segments=3)


@pytest.fixture
def board(qtbot: QtBot, traces: TraceModel, selection: Selection) -> BoardView:
    board = BoardView(traces, selection, Theme("light"))
    qtbot.addWidget(board)
    board.resize(300, 300)
    board.show()
    return board


@pytest.fixture
def view(qtbot: QtBot, traces: TraceModel, selection: Selection, board: BoardView) -> Iterator[AttentionView]:
    models, reasoner = ModelChoice(bundled_models()), Reasoner()
    models.device = "cpu"
    view = AttentionView(traces, selection, models, reasoner, board, Theme("light"))
    for part in (traces, selection, models):
        part.setParent(view)
    qtbot.addWidget(view)
    view.resize(460, 420)
    view.show()
    yield view
    reasoner.close()


def test_what_is_shown_is_what_the_model_computes(
    view: AttentionView, traces: TraceModel, selection: Selection, trace: Trace, qtbot: QtBot
) -> None:
    traces.open(trace, cursor=9)
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    model = checkpoint.load(next(m.path for m in bundled_models() if m.task == "sudoku-4x4"), "cpu")
    h_step = max(k for k in range(10) if trace.level[k] == 1)
    for level, step in (("L", 9), ("H", h_step)):
        assert view.found[9, 0][level].step == step
        wanted = attention(model, trace, step, 0)[:, -16:, -16:]
        np.testing.assert_allclose(view.found[9, 0][level].weights, wanted, atol=1e-3)
        np.testing.assert_allclose(view.boards[level].weights, wanted.mean(axis=0), atol=1e-3)
    selection.set((5,))
    assert view.boards["L"].cell == 5
    told = view.bars.shares["L"]
    assert sum(told.values()) == pytest.approx(1, abs=1e-2)
    row = view.boards["L"].weights[5]
    assert told["row"] == pytest.approx(row[[4, 6, 7]].sum(), abs=1e-4)
    view.head.setCurrentIndex(1)
    view.head.activated.emit(1)
    np.testing.assert_allclose(view.boards["H"].weights, view.found[9, 0]["H"].weights[0], atol=1e-3)


def test_a_hovered_cell_is_looked_from_while_the_cursor_goes_on(
    view: AttentionView, traces: TraceModel, selection: Selection, board: BoardView, trace: Trace, qtbot: QtBot
) -> None:
    assert (view.layer.currentText(), view.head.currentText()) == ("Layer 1", "All heads")
    traces.open(trace, cursor=9)
    assert "see its attention" in view.state.text()
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    assert view.state.text() == ""
    board.hovered.emit(6)
    traces.set_cursor(10)
    assert {small.cell for small in view.boards.values()} == {6}
    board.hovered.emit(-1)
    selection.set((2,))
    assert view.boards["H"].cell == 2


def test_arrows_stand_on_the_large_board_only_while_the_view_is_shown(
    view: AttentionView, traces: TraceModel, board: BoardView, trace: Trace, qtbot: QtBot
) -> None:
    traces.open(trace, cursor=4)
    qtbot.waitUntil(lambda: board.over is not None)
    plain = board.grab().toImage()
    board.hovered.emit(6)
    assert board.grab().toImage() != plain
    view.hide()
    assert board.over is None
    assert board.grab().toImage() == plain


def test_another_step_makes_the_last_answer_stale_until_it_is_there(
    view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot
) -> None:
    traces.open(trace, cursor=4)
    qtbot.waitUntil(lambda: (4, 0) in view.found)
    view.follow_button.setChecked(False)
    traces.set_cursor(7)
    assert view.boards["L"].stale
    view.ask()
    qtbot.waitUntil(lambda: not view.boards["L"].stale)


def test_what_cannot_be_computed_is_explained(view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot) -> None:
    assert "appears here" in view.state.text()
    traces.open(replace(trace, z_H=None, z_L=None))
    assert "without states" in view.state.text()
    traces.open(replace(trace, model=replace(trace.model, name="somebody-else's")))
    view.ask()
    assert "somebody-else's" in view.state.text()
    traces.open(replace(trace, z_L=trace.z_L[::-1].copy()))
    view.ask()
    qtbot.waitUntil(lambda: "another model" in view.state.text())
    assert not view.grab().isNull()


def test_what_is_kept_goes_with_the_trace_and_needs_no_model(
    view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot, tmp_path: Path
) -> None:
    traces.open(trace, cursor=9)
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    assert not traces.attention
    view.keep_button.setChecked(True)
    assert set(traces.attention) == {(of.step, 0) for of in view.found[9, 0].values()}
    shown = view.boards["H"].weights
    elsewhere = replace(trace, model=ModelInfo("a model from elsewhere", trace.model.config))
    path = write(tmp_path / "t.h5", elsewhere, states="none", extras=[Extras(attention=traces.attention)])
    with TraceReader(path) as reader:
        kept, extras = reader.read(), reader.extras()
    view.keep_button.setChecked(False)
    assert not traces.attention
    traces.open(kept, cursor=9, extras=extras)
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    np.testing.assert_array_equal(view.boards["H"].weights, shown)
    assert not view.state.text()
    traces.set_cursor(3)
    qtbot.waitUntil(lambda: "a model from elsewhere" in view.state.text())


def test_all_of_it_fits_into_a_low_panel_and_a_high_one(view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot) -> None:
    """In a scroll area, as in Explore: resizing there and back leaves nothing to scroll to."""
    area = QScrollArea(widgetResizable=True)
    area.setWidget(view)
    qtbot.addWidget(area)
    area.show()
    traces.open(trace, cursor=9)
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    for height, beside in ((500, False), (230, True), (360, False), (229, True), (500, False)):
        area.resize(460, height)
        qtbot.waitUntil(lambda beside=beside: (view.bars.x() > view.boards["H"].x()) == beside)
        qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
        assert not view.bars.visibleRegion().isEmpty()
        view.bars.grab()  # it is painted either way
    area.takeWidget()


def test_titles_fit_side_by_side_in_the_smallest_default_layout(
    view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot
) -> None:
    traces.open(trace, cursor=9)
    qtbot.waitUntil(lambda: (9, 0) in view.found)
    view.resize(452, 216)
    view.grab()
    for level, title in view.titles.items():
        assert level in title.text()
        widest = title.text().replace("2.", "16.")
        assert title.fontMetrics().horizontalAdvance(widest) < title.width()
    assert view.bars.width() > view.bars.fontMetrics().horizontalAdvance("Of the chosen cell")


@pytest.mark.parametrize(("mixer", "words"), [("units", "rows, columns and boxes"), ("neighbours", "four neighbours"), ("mlp", "MLP")])
def test_a_model_without_attention_says_what_it_does_instead(
    view: AttentionView, traces: TraceModel, trace: Trace, qtbot: QtBot, mixer: str, words: str
) -> None:
    other = replace(trace, model=replace(trace.model, config={**trace.model.config, "mixer": mixer}))
    traces.open(other, cursor=4)
    assert view.state.text().startswith("No attention: ")
    assert words in view.state.text()
    assert not any(part.isVisible() for part in (view.layer, view.bars, *view.boards.values()))
    view.ask()
    assert not view._rest.isActive()
    assert not view.found
    traces.open(trace, cursor=4)
    assert "No attention" not in view.state.text()
    assert all(part.isVisible() for part in (view.layer, view.bars, *view.boards.values()))
