"""An ARC task in the studio: opened as a file, folder or text; its demonstrations, and reasoning about its inputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_model.arc_solve import copies_of, solve_task
from hrm_model.checkpoint import format as checkpoint
from hrm_model.config import ModelConfig
from hrm_model.model import HRM
from hrm_model.reasoning import reason
from hrm_model.recompute import attention
from hrm_model.recording import record
from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.read import parse_any
from hrm_model.trace.data import PuzzleInfo
from hrm_model.trace_file.io import TraceWriter, read
from hrm_studio.main_window import MainWindow
from hrm_studio.models.comparison import Setting
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.arc_pictures import AttemptPicture
from tests.paths import PUBLISHED_DATA
from trainer.data.identifiers import PuzzleIdentifier

TASKS = PUBLISHED_DATA / "arc_tasks"
TASK = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}, {"input": [[3, 4, 5]], "output": [[5, 4, 3]]}],
    "test": [{"input": [[6, 7]], "output": [[7, 6]]}, {"input": [[8, 9], [1, 2]]}],
}


class Asked:
    """A window whose reasoner only notes what it is asked, with a model that may read ARC."""

    def __init__(self, window: MainWindow, calls: list[dict[str, Any]]) -> None:
        self.window, self.calls = window, calls
        self.explore, self.strip = window.explore.model, window.explore.arc_strip

    @property
    def error(self) -> str:
        return self.window.explore.panel.error.text()


@pytest.fixture
def asked(new_window: Callable[..., MainWindow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(Reasoner, "reason", lambda _, path, grid, task, **more: calls.append({"grid": grid, "task": task.name} | more))
    window = new_window("dark", size=(1280, 800))
    window.models.use(tmp_path / "an arc model")
    return Asked(window, calls)


def drop(window: MainWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    actions, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(5, 5), actions, data, button, keys))


def shown(call: dict[str, Any]) -> tuple[list[list[int]], list[list[int]] | None]:
    """Input and answer of what was asked, as colours."""
    return arc.decode(call["grid"]).tolist(), None if call["solution"] is None else arc.decode(call["solution"]).tolist()


def test_a_dropped_task_shows_its_pairs_and_its_inputs_can_be_chosen(asked: Asked, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "0a1b2c3d.json"
    file.write_text(json.dumps(TASK))
    drop(asked.window, file)
    qtbot.waitUntil(lambda: bool(asked.calls))
    assert asked.calls[-1]["task"] == "arc"
    assert asked.calls[-1]["name"] == "0a1b2c3d"
    assert shown(asked.calls[-1]) == ([[6, 7]], [[7, 6]])
    assert asked.strip.isVisible()
    assert "0a1b2c3d" in asked.strip.title.text()
    buttons = asked.strip.buttons
    assert [b.caption for b in buttons] == ["Example 1", "Example 2", "Test 1", "Test 2"]
    assert [b.isChecked() for b in buttons] == [False, False, True, False]
    assert buttons[2].output is None  # for the model to find
    qtbot.mouseClick(buttons[3], Qt.MouseButton.LeftButton)
    assert shown(asked.calls[-1]) == ([[8, 9], [1, 2]], None)
    qtbot.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert shown(asked.calls[-1]) == ([[3, 4, 5]], [[5, 4, 3]])
    qtbot.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert [b.isChecked() for b in buttons] == [False, True, False, False]


def test_demonstrations_are_drawn_in_the_standard_palette(asked: Asked, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TASK))
    asked.window.opener.open(tmp_path / "t.json")
    qtbot.waitUntil(lambda: bool(asked.calls))
    image = asked.strip.buttons[0].grab().toImage()
    seen = [image.pixelColor(x, image.height() // 2 + 4).name() for x in range(image.width())]
    order = [name for k, name in enumerate(seen) if name in ("#0074d9", "#ff4136") and name != seen[k - 1]]
    assert order == ["#0074d9", "#ff4136", "#ff4136", "#0074d9"]  # 1 2 → 2 1


def test_an_edited_input_stays_with_its_task_and_loses_its_answer(asked: Asked, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TASK))
    asked.window.opener.open(tmp_path / "t.json")
    qtbot.waitUntil(lambda: bool(asked.calls))
    asked.explore.puzzle.set_cell(0, arc.FIRST_COLOUR + 5)
    asked.explore.reason()
    assert shown(asked.calls[-1]) == ([[5, 7]], None)
    assert asked.calls[-1]["name"] == "t"
    assert not any(b.isChecked() for b in asked.strip.buttons)
    asked.explore.puzzle.undo()
    asked.explore.reason()
    assert shown(asked.calls[-1]) == ([[6, 7]], [[7, 6]])
    asked.explore.open_text("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", "The text")
    assert not asked.strip.isVisible()
    asked.explore.puzzle.undo()
    assert asked.strip.isVisible()
    assert asked.explore.arc.name == "t"


def test_a_low_screen_still_holds_the_window(asked: Asked, qtbot: QtBot) -> None:
    asked.window.actions_table.by_name["attempts"].trigger()
    assert "No ARC task is open" in asked.window.notice.text.text()
    before = asked.window.explore.board.minimumHeight()
    assert before > 200
    assert not asked.strip.isVisible()
    asked.window.resize(1280, 720)
    qtbot.wait(50)
    asked.window.opener.open(TASKS)
    qtbot.waitUntil(lambda: bool(asked.calls))
    asked.explore.arc.identify(PuzzleIdentifier(0, "Not trained on it. " * 20, False))
    assert asked.strip.note.isVisible()
    qtbot.wait(50)
    assert (asked.window.width(), asked.window.height()) == (1280, 720)
    asked.explore.open_text("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", "The text")
    assert asked.window.explore.board.minimumHeight() == before
    qtbot.wait(50)
    assert (asked.window.width(), asked.window.height()) == (1280, 720)


def test_a_folder_is_a_list_to_choose_from(asked: Asked, qtbot: QtBot) -> None:
    asked.window.opener.open(TASKS)  # the layout of ARC's repository: training and evaluation
    qtbot.waitUntil(lambda: bool(asked.calls))
    names = ["trcrop", "trflip", "trinc", "evcrop", "evflip", "evinc"]
    assert [asked.strip.tasks.itemText(k) for k in range(asked.strip.tasks.count())] == names
    assert asked.strip.tasks.isVisible()
    assert not asked.strip.before.isEnabled()
    qtbot.mouseClick(asked.strip.after, Qt.MouseButton.LeftButton)
    assert asked.calls[-1]["name"] == "trflip"
    assert asked.strip.count.text() == "2 of 6"
    asked.strip.tasks.activated.emit(5)
    assert asked.calls[-1]["name"] == "evinc"
    assert not asked.strip.after.isEnabled()
    assert len(asked.strip.buttons) == len(arc.read_task(TASKS / "evaluation" / "evinc.json").train) + len(
        arc.read_task(TASKS / "evaluation" / "evinc.json").test
    )


def test_what_cannot_be_read_of_a_folder_is_named_and_the_rest_is_there(asked: Asked, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(TASK))
    (tmp_path / "bad.json").write_text('{"train": 3}')
    asked.window.opener.open(tmp_path)
    qtbot.waitUntil(lambda: bool(asked.calls))
    assert "bad.json: is not an ARC task" in asked.error
    assert asked.explore.arc.name == "good"


def test_a_pasted_task(asked: Asked) -> None:
    QApplication.clipboard().setText(json.dumps(TASK))
    asked.window.explore.panel.paste()
    assert shown(asked.calls[-1]) == ([[6, 7]], [[7, 6]])
    assert asked.calls[-1]["name"] == ""  # its name is unknown
    assert asked.strip.isVisible()
    QApplication.clipboard().setText('{"train": [{"input": [[1, 77]]}], "test": []}')
    asked.window.explore.panel.paste()
    assert "The clipboard, train pair 1, input: '77' at row 1, column 2 is not a colour" in asked.error


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe{", "is not text"),
        (b'{"a": 1}', "is not an ARC task"),
        (b"{}", "holds no ARC task"),
        (b"[1, 2]", "is not an ARC task"),
        (b'{"train": [], "test": [{"input": [[1]]}]}', "has no train pair"),
        (b'{"train": [{"input": [[1]], "output": [[1], [1, 2]]}], "test": [{"input": [[1]]}]}', "train pair 1, output: is not a grid"),
    ],
)
def test_a_bad_file_is_reported_in_a_sentence(asked: Asked, qtbot: QtBot, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.json").write_bytes(content)
    asked.window.opener.open(tmp_path / "t.json")
    qtbot.waitUntil(lambda: bool(asked.error))
    assert said in asked.error
    assert str(tmp_path / "t.json") in asked.error
    assert not asked.calls


def test_without_a_model_that_reads_arc_it_is_said_where_one_is(asked: Asked, qtbot: QtBot, tmp_path: Path) -> None:
    asked.window.models.use(asked.window.models.bundled[0].path)
    (tmp_path / "t.json").write_text(json.dumps(TASK))
    asked.window.opener.open(tmp_path / "t.json")
    panel = asked.window.explore.board_panel
    qtbot.waitUntil(panel.help.isVisible)
    assert "HRM ARC-AGI-2" in panel.board.empty
    assert asked.error == ""  # said once, where the board would be
    assert asked.window.traces.trace is None
    assert not asked.calls
    assert asked.strip.isVisible()  # it can still be shown


# The model's own number for a task --------------------------------------------------------------------------------------------


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A small model with a vector for each name of the published list; these differ."""
    folder = tmp_path / "small-arc"
    names = json.loads((TASKS.parent / "arc" / "identifiers.json").read_text())
    torch.manual_seed(0)
    config = ModelConfig(seq_len=900, vocab_size=12, hidden_size=32, num_heads=2, H_layers=1, L_layers=1, H_cycles=1, L_cycles=1, puzzle_emb_ndim=32, num_puzzle_identifiers=len(names))  # fmt: skip
    model = HRM(config)
    with torch.no_grad():
        model.puzzle_emb.weights.normal_()  # type: ignore[union-attr]
    checkpoint.save(model, folder)
    shutil.copy(TASKS.parent / "arc" / "identifiers.json", folder)
    return folder


def test_a_model_is_given_its_own_number_of_the_task(window: MainWindow, qtbot: QtBot, model_folder: Path, tmp_path: Path) -> None:
    explore, strip, traces = window.explore.model, window.explore.arc_strip, window.studio.traces
    explore.segments = 1
    window.models.use(model_folder)
    window.opener.open(TASKS / "evaluation" / "evinc.json")

    def thought() -> bool:
        return traces.trace is not None and traces.trace.puzzle.task == "arc" and not traces.running

    qtbot.waitUntil(thought)
    trace = traces.trace
    assert trace is not None
    number = json.loads((model_folder / "identifiers.json").read_text()).index("evinc")
    assert trace.puzzle.identifier == number > 0
    assert trace.puzzle.solution is not None
    assert strip.note.isVisible()
    assert f"puzzle vector {number}" in strip.note.text()
    model = checkpoint.load(model_folder)
    told = [np.array([s.probability for s in reason(model, trace.puzzle.given, segments=1, puzzle_id=n)]) for n in (number, 0)]
    assert np.abs(trace.probability - told[0]).max() < 1e-3
    assert np.abs(trace.probability - told[1]).max() > 1e-2

    with TraceWriter(tmp_path / "t.h5") as writer:
        writer.write(trace)
    assert read(tmp_path / "t.h5").puzzle.identifier == number

    other = tmp_path / "ffffffff.json"
    shutil.copy(TASKS / "evaluation" / "evflip.json", other)
    window.opener.open(other)
    qtbot.waitUntil(lambda: thought() and traces.trace is not trace)
    assert traces.trace is not None
    assert traces.trace.puzzle.identifier == 0
    assert "small-arc was not trained on ffffffff" in strip.note.text()
    assert "a guess" in strip.note.text()


def test_attention_is_computed_again_with_the_number_of_the_trace(model_folder: Path) -> None:
    model = checkpoint.load(model_folder, dtype="float32")
    given = arc.encode(arc.read_task(TASKS / "evaluation" / "evinc.json").test[0].input)
    trace = record(model, PuzzleInfo("arc", given, identifier=3), segments=1)
    assert np.allclose(attention(model, trace, 0, 0).sum(axis=-1), 1, atol=1e-3)
    with pytest.raises(ValueError, match="another model"):  # with another vector it comes to another state than the recorded one
        attention(model, replace(trace, puzzle=replace(trace.puzzle, identifier=0)), 0, 0)
    with pytest.raises(ValueError, match="puzzle 5000"):
        attention(model, replace(trace, puzzle=replace(trace.puzzle, identifier=5000)), 0, 0)


def test_a_comparison_thinks_with_the_same_number_and_knows_the_answer(asked: Asked, qtbot: QtBot, model_folder: Path) -> None:
    asked.window.opener.open(TASKS / "evaluation" / "evinc.json")
    qtbot.waitUntil(lambda: bool(asked.calls))
    page = asked.window.page("compare")
    comparison = page.comparison  # type: ignore[attr-defined]
    shown = asked.explore.puzzle
    task, grid = parse_any(shown.line)  # as the page's field has it
    comparison.set_puzzle(task, grid)
    comparison.set_up([Setting(model_folder, 1), Setting(model_folder, 1, relabelled=1)])
    comparison.run()
    panes = comparison.panes
    qtbot.waitUntil(lambda: all(p.traces.trace is not None and not p.traces.running for p in panes))
    number = json.loads((model_folder / "identifiers.json").read_text()).index("evinc")
    for pane in panes:
        assert pane.traces.trace.puzzle.identifier == number
        assert np.array_equal(pane.traces.trace.puzzle.solution, asked.explore.arc.solution())


def test_two_attempts_are_those_of_the_command_line(asked: Asked, qtbot: QtBot, model_folder: Path) -> None:
    file = TASKS / "evaluation" / "evinc.json"
    asked.explore.segments = 2
    asked.window.models.use(model_folder)
    asked.window.opener.open(file)
    qtbot.waitUntil(lambda: bool(asked.calls))
    attempts = asked.strip.attempts
    asked.window.actions_table.by_name["attempts"].trigger()
    assert attempts.go.text() == "Stop"
    qtbot.waitUntil(lambda: not attempts.running)
    qtbot.wait(20)
    assert attempts.state.text() == "5 of 5 copies done", asked.error
    task, names = arc.read_task(file), json.loads((model_folder / "identifiers.json").read_text())
    copies = copies_of(task, enumerate(names), 16)
    assert not attempts.pictures[-1].visibleRegion().isEmpty()  # scrolled to
    (best,) = solve_task(checkpoint.load(model_folder), task, copies, segments=2)
    assert len(copies) == 5
    for picture, candidate in zip(attempts.pictures, best, strict=False):
        assert np.array_equal(picture.grid, candidate.grid)
        assert f"{candidate.votes} of 5" in picture.caption
        assert picture.right is np.array_equal(candidate.grid, task.test[0].output)
    assert 1 <= len(attempts.pictures) == min(2, len(best))
    qtbot.mouseClick(asked.strip.buttons[0], Qt.MouseButton.LeftButton)
    assert not attempts.pictures  # they were of another input
    assert attempts.state.text() == ""


def test_attempts_are_stopped_and_their_errors_reported(asked: Asked, qtbot: QtBot, model_folder: Path) -> None:
    asked.window.models.use(model_folder)
    asked.window.opener.open(TASKS / "evaluation" / "evinc.json")
    qtbot.waitUntil(lambda: bool(asked.calls))
    attempts = asked.strip.attempts
    asked.explore.puzzle.set_cell(
        0, arc.FIRST_COLOUR + (0 if asked.explore.puzzle.grid[0] > arc.FIRST_COLOUR else 1)
    )  # an edited input has attempts too, but no answer is known
    attempts.copies.setValue(500)
    attempts.go.click()
    qtbot.waitUntil(lambda: bool(attempts.pictures))
    assert attempts.pictures[0].right is None
    attempts.go.click()
    if attempts.running:
        attempts.go.click()
    (model_folder / "identifiers.json").write_text("{}")
    attempts.go.click()
    qtbot.waitUntil(lambda: bool(asked.error))
    assert "not a JSON list of names" in asked.error
    assert attempts.go.text() == "Two attempts"
    asked.window.models.use(asked.window.models.bundled[0].path)
    attempts.go.click()
    qtbot.waitUntil(lambda: "Choose another model" in asked.error)


@pytest.mark.parametrize("right", [None, True, False])
def test_an_attempt_says_whether_it_is_right(qtbot: QtBot, right: bool | None) -> None:
    for grid in (np.ones((3, 4), np.int8), np.zeros((0, 0), np.int8), np.zeros((30, 30), np.int8)):
        picture = AttemptPicture(grid, "Attempt 1", right, Theme("light"))
        qtbot.addWidget(picture)
        assert ("✓" in picture.caption, "✕" in picture.caption) == (right is True, right is False)
        assert not picture.grab().isNull()
