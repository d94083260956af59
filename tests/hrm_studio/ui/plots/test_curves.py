"""Curves: what is drawn for all cells, for selected ones, and for long traces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QPainter, QPixmap
from pytestqt.qtbot import QtBot

from hrm_model.analysis.cells import cell_breaks, cell_loss, entropy, segment_ends
from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.plots import curves as module
from hrm_studio.ui.plots.curve_titles import curve_title
from hrm_studio.ui.plots.curves import PANELS, CurvesView
from hrm_studio.ui.plots.log_ticks import tick_levels
from hrm_studio.ui.plots.plot import UprightAxis
from tests.support.traces import FOUR, arc_info, cut_short, maze_info, sudoku_info, synthetic


def view_of(qtbot: QtBot, background: Background | None = None) -> tuple[CurvesView, TraceModel, Selection]:
    traces, selection = TraceModel(), Selection()
    view = CurvesView(traces, Theme("light"), selection, background)
    traces.setParent(view)
    selection.setParent(view)
    qtbot.addWidget(view)
    view.resize(500, 400)
    view.show()
    return view, traces, selection


def open_first(qtbot: QtBot, view: CurvesView, traces: TraceModel, trace: Trace, **how: Any) -> None:
    """Open the first trace; its curves come in the event loop's next turn."""
    traces.open(trace, **how)
    qtbot.waitUntil(lambda: bool(view.lines) and view.lines["entropy"].getData()[0] is not None)


def test_each_curve_shows_its_numbers(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=4)
    open_first(qtbot, view, traces, trace)
    blank = trace.puzzle.given == 1
    assert view.lines["entropy"].getData()[1] == pytest.approx(entropy(trace)[:, blank].mean(axis=1))
    traces.open(replace(trace, puzzle=replace(trace.puzzle, solution=None)))
    assert view.lines["loss"].getData()[0] is None or not len(view.lines["loss"].getData()[0])
    assert not view.grab().isNull()
    traces.open(trace)
    x, y = view.lines["loss_ends"].getData()
    assert x.tolist() == segment_ends(trace).tolist() == [5, 11, 17, 23]
    assert y == pytest.approx(cell_loss(trace)[x][:, blank].mean(axis=1))
    counts = traces.verdict.counts
    assert view.lines["right"].getData()[1] == pytest.approx(counts.right / counts.cells)
    assert view.lines["wrong"].getData()[1] == pytest.approx(counts.wrong / counts.cells)
    assert view.lines["violations"].getData()[1] == pytest.approx(counts.breaks)
    assert view.lines["guess_right"].getData()[1] == pytest.approx((counts.right + counts.right_guesses) / counts.cells)
    assert view.lines["guess_violations"].getData()[1] == pytest.approx(counts.breaks + counts.guess_breaks)


def test_what_was_to_be_drawn_of_a_trace_is_forgotten_when_another_comes_while_the_view_is_hidden(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    open_first(qtbot, view, traces, synthetic(sudoku_info(FOUR), segments=4))
    traces.running_changed.emit(False)  # to be drawn soon
    view.hide()
    short = synthetic(sudoku_info(FOUR), segments=1)
    traces.open(short)
    qtbot.wait(2 * view._soon.interval())
    view.show()
    qtbot.waitUntil(lambda: len(view.lines["entropy"].getData()[0]) == len(short))


def test_selected_cells_have_their_own_curves(qtbot: QtBot) -> None:
    view, traces, selection = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=3)
    open_first(qtbot, view, traces, trace)
    selection.set((1, 6))
    drawn = {name: [item for plot, item in view.cell_lines if plot == name] for name in ("entropy", "loss", "sureness", "residuals")}
    assert [len(items) for items in drawn.values()] == [2, 2, 4, 4]  # thick where right; L and H
    assert drawn["entropy"][1].getData()[1] == pytest.approx(entropy(trace)[:, 6])
    steps = {style: np.concatenate([i.getData()[0] for i in drawn["residuals"][k::2]]) for k, style in enumerate("LH")}
    assert {style: set(np.asarray(trace.level)[at.astype(int)].tolist()) for style, at in steps.items()} == {"L": {0}, "H": {1}}
    x, y = drawn["sureness"][1].getData()  # of cell 1
    right = np.flatnonzero(trace.prediction[:, 1] == trace.puzzle.solution[1])
    assert sorted(x[np.isfinite(x) & (x % 1 == 0)].tolist()) == right.tolist()
    assert np.nanmax(y) == pytest.approx(trace.probability[right, 1].max())
    assert view.legend.isVisible()
    assert "2, 3" in view.legend.text()
    selection.clear()
    assert not view.cell_lines
    assert not view.legend.isVisible()


@pytest.mark.parametrize("info", [sudoku_info(FOUR), maze_info(11), arc_info()], ids=["sudoku", "maze", "arc"])
def test_a_selected_cell_has_a_bar_while_it_breaks_a_rule(qtbot: QtBot, info: PuzzleInfo) -> None:
    view, traces, selection = view_of(qtbot)
    trace = synthetic(info, segments=3)
    open_first(qtbot, view, traces, trace)
    broken = cell_breaks(trace, list(range(trace.side)))
    cell = 0 if broken is None else int(broken.sum(axis=0).argmax())
    selection.set((cell,))
    bars = [item for plot, item in view.cell_lines if plot == "violations"]
    if broken is None:
        assert not bars
    else:
        x = bars[0].getData()[0]
        assert x[np.isfinite(x) & (x % 1 == 0)].tolist() == np.flatnonzero(broken[:, cell]).tolist()
    assert not view.grab().isNull()


def test_what_is_not_known_is_said_where_its_curve_would_be(qtbot: QtBot) -> None:
    view, traces, selection = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=2)
    open_first(qtbot, view, traces, trace)
    told = lambda: {name: plot.getPlotItem().titleLabel.text for name, plot in view.plots.items()}  # noqa: E731
    assert not any("known" in words or "without" in words for words in told().values())
    traces.open(replace(trace, puzzle=replace(trace.puzzle, solution=None), z_H=None, z_L=None))
    assert {name for name, words in told().items() if "no solution known" in words} == {"sureness", "loss"}
    assert "without states" in told()["residuals"]
    selection.set(range(9))
    assert "and 3 more, not drawn" in view.legend.text()
    assert not view.grab().isNull()


def test_decades_of_a_low_plot_do_not_stand_in_each_other() -> None:
    values = np.geomspace(0.02, 300, 50)
    decades = [[text for _, text in tick_levels(values, height)[0]] for height in (400, 30, 8)]
    assert decades[0] == ["0.01", "0.1", "1", "10", "100", "1000"]
    assert decades[1] == ["0.1", "10", "1000"]
    assert decades[2] == ["1000"]


@pytest.mark.parametrize("top", [0.7, 3, 26, 85, 105])
def test_numbers_of_an_axis_stand_apart_however_low_it_is(top: float) -> None:
    axis = UprightAxis("left")
    for size in (16, 24, 40, 80, 300):
        spacing, shown = axis.tickValues(0, top, size)[0]  # what follows is written only if it fits
        assert shown, size
        assert (np.diff(shown) >= 14 * top / size).all(), size
        assert [float(text) for text in axis.tickStrings(shown, 1, spacing)] == pytest.approx(shown)


def test_plots_are_chosen_and_share_the_room(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    traces.open(synthetic(sudoku_info(FOUR), segments=2))
    assert view.shown() == [p.name for p in PANELS if p.shown]
    view.set_shown(["entropy"])
    assert [name for name, plot in view.plots.items() if plot.isVisible()] == ["entropy"]
    view.set_shown([p.name for p in PANELS])
    view.grab()
    heights = {plot.height() for plot in view.plots.values()}
    assert max(heights) - min(heights) <= 2
    assert view.minimumSizeHint().height() <= 200  # what a window of 1280 × 800 has for them: one more must not move the panel


def test_much_is_computed_in_the_background_and_for_the_right_trace(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 0)
    background = Background()
    view, traces, _ = view_of(qtbot, background)
    first, second = synthetic(maze_info(15), segments=8), synthetic(sudoku_info(FOUR), segments=2)
    traces.open(first)
    traces.open(second)
    qtbot.waitUntil(lambda: view.known is not None and len(view.known.loss) == len(second))
    assert view.lines["loss"].getData()[1] == pytest.approx(cell_loss(second)[:, second.puzzle.given == 1].mean(axis=1))
    background.close()


def test_a_growing_trace_and_a_hidden_view(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=3)
    open_first(qtbot, view, traces, cut_short(trace, 7), running=True, expected_steps=18)
    view.hide()
    traces.extend(cut_short(trace, 13))
    traces.extend(trace)
    traces.finish()
    assert len(view.known.residual) == 7
    view.show()
    assert len(view.lines["entropy"].getData()[0]) == 18


def test_a_task_without_rules_says_so_where_rule_breaks_would_be(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    plot = view.plots["violations"].getPlotItem()
    for info, title in ((sudoku_info(FOUR), "rule breaks"), (arc_info(), "no fixed rules"), (sudoku_info(FOUR), "rule breaks")):
        trace = synthetic(info, segments=2)
        traces.open(trace)
        qtbot.waitUntil(lambda trace=trace: view.known is not None and len(view.known.residual) == len(trace))
        qtbot.waitUntil(lambda title=title: plot.titleLabel.text == title)


def test_the_x_axis_names_segments_and_left_edges_stand_in_line(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=16)
    open_first(qtbot, view, traces, trace)
    axis = view.plots["q"].getPlotItem().getAxis("bottom")
    ((_, places),) = axis.tickValues(-0.5, len(trace) - 0.5, 2000)
    assert axis.tickStrings(places, 1, 1) == [str(k) for k in range(1, 17)]
    assert places == [(trace.segment == k).nonzero()[0].mean() for k in range(16)]
    ((_, few),) = axis.tickValues(-0.5, len(trace) - 0.5, 150)
    assert axis.tickStrings(few, 1, 1) == ["5", "10", "15"]
    edges = {view.plots[name].getPlotItem().getAxis("left").width() for name in view.shown()}
    assert len(edges) == 1


def test_segments_to_come_are_named_while_the_model_reasons(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    trace = cut_short(synthetic(sudoku_info(FOUR), segments=4), 8)
    open_first(qtbot, view, traces, trace, running=True, expected_steps=24)
    axis = view.plots["q"].getPlotItem().getAxis("bottom")
    ((_, places),) = axis.tickValues(-0.5, 23.5, 2000)
    assert axis.tickStrings(places, 1, 1) == ["1", "2", "3", "4"]
    assert places == [2.5, 8.5, 14.5, 20.5]


def test_star_and_diamond_stand_in_the_titles_if_they_are_drawn(qtbot: QtBot) -> None:
    view, traces, _ = view_of(qtbot)
    trace = synthetic(sudoku_info(FOUR), segments=4)
    open_first(qtbot, view, traces, trace)
    assert traces.verdict.solved is not None
    assert traces.verdict.halting is not None
    assert "★" in curve_title("sureness", trace, traces.verdict, view._theme.palette)
    assert "◆" in curve_title("q", trace, traces.verdict, view._theme.palette)
    never = replace(trace, prediction=np.roll(trace.prediction, 1, axis=1), q_halt=np.full(4, -9.0), q_continue=np.zeros(4))
    traces.open(never)
    assert "★" not in curve_title("sureness", never, traces.verdict, view._theme.palette)
    assert "◆" not in curve_title("q", never, traces.verdict, view._theme.palette)


@pytest.mark.parametrize("height", [220, 400])
def test_shares_are_named_at_both_ends_whatever_the_height(qtbot: QtBot, height: int) -> None:
    view, traces, _ = view_of(qtbot)
    view.resize(500, height)
    open_first(qtbot, view, traces, synthetic(sudoku_info(FOUR), segments=4))
    qtbot.wait(50)  # for the layout
    plot = view.plots["sureness"]
    plot.grab()
    axis = plot.getPlotItem().getAxis("left")
    ground = QPixmap(10, 10)  # must outlive the painter
    with QPainter(ground) as painter:
        painter.setFont(axis.style["tickFont"])
        _, _, texts = axis.generateDrawSpecs(painter)
    assert {text for _, _, text in texts} == {"0 %", "50 %", "100 %"}
