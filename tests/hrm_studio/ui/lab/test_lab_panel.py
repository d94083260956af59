"""The Lab dock: words, experiments as buttons, the tree of branches, boards side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

import hrm_model
from hrm_model import Trace
from hrm_model.assets import bundled_models
from hrm_model.trace_file.io import TraceReader
from hrm_studio.models.lab import BASE, LabModel
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.background import Background
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.lab.panel import LabPanel
from tests.support.traces import FOUR, arc_info, sudoku_info, synthetic


@pytest.fixture(scope="module")
def solved() -> Trace:
    return hrm_model.record(hrm_model.load("sudoku-4x4", device="cpu"), FOUR, segments=4)


@pytest.fixture(scope="module")
def unsolved() -> Trace:
    return hrm_model.record(hrm_model.load("sudoku-9x9", device="cpu"), sudoku_info(), segments=1)


class Lab:
    """A panel with all that it needs, and no window around it."""

    def __init__(self, qtbot: QtBot, trace: Trace, name: str) -> None:
        self.traces, self.selection, self.models = TraceModel(), Selection(), ModelChoice(bundled_models())
        self.models.use(next(m.path for m in bundled_models() if m.path.name == name))
        self.reasoner, self.background = Reasoner(), Background()
        self.model = LabModel(self.traces, self.models, self.reasoner, self.background)
        self.panel = LabPanel(self.model, self.traces, self.selection, Theme("light"))
        for part in (self.traces, self.selection, self.models, self.model):
            part.setParent(self.panel)
        qtbot.addWidget(self.panel)
        self.panel.resize(420, 640)
        self.panel.show()
        self.traces.open(trace, cursor=5)
        qtbot.waitUntil(lambda: self.model.verdict is not None)
        self.qtbot = qtbot

    def idle(self) -> None:
        self.qtbot.waitUntil(lambda: not self.model.busy)

    def close(self) -> None:
        self.reasoner.close()
        self.background.close()


@pytest.fixture
def lab(qtbot: QtBot, solved: Trace) -> Iterator[Lab]:
    made = Lab(qtbot, solved, "sudoku-4x4")
    yield made
    made.close()


@pytest.fixture
def failed(qtbot: QtBot, unsolved: Trace) -> Iterator[Lab]:
    made = Lab(qtbot, unsolved, "sudoku-9x9")
    yield made
    made.close()


def test_it_says_what_happened(lab: Lab, failed: Lab) -> None:
    assert lab.panel.words.text().startswith("Solved since segment")
    assert failed.panel.words.text().startswith("Not solved. ")
    assert failed.panel.words.text().endswith("What would have helped?")


def test_a_branch_begins_at_the_cursor_and_stands_beside_the_base(lab: Lab) -> None:
    lab.traces.set_cursor(7)
    lab.panel.what.setCurrentText("Freeze H")
    lab.panel.branch.click()
    assert lab.model.busy
    lab.idle()
    (run,) = lab.model.runs
    assert (run.parent, run.found.at, len(run.found.trace)) == (BASE, 7, 24)
    assert lab.model.chosen == 0
    assert lab.panel.boards.currentWidget() is lab.panel.pair
    step = len(run.found.trace) - 1
    lab.traces.set_cursor(step)
    wanted = np.flatnonzero(run.found.trace.prediction[step] != lab.model.base.prediction[step])  # type: ignore[union-attr]
    np.testing.assert_array_equal(lab.panel.pair.differing(), wanted)
    assert "It ends with" in lab.panel.result.text()
    lab.panel.grab()


def test_a_branch_of_a_branch_keeps_what_was_changed(lab: Lab) -> None:
    lab.panel.what.setCurrentText("Freeze H")
    lab.panel.branch.click()
    lab.idle()
    lab.model.open(0)
    assert lab.traces.trace is lab.model.runs[0].found.trace
    assert lab.traces.cursor == 5
    assert len(lab.model.runs) == 1  # the tree stays
    lab.traces.set_cursor(11)
    lab.panel.what.setCurrentText("Kick z_L")
    lab.panel.branch.click()
    lab.idle()
    child = lab.model.runs[1]
    assert child.parent == 0
    assert [c.kind for c in child.found.standing] == ["freeze"]
    z_H = child.found.trace.z_H
    assert z_H is not None
    assert (z_H[child.found.trace.h_row[5] :] == z_H[child.found.trace.h_row[5]]).all()
    lab.model.delete(0)
    assert lab.model.runs == []
    assert lab.traces.trace is lab.model.base
    lab.panel.undo.click()
    assert [run.parent for run in lab.model.runs] == [BASE, 0]


def test_cells_can_be_kicked_alone(lab: Lab) -> None:
    lab.panel.what.setCurrentText("Kick z_H and z_L")
    lab.panel.chosen_only.setChecked(True)
    assert not lab.panel.branch.isEnabled()
    lab.selection.set([3, 4])
    assert lab.panel.branch.isEnabled()
    lab.panel.branch.click()
    lab.idle()
    assert lab.model.runs[0].name == "kick of 0.5 on z_H and z_L of 2 cells, seed 0"


def test_thinking_on_makes_a_longer_run(lab: Lab) -> None:
    lab.panel.think.click()
    lab.idle()
    run = lab.model.runs[0]
    assert run.found.trace.segments == 16
    assert "Rules would stop at segment: q_halt" in lab.panel.result.text()
    lab.traces.set_cursor(23)
    assert not len(lab.panel.pair.differing())


def test_tries_fill_a_grid_and_open_as_runs(lab: Lab) -> None:
    lab.panel.kicks.click()
    lab.idle()
    assert lab.panel.boards.currentWidget() is lab.panel.grid
    assert " of 9 tries are right" in lab.panel.result.text()
    assert "the vote" in lab.panel.result.text()
    places = lab.panel.grid.places()
    assert len(places) == 9
    lab.panel.grab()
    centre = places[4].center()
    lab.qtbot.mouseClick(lab.panel.grid, Qt.MouseButton.LeftButton, pos=QPoint(round(centre.x()), round(centre.y())))
    lab.idle()
    (run,) = lab.model.runs
    assert run.name == "try 4: kicked by 1"
    assert lab.model.tries is not None
    np.testing.assert_array_equal(run.found.trace.prediction[-1], lab.model.tries.boards.prediction[4])
    lab.panel.copies.click()
    lab.idle()
    assert lab.model.tries.names[1] == "relabelled 1"


def test_clues_are_selected_and_named(lab: Lab) -> None:
    lab.panel.clue.click()
    lab.idle()
    assert lab.model.clues is not None
    assert lab.panel.result.text() == lab.model.clues.words
    assert lab.selection.cells == set(lab.model.clues.cells)


def test_another_model_thinks_about_the_same_puzzle(failed: Lab) -> None:
    assert failed.panel.other.isEnabled()
    failed.panel.other.click()
    failed.idle()
    (run,) = failed.model.runs
    assert run.found.at == -1
    assert run.found.trace.model.name != failed.model.base.model.name  # type: ignore[union-attr]
    assert run.found.outcome.solved


def test_an_experiment_can_be_stopped(failed: Lab) -> None:
    failed.panel.kicks.click()
    assert failed.panel.stop.isVisibleTo(failed.panel)
    failed.panel.stop.click()
    assert not failed.model.busy
    assert failed.panel.kicks.isEnabled()


def test_what_does_not_apply_says_why(qtbot: QtBot, lab: Lab) -> None:
    lab.models.use(next(m.path for m in bundled_models() if m.path.name == "sudoku-6x6"))
    lab.panel.branch.click()
    lab.idle()
    assert lab.model.runs == []
    assert lab.panel.result.text() != ""
    bare = hrm_model.record(hrm_model.load("sudoku-4x4", device="cpu"), FOUR, segments=1, states="none")
    lab.traces.open(bare)
    assert lab.model.base is bare
    assert not lab.panel.branch.isEnabled()


def test_the_tree_is_a_timeline(lab: Lab) -> None:
    lab.panel.branch.click()
    lab.idle()
    tree = lab.panel.tree
    tree.resize(400, 80)
    row = round(tree.y_of(BASE))
    lab.qtbot.mouseClick(tree, Qt.MouseButton.LeftButton, pos=QPoint(round(tree.x_of(12.5)), row))
    assert lab.traces.cursor == 12
    assert lab.model.chosen == BASE
    lab.qtbot.keyClick(tree, Qt.Key.Key_Down)
    assert lab.model.chosen == 0
    lab.qtbot.keyClick(tree, Qt.Key.Key_Return)
    assert lab.traces.trace is lab.model.runs[0].found.trace
    lab.model.rename(0, "moved")
    assert lab.model.runs[0].name == "moved"
    lab.qtbot.keyClick(tree, Qt.Key.Key_Delete)
    assert lab.model.runs == []
    assert lab.traces.trace is lab.model.base


def test_another_trace_begins_another_tree(lab: Lab, unsolved: Trace) -> None:
    lab.panel.branch.click()
    lab.idle()
    lab.traces.open(unsolved)
    assert lab.model.runs == []
    assert lab.model.base is unsolved


def test_boards_stand_where_they_are_larger(lab: Lab) -> None:
    pair = lab.panel.pair
    pair.resize(600, 200)
    left, right = pair.rooms()
    assert left.top() == right.top()
    assert right.left() > left.right()
    pair.resize(240, 500)
    upper, lower = pair.rooms()
    assert upper.left() == lower.left()
    assert lower.top() > upper.bottom()


@pytest.mark.parametrize("kind", ["landscape", "basin"])
def test_a_map_is_drawn_and_a_click_thinks_from_there(lab: Lab, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hrm_studio.services.lab_maps.SIDE", 9)
    lab.traces.set_cursor(23)
    getattr(lab.panel, kind).click()
    lab.idle()
    found, view = lab.model.map, lab.panel.map
    assert found is not None
    assert found.done
    assert lab.panel.boards.currentWidget() is view
    assert "Click a point to think from there." in lab.panel.result.text()
    view.resize(300, 300)
    view.grab()
    place = view.square()
    assert view.point_at(place.center()) == (4, 4)
    assert "rule" in found.point_words(4, 4) if kind == "landscape" else "solved after 1 segment." in found.point_words(4, 4)
    lab.qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(round(place.left()) + 5, round(place.top()) + 5))
    lab.idle()
    (run,) = lab.model.runs
    assert run.name == "z_H from point 1, 1 of the map"
    assert run.found.at == 23
    assert run.found.trace.segments == 20
    assert lab.panel.boards.currentWidget() is lab.panel.pair


def test_base_and_branches_are_saved_with_their_changes(lab: Lab, tmp_path: Path) -> None:
    lab.panel.what.setCurrentText("Freeze H")
    lab.panel.branch.click()
    lab.idle()
    lab.model.open(0)
    lab.panel.what.setCurrentText("Kick z_L")
    lab.panel.branch.click()
    lab.idle()
    with lab.qtbot.waitSignal(lab.model.told) as told:
        lab.model.save(tmp_path / "lab.h5")
    assert told.args == ["Saved 3 runs to lab.h5."]
    with TraceReader(tmp_path / "lab.h5") as reader:
        child = reader.extras("trace_3")
        assert (child.parent, [c["kind"] for c in child.changes], [c["kind"] for c in child.standing]) == ("trace_2", ["kick"], ["freeze"])
        assert reader.read("trace_2").prediction.tolist() == lab.model.runs[0].found.trace.prediction.tolist()
    with lab.qtbot.waitSignal(lab.model.told) as told:
        lab.model.save(tmp_path / "nowhere" / "lab.h5")
    assert "the folder does not exist" in told.args[0]


def test_a_symmetric_model_gets_no_relabelled_copies(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab.panel.copies.isEnabled()
    monkeypatch.setattr(LabModel, "symmetric", True)
    lab.model.changed.emit()
    assert not lab.panel.copies.isEnabled()
    assert "symmetric" in lab.panel.copies.toolTip()


def test_arc_has_no_landscape(lab: Lab) -> None:
    assert lab.panel.landscape.isEnabled()
    lab.traces.open(synthetic(arc_info(), segments=2, slots=0))
    lab.qtbot.waitUntil(lambda: lab.model.verdict is not None)
    assert not lab.panel.landscape.isEnabled()
    assert not lab.panel.clue.isEnabled()
    lab.panel.grab()
