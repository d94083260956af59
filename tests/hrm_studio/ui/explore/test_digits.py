"""The view by digit of a symmetric model's trace, and the messages that it computes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import hrm_model
from hrm_model.assets import bundled_models
from hrm_model.checkpoint.format import save
from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError
from hrm_model.loaded import LoadedModel
from hrm_model.recompute import messages
from hrm_model.symmetric import SymmetricHRM
from hrm_model.tasks.sudoku.grid import SUDOKU_4
from hrm_model.trace.data import Trace
from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.models.selection import Selection
from hrm_studio.models.trace_model import TraceModel
from hrm_studio.services.reasoner import Reasoner
from hrm_studio.theme import Theme
from hrm_studio.ui.explore.digits import DigitsView
from tests.support.traces import FOUR


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("models") / "symmetric"
    model = SymmetricHRM(
        ModelConfig(
            mixer="units", pos_encodings="none", hidden_size=16, num_heads=1, H_layers=1, L_layers=1, swiglu_multiple=16, unit_mlp=True
        )
    )
    torch.nn.init.normal_(model.answer)
    save(model, folder, {"q_continue": False})
    return hrm_model.load(folder, device="cpu")


@pytest.fixture(scope="module")
def trace(loaded: LoadedModel) -> Trace:
    return hrm_model.record(loaded, FOUR, segments=2)


@pytest.fixture
def view(qtbot: QtBot, traces: TraceModel, selection: Selection, loaded: LoadedModel) -> Iterator[DigitsView]:
    models, reasoner = ModelChoice(bundled_models()), Reasoner()
    models.device = "cpu"
    models.use(loaded.path)
    view = DigitsView(traces, selection, models, reasoner, Theme("light"))
    for part in (traces, selection, models):
        part.setParent(view)
    qtbot.addWidget(view)
    view.resize(320, 460)
    view.show()
    yield view
    reasoner.close()


def test_message_sizes_are_those_of_the_formula(loaded: LoadedModel, trace: Trace) -> None:
    model = loaded.model
    step = 4  # an L step in the second H-cycle
    assert trace.level[step] == 0
    found = messages(model, trace, step)
    before = trace.z_L[trace.l_row[step] - 1] + trace.z_H[trace.h_row[step]]  # type: ignore[index]
    roles = model.roles.detach().numpy()  # type: ignore[union-attr,operator]
    given = np.asarray(trace.puzzle.given) - 1
    x = np.array([[roles[0 if d == 0 else 1 if d == f else 2] for f in range(1, 5)] for d in given.tolist()])
    h = before.reshape(16, 4, 16) + x
    weight = {name: tensor.detach().double().numpy() for name, tensor in model.L_level.layers[0].mixer.named_parameters()}

    def silu(a: np.ndarray) -> np.ndarray:
        return np.asarray(a / (1 + np.exp(-a)))

    total = h @ weight["own.weight"].T
    assert np.abs(found.own.numpy() - np.linalg.norm(total, axis=-1)).max() < 1e-4
    for number, unit in enumerate(SUDOKU_4.units.tolist()):
        kind = int(number >= 8)
        message = silu(math.sqrt(4) * h[unit].mean(axis=0) @ weight[f"units.{kind}.weight"].T) @ weight[f"unit_outs.{kind}.weight"].T
        assert np.abs(found.units[number].numpy() - np.linalg.norm(message, axis=-1)).max() < 1e-4
        total[unit] += message
    of_digits = silu(math.sqrt(4) * h.mean(axis=1) @ weight["digits.weight"].T) @ weight["digits_out.weight"].T
    assert np.abs(found.digits.numpy() - np.linalg.norm(of_digits, axis=-1)).max() < 1e-4
    assert np.abs(found.total.numpy() - np.linalg.norm(total + of_digits[:, None], axis=-1)).max() < 1e-4


def test_messages_need_the_model_that_recorded_the_trace(loaded: LoadedModel, trace: Trace) -> None:
    four = hrm_model.load("sudoku-4x4", device="cpu")
    with pytest.raises(MismatchError, match="symmetric"):
        messages(four.model, hrm_model.record(four, FOUR, segments=1), 0)
    torch.manual_seed(2)
    other = SymmetricHRM(loaded.model.config)
    with pytest.raises(MismatchError, match="another model"):
        messages(other, trace, 4)


def test_the_board_shows_a_digit_and_the_bars_what_moves_the_cell(
    view: DigitsView, traces: TraceModel, selection: Selection, loaded: LoadedModel, trace: Trace, qtbot: QtBot
) -> None:
    traces.open(trace, cursor=4)
    assert view.digit.count() == 4
    assert view.digit.itemText(2) == "Digit 3"
    qtbot.waitUntil(lambda: view.found is not None)
    view.digit.setCurrentIndex(2)
    view.digit.activated.emit(2)
    assert view.board.probability.tolist() == trace.probability[4][:, 4].tolist()
    assert view.board.given.tolist() == (np.asarray(trace.puzzle.given) - 1).tolist()
    selection.set([6])
    sizes = messages(loaded.model, trace, 4)
    row, column, box = SUDOKU_4.units_of[6]
    wanted = [sizes.own[6, 2], sizes.units[row, 2], sizes.units[column, 2], sizes.units[box, 2], sizes.digits[6]]
    shares = np.array(wanted, float) / float(sum(wanted))
    assert list(view.bars.parts) == ["itself", "row", "column", "box", "other digits"]
    assert np.abs(np.array(list(view.bars.parts.values())) - shares).max() < 1e-5
    assert set(view.board.strength) == {int(row), int(column), int(box)}
    view.board.hovered.emit(5)
    assert "Row 2, column 2 is 3" in view.title.text()
    box_of_9 = view.board.place()
    at = box_of_9.center().toPoint()
    qtbot.mouseClick(view.board, Qt.MouseButton.LeftButton, pos=at)
    assert selection.cells == {view.board.cell_at(box_of_9.center())}
    assert not view.grab().isNull()
    traces.set_cursor(5)
    assert view.bars.parts == {}  # those of another step are not shown
    qtbot.waitUntil(lambda: view.found is not None and view.found[0] == 5)
    assert sum(view.bars.parts.values()) == pytest.approx(1)


def test_what_it_cannot_compute_is_said(view: DigitsView, traces: TraceModel, trace: Trace, qtbot: QtBot, tmp_path: Path) -> None:
    traces.open(replace(trace, z_H=None, z_L=None), cursor=2)
    qtbot.waitUntil(lambda: "without states" in view.state.text())
    traces.open(replace(trace, model=replace(trace.model, name="elsewhere")), cursor=2)
    qtbot.waitUntil(lambda: "Open that model" in view.state.text())
