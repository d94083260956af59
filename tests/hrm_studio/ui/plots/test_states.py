"""States: paths, cells and heat maps; kept bases; rotating three components; hidden views."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from hrm_model.analysis.states import movement, paths_in
from hrm_model.assets import bundled_models
from hrm_model.checkpoint import format as checkpoint
from hrm_model.recording import record
from hrm_studio.main_window import MainWindow
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.plots import state_basis, state_projection
from hrm_studio.ui.plots.state_painter import paint_trails, to_pixels
from hrm_studio.ui.plots.state_projection import BOTH
from hrm_studio.ui.plots.states import StatesView
from tests.support.traces import FOUR, arc_info, cut_short, maze_info, sudoku_info, synthetic


@pytest.fixture
def view(qtbot: QtBot, traces: TraceModel, selection: Selection) -> Iterator[StatesView]:
    background, reasoner = Background(), Reasoner()
    models = ModelChoice(bundled_models())
    models.device = "cpu"
    view = StatesView(traces, selection, background, Theme("light"), models, reasoner)
    for part in (traces, selection, models):
        part.setParent(view)
    qtbot.addWidget(view)
    view.resize(700, 400)
    view.show()
    yield view
    background.close()
    reasoner.close()


def projected(view: StatesView, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: view.up_to_date)


def choose(view: StatesView, kind: str) -> None:
    view.basis.setCurrentIndex(view.basis.findData(kind))
    view.basis.activated.emit(view.basis.currentIndex())


@pytest.mark.parametrize("info", [sudoku_info(FOUR), maze_info(11), arc_info()], ids=["sudoku", "maze", "arc"])
def test_every_mode_and_colour_is_drawn(view: StatesView, traces: TraceModel, selection: Selection, qtbot: QtBot, info: object) -> None:
    traces.open(synthetic(info, segments=4), cursor=13)
    projected(view, qtbot)
    selection.set((3,))
    seen = []
    for mode in ("path", "cells", "heat"):
        view.set_mode(mode)
        pictures = []
        for k in range(view.colour.count() if mode != "heat" else view.kind.count()):
            box = view.colour if mode != "heat" else view.kind
            box.setCurrentIndex(k)
            box.activated.emit(k)
            picture = view.grab().toImage()
            assert all(picture != other for other in pictures), (mode, k)
            pictures.append(picture)
        seen += pictures
        for three in (True, False) if mode != "heat" else ():
            view.three_button.setChecked(three)
            assert not view.grab().isNull()
    assert len(seen) == 11


def test_both_modules_share_a_plane(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=4)
    traces.open(trace, cursor=10)
    projected(view, qtbot)
    view.together_button.setChecked(True)
    assert [name for name, plot in view.plots.items() if plot.isVisible()] == [BOTH]
    paths = view.projected.plots[BOTH].paths
    assert {level: len(path) for level, path in paths.items()} == {"H": len(trace.z_H), "L": len(trace.z_L)}
    basis = view.projected.basis.together
    np.testing.assert_allclose(paths["L"], basis(trace.z_L.reshape(len(trace.z_L), -1)), atol=1e-4)


def test_a_kept_basis_holds_for_the_next_trace_or_says_that_it_cannot(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    first, second = synthetic(sudoku_info(FOUR), segments=3), synthetic(sudoku_info(FOUR), segments=4, seed=2)
    traces.open(first)
    projected(view, qtbot)
    view.keep_button.click()
    kept = view.projected.basis
    traces.open(second)
    projected(view, qtbot)
    assert view.projected.basis is kept
    np.testing.assert_allclose(view.points["H"].paths["H"], paths_in(kept, second).apart["H"])
    traces.open(synthetic(maze_info(11), segments=1))
    projected(view, qtbot)
    assert view.projected.own_basis
    assert "another size" in view.empty_label.text()
    choose(view, "trace")
    qtbot.waitUntil(lambda: not view.projected.own_basis and view._projected_for[2] is None)
    assert not view.empty_label.isVisible()


def test_a_basis_of_a_set_is_fitted_by_the_model_itself(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    path = next(m.path for m in bundled_models() if m.task == "sudoku-4x4")
    trace = record(checkpoint.load(path, "cpu"), sudoku_info(FOUR), path.name, segments=2)
    traces.open(trace)
    projected(view, qtbot)
    choose(view, "set")
    qtbot.waitUntil(lambda: view.projected.basis.name == f"{state_basis.SET} puzzles")
    assert not view.projected.own_basis


def test_each_task_has_a_set_of_its_own_and_arc_has_none(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    paths = {m.task: m.path for m in bundled_models()}
    small = record(checkpoint.load(paths["sudoku-4x4"], "cpu"), sudoku_info(FOUR), paths["sudoku-4x4"].name, segments=1)
    maze = record(checkpoint.load(paths["maze-11x11"], "cpu"), maze_info(11), paths["maze-11x11"].name, segments=1)
    choose(view, "set")
    found = []
    for trace in (small, maze, small):
        traces.open(trace)
        qtbot.waitUntil(lambda: view.projected is not None and view.projected.basis.name == f"{state_basis.SET} puzzles")
        assert not view.empty_label.isVisible()
        found.append(view.projected.basis)
    assert found[0] is found[2]
    assert found[0].shape != found[1].shape
    traces.open(synthetic(arc_info(), segments=1))
    projected(view, qtbot)
    assert "cannot generate puzzles of this task" in view.empty_label.text()
    assert view.projected.basis.name == "this trace"


@pytest.mark.parametrize("size", [(452, 216), (452, 180), (900, 700)])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("three", [False, True])
def test_marks_have_room_at_any_size(
    view: StatesView, traces: TraceModel, qtbot: QtBot, size: tuple[int, int], together: bool, three: bool
) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=4)
    prediction = trace.prediction.copy()
    prediction[5:] = trace.puzzle.solution
    traces.open(replace(trace, prediction=prediction, q_halt=np.array([-1, 1, 1, 1]), q_continue=np.zeros(4)), cursor=10)
    projected(view, qtbot)
    view.together_button.setChecked(together)
    view.three_button.setChecked(three)
    view.resize(*size)  # after it was styled: the marks stay as large as they are
    view.grab()
    for name in [BOTH] if together else ["H", "L"]:
        plot, points = view.plots[name], view.projected.plots[name]
        place, told = plot.getPlotItem().vb.sceneBoundingRect(), set()
        for path in points.paths.values():
            x, y = to_pixels(plot, path, points, view.rotation, False).T
            assert place.left() + 20 <= x.min() < x.max() <= place.right() - 20
            assert place.top() + 23 <= y.min() < y.max() <= place.bottom() - 9
        for box, mark in view._painters[name].marks:
            assert place.contains(box)
            told.add(mark)
            assert mark in view.marks_at(plot.viewport(), box.center().toPoint())
        assert told == {"★", "◆"}
        assert view.marks_at(plot.viewport(), QPoint(1, 1)) == ""


def test_selected_cells_show_the_way_they_came(view: StatesView, traces: TraceModel, selection: Selection, qtbot: QtBot) -> None:
    traces.open(synthetic(sudoku_info(FOUR), segments=4), cursor=0)
    projected(view, qtbot)
    view.set_mode("cells")

    def ink(step: int, cells: tuple[int, ...]) -> int:
        """Pixels that the trails paint."""
        plot, image = view.plots["L"], QImage(view.plots["L"].size(), QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.white)
        with QPainter(image) as painter:
            paint_trails(
                painter, plot, view.points["L"], traces.trace, step, "L", view.rotation, view._theme.palette, frozenset(cells)
            )  # fmt: skip
        return sum(image.pixel(x, y) != 0xFFFFFFFF for x in range(image.width()) for y in range(image.height()))

    assert ink(20, ()) == ink(20, (99,)) == 0  # a cell that this board lacks
    assert ink(20, (3, 9)) > ink(2, (3, 9)) > 20
    before = view.grab().toImage()
    traces.set_cursor(20)
    selection.set((3, 9))
    assert view.grab().toImage() != before


def test_colours_are_explained(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    traces.open(trace)
    projected(view, qtbot)
    told = {}
    for mode, colours in (("path", ("module", "step", "right", "confidence")), ("cells", ("judgement", "digit", "cell", "confidence"))):
        view.set_mode(mode)
        for kind in colours:
            view.colour.setCurrentIndex(view.colour.findData(kind))
            view.colour.activated.emit(view.colour.currentIndex())
            told[mode, kind] = re.sub(r"<[^>]*>", "", view.legend.text())
    assert told["path", "module"] == ""  # the titles say it
    assert told["path", "step"] == "start ■■■■■ end"
    assert told["cells", "judgement"].split() == ["■", "right", "&nbsp;▲", "wrong", "&nbsp;■", "given"]
    assert told["cells", "digit"] == "– 1 2 3 4"  # made up from noise, it answers with a blank too
    traces.open(replace(trace, puzzle=replace(trace.puzzle, solution=None)))
    projected(view, qtbot)
    view.set_mode("path")
    view.colour.setCurrentIndex(view.colour.findData("right"))
    view.colour.activated.emit(view.colour.currentIndex())
    assert view.legend.text() == "no solution known"
    assert view._values(traces.trace) is None


def test_missing_states_are_explained_and_no_empty_plot_is_shown(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    whole = synthetic(sudoku_info(FOUR), segments=2)
    traces.open(replace(whole, z_H=None, z_L=None))
    for mode in ("path", "cells", "heat"):
        view.set_mode(mode)
        assert "without states" in view.empty_label.text()
        assert not any(part.isVisible() for part in (*view.plots.values(), *view.heats.values()))
    traces.open(replace(whole, z_H=whole.z_H.mean(1, keepdims=True), z_L=whole.z_L.mean(1, keepdims=True)))
    projected(view, qtbot)
    for kind, told in (("moved", True), ("to go", True), ("channels", False)):
        view.kind.setCurrentIndex(view.kind.findData(kind))
        view.kind.activated.emit(view.kind.currentIndex())
        assert ("averaged over the cells" in view.empty_label.text()) is told
        heat = view.heats["L"]
        assert heat.cell_at(heat.place().center()) is None
        qtbot.mouseMove(heat, heat.place().center().toPoint())
        assert not heat.grab().isNull()


def test_dragging_turns_three_components(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    traces.open(synthetic(sudoku_info(FOUR), segments=3))
    projected(view, qtbot)
    view.three_button.setChecked(True)
    plot = view.plots["H"]
    before, yaw = view.grab().toImage(), view.rotation.yaw
    qtbot.mousePress(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    qtbot.mouseMove(plot.viewport(), QPoint(110, 80))
    qtbot.mouseRelease(plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(110, 80))
    assert view.rotation.yaw == pytest.approx(yaw + 0.5)
    assert view.grab().toImage() != before


def test_heat_explains_and_selects_cells(view: StatesView, traces: TraceModel, selection: Selection, qtbot: QtBot) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    traces.open(trace, cursor=7)
    view.set_mode("heat")
    heat = view.heats["L"]
    np.testing.assert_allclose(heat.values(), movement(trace, 7, "L"))
    place = heat.place()
    assert heat.cell_at(QPointF(place.left() + 1, place.top() + 1)) == 0
    assert heat.cell_at(QPointF(place.right() - 1, place.bottom() - 1)) == 15
    qtbot.mouseClick(heat, Qt.MouseButton.LeftButton, pos=place.center().toPoint() + QPoint(3, 3))
    assert selection.cells == {10}
    heat.set_kind("channels")
    assert heat.values().shape == (17, 8)
    place = heat.place()
    assert heat.cell_at(QPointF(place.center().x(), place.top() + 1)) is None  # the puzzle's slot
    assert heat.cell_at(QPointF(place.center().x(), place.bottom() - 1)) == 15


def test_umap_is_offered_only_where_it_is_installed(
    view: StatesView, traces: TraceModel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert view.basis.model().item(view.basis.findData("umap")).isEnabled() == state_projection.umap_there()

    class Umap:
        def __init__(self, **settings: object) -> None:
            assert settings["n_components"] == 2

        def fit_transform(self, points: np.ndarray) -> np.ndarray:
            return points[:, :2] * 2

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Umap))
    trace = synthetic(sudoku_info(FOUR), segments=2)
    traces.open(trace)
    projected(view, qtbot)
    choose(view, "umap")
    qtbot.waitUntil(lambda: view._projected_for[3])
    flat = trace.z_H.reshape(len(trace.z_H), -1)
    np.testing.assert_allclose(view.points["H"].path, flat[:, :2] * 2, rtol=1e-5)
    assert not view.grab().isNull()
    assert view.empty_label.text() == ""
    traces.open(synthetic(sudoku_info(FOUR), segments=1))
    projected(view, qtbot)
    assert "needs more steps" in view.empty_label.text()
    monkeypatch.setitem(sys.modules, "umap", None)  # installed, and broken
    traces.open(trace)
    projected(view, qtbot)
    assert "cannot be loaded" in view.empty_label.text()
    assert view.points["H"].explained[0] > 0  # the components are shown


def test_a_panel_behind_a_tab_follows_nothing(window: MainWindow, qtbot: QtBot) -> None:
    window.resize(1200, 800)
    page = window.explore
    qtbot.waitUntil(lambda: page.docks["Cells"] in page.tabifiedDockWidgets(page.docks["Curves"]))
    qtbot.waitUntil(lambda: not page.attention.isVisible() and not page.cells.isVisible())
    assert (page.states.following, page.attention.following, page.curves.following, page.cells.following) == (True, False, True, False)
    page.docks["Attention"].raise_()
    page.docks["Cells"].raise_()
    qtbot.waitUntil(lambda: page.attention.following and page.cells.following)
    qtbot.waitUntil(lambda: not page.states.following and not page.curves.following)
    window.show_page("compare")
    assert not page.board.following
    assert not page.attention.following
    window.show_page("explore")
    assert page.board.following
    assert page.attention.following


def test_controls_stay_in_place_in_every_mode(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    traces.open(synthetic(sudoku_info(FOUR), segments=2))
    qtbot.waitUntil(lambda: view.up_to_date)
    parts = (view.together_button, view.three_button, view.colour, view.basis, view.keep_button)

    def places(mode: str) -> list[object]:
        view.set_mode(mode)
        qtbot.wait(20)
        return [part.geometry() for part in parts]

    view.colour.setMinimumWidth(150)  # its longest item differs by mode; what is beside it must not move for other reasons
    assert places("path") == places("heat") == places("path")
    assert not view.colour.isHidden()


def test_axes_wait_for_points_that_spread(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=4)
    traces.open(cut_short(trace, 7), running=True, expected_steps=24)
    qtbot.waitUntil(lambda: view.up_to_date)
    axis = view.plots["H"].getPlotItem().getAxis("bottom")
    assert not axis.isVisible()  # three states of H
    traces.extend(trace)
    traces.finish()
    qtbot.waitUntil(lambda: view.up_to_date and axis.isVisible())


def test_without_the_start_one_jump_does_not_fill_the_plot(view: StatesView, traces: TraceModel, qtbot: QtBot) -> None:
    trace = synthetic(sudoku_info(FOUR), segments=8)
    assert trace.z_H is not None
    z_H = trace.z_H.copy()
    z_H[0] += 100
    traces.open(replace(trace, z_H=z_H))
    qtbot.waitUntil(lambda: view.up_to_date)

    def share() -> float:
        """Of the plot's width that the states after the start take."""
        path = view.points["H"].path[1:, 0]
        low, high = view.plots["H"].getPlotItem().vb.viewRange()[0]
        return float(np.ptp(path)) / (high - low)

    assert share() < 0.2
    view.basis.setCurrentIndex(view.basis.findData("later"))
    view.basis.activated.emit(view.basis.currentIndex())
    qtbot.waitUntil(lambda: view.up_to_date and view.points["H"].first == 1)
    assert share() > 0.5
    traces.set_cursor(0)  # H is at its start, outside the frame
    assert not view.grab().isNull()
