"""The symmetric model against its formula written out cell by cell, and its symmetry."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import hrm_model
from hrm_model.checkpoint.format import save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.config import ModelConfig, parameter_count, tensor_shapes
from hrm_model.errors import MismatchError
from hrm_model.make import make_model
from hrm_model.reasoning import solve_batch
from hrm_model.recompute import attention
from hrm_model.symmetric import SymmetricHRM, usual_size
from hrm_model.tasks.sudoku.grid import VARIANTS, Variant, variant_of_task
from hrm_model.tasks.sudoku.layout import parse

NINE = ".8.41....2.....9.6..3.....5.5.3..8.......87.9.....4....3....6.76......4..421....3"


def config(**changes: object) -> ModelConfig:
    sizes = {"hidden_size": 16, "num_heads": 1, "H_layers": 1, "L_layers": 1, "swiglu_multiple": 16, "pos_encodings": "none"}
    return ModelConfig.model_validate({"mixer": "units", **sizes, **changes})


def lively(**changes: object) -> SymmetricHRM:
    """A model with answers that are not all zero."""
    torch.manual_seed(5)
    model = make_model(config(**changes))
    assert isinstance(model, SymmetricHRM)
    with torch.no_grad():
        model.answer.normal_()
        model.q_head.weight.normal_()
    return model.eval()


def by_hand(model: SymmetricHRM, level: str, h: np.ndarray, units: list[tuple[list[int], int]]) -> np.ndarray:
    """One block on h (S, n, W) float64, cell by cell; `units`: the cells of each, and its kind."""
    weights = {k.split("layers.0.")[1]: v.double().numpy() for k, v in model.state_dict().items() if k.startswith(f"{level}_level")}
    cells, digits, _ = h.shape

    def times(name: str, x: np.ndarray) -> np.ndarray:
        return np.asarray(x @ weights[f"{name}.weight"].T)

    def silu(x: np.ndarray) -> np.ndarray:
        return np.asarray(x / (1 + np.exp(-x)))

    def norm(x: np.ndarray) -> np.ndarray:
        return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5))

    mixed = times("mixer.own", h)
    for unit, kind in units:
        message = times(f"mixer.units.{kind}", math.sqrt(digits) * h[unit].mean(axis=0))
        if model.config.unit_mlp:
            message = times(f"mixer.unit_outs.{kind}", silu(message))
        for cell in unit:
            mixed[cell] += message
    for cell in range(cells):
        message = times("mixer.digits", math.sqrt(digits) * h[cell].mean(axis=0))
        if model.config.unit_mlp:
            message = times("mixer.digits_out", silu(message))
        mixed[cell] += message
    h = norm(h + times("mixer.out", silu(mixed)))
    gate, up = np.split(times("mlp.gate_up_proj", h), 2, axis=-1)
    return norm(h + times("mlp.down_proj", silu(gate) * up))


@pytest.mark.parametrize("unit_mlp", [False, True])
@pytest.mark.parametrize("size", VARIANTS, ids=lambda size: size.task)
def test_a_segment_is_what_the_formula_says(size: Variant, unit_mlp: bool) -> None:
    model = lively(unit_mlp=unit_mlp)
    width, digits = 16, size.side
    given = np.random.default_rng(3).integers(0, digits + 1, size.cells)
    roles = model.roles.detach().double().numpy()
    x = np.array([[roles[0 if d == 0 else 1 if d == f else 2] for f in range(1, digits + 1)] for d in given])
    z_H, z_L = (np.broadcast_to(init.double().numpy(), (size.cells, digits, width)).copy() for init in (model.H_init, model.L_init))
    units = [(unit, int(number >= 2 * digits)) for number, unit in enumerate(size.units.tolist())]
    for _ in range(2):
        for _ in range(2):
            z_L = by_hand(model, "L", z_L + z_H + x, units)
        z_H = by_hand(model, "H", z_H + z_L, units)
    with torch.inference_mode():
        tokens = torch.as_tensor(given[None] + 1)
        state = model.initial_state(1, size.cells)
        found_H, found_L, logits, q = model.segment(*state, model.embed(tokens, torch.zeros(1, dtype=torch.long)))
    assert found_H.shape == (1, *model.config.state_shape(size.cells))
    assert np.abs(found_H[0].reshape(z_H.shape).numpy() - z_H).max() < 1e-5
    assert np.abs(found_L[0].reshape(z_L.shape).numpy() - z_L).max() < 1e-5
    assert np.abs(logits[0, :, 2:].numpy() - z_H @ model.answer.detach().double().numpy()).max() < 1e-5
    assert (logits[0, :, :2] < -1000).all()  # padding and blanks are no answers
    assert q[0, 0] == pytest.approx(float(z_H.mean(axis=(0, 1)) @ model.q_head.weight[0].double().detach().numpy()) - 5, abs=1e-5)


def test_symmetric_copies_are_the_same_puzzle_to_it() -> None:
    model = lively()
    grid = parse(NINE).reshape(9, 9)
    digits = np.array([0, 3, 1, 2, 9, 5, 6, 8, 7, 4])
    rows = np.array([7, 6, 8, 0, 2, 1, 5, 4, 3])  # bands moved, and rows within them

    def logits_of(board: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            tokens = torch.as_tensor(board.reshape(1, 81).astype(np.int64) + 1)
            state = model.initial_state(1, 81)
            x = model.embed(tokens, torch.zeros(1, dtype=torch.long))
            for _ in range(3):
                *state, logits, _ = model.segment(*state, x)
        return logits[0].reshape(9, 9, 11).numpy()

    plain = logits_of(grid)
    assert np.abs(plain).max() > 0.1
    relabelled = logits_of(digits[grid])
    assert np.abs(relabelled[:, :, digits[1:] + 1] - plain[:, :, 2:]).max() < 1e-4
    assert np.abs(logits_of(grid[rows]) - plain[rows]).max() < 1e-4
    assert np.abs(logits_of(grid.T) - plain.transpose(1, 0, 2)).max() < 1e-4


def test_its_checkpoint_is_read_traced_and_evaluated_on_every_size(tmp_path: Path) -> None:
    model = lively(unit_mlp=True)
    save(model, tmp_path / "model", {"q_continue": False})
    found = inspect(tmp_path / "model")
    assert not found.fault
    assert found.parameters == parameter_count(model.config) == sum(p.numel() for p in model.parameters())
    assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == tensor_shapes(model.config)
    loaded = hrm_model.load(tmp_path / "model", device="cpu")
    for puzzle, cells in (("2.......42.11.4.", 16), ("1....2" + "." * 30, 36), (NINE, 81)):
        info = hrm_model.parse_puzzle(puzzle) if cells != 36 else None
        tokens = parse(puzzle).astype(np.int64) + 1
        answers = solve_batch(loaded.model, tokens[None], segments=2)
        assert answers.predictions.min() >= 2
        if info is not None:
            trace = hrm_model.record(loaded, info, segments=2)
            assert trace.z_H is not None
            assert trace.z_H.shape[1:] == model.config.state_shape(cells)
            assert (trace.prediction[-1] == answers.predictions[-1, 0]).all()
    assert hrm_model.evaluate(loaded, ["2.......42.11.4."], segments=2).puzzles == 1
    trace = hrm_model.record(loaded, NINE, segments=1)
    with pytest.raises(MismatchError, match="no attention"):
        attention(loaded.model, trace, 0, 0)
    with pytest.raises(MismatchError, match="reads"):
        loaded.must_read("maze-11x11")
    with pytest.raises(MismatchError, match="121 cells"):
        usual_size(121)


def test_a_jigsaw_has_the_same_weights_and_other_units(tmp_path: Path) -> None:
    save(lively(unit_mlp=True), tmp_path / "model", {"q_continue": False})
    loaded = hrm_model.load(tmp_path / "model", device="cpu")
    cells = "4.....7...8.....13.9..5..6..3.1482.......2............5.7.....6..829...4........."
    regions = "AABBBBBCCDAABBBBCEDAACCCCCEDAFFFCEEEDAAFFFGGEDDDHFFFGEDHHHHHGGEDHIIIIGGEHHIIIIIGG"
    trace = hrm_model.record(loaded, f"{cells} {regions}", segments=2)
    assert trace.puzzle.task == f"sudoku-9x9-{regions}"
    given = np.asarray(trace.puzzle.given)
    model = loaded.model.on(trace.puzzle.task)
    assert model is not loaded.model
    assert next(model.parameters()) is next(loaded.model.parameters())
    jigsaw, usual = (solve_batch(each, given[None], segments=2) for each in (model, loaded.model))
    assert (jigsaw.predictions[-1, 0] == trace.prediction[-1]).all()
    assert not np.allclose(jigsaw.moved, usual.moved)
    assert loaded.model.on("sudoku-9x9") is loaded.model
    assert hrm_model.evaluate(loaded, [f"{cells} {regions}"], segments=2).puzzles == 1
    hrm_model.write_trace(trace, tmp_path / "t.h5")
    assert hrm_model.read_trace(tmp_path / "t.h5", trusted=True).puzzle.task == trace.puzzle.task
    with pytest.raises(MismatchError, match="81 cells"):
        solve_batch(model, np.ones((1, 16), np.int64), segments=1)
    # The first step by the formula, with the regions as boxes.
    size = variant_of_task(trace.puzzle.task)
    units = [(unit, int(number >= 18)) for number, unit in enumerate(size.units.tolist())]
    roles = model.roles.detach().double().numpy()  # type: ignore[union-attr]
    x = np.array([[roles[0 if d == 1 else 1 if d == f + 1 else 2] for f in range(1, 10)] for d in given.tolist()])
    z_H, z_L = (init.double().numpy() for init in (model.H_init, model.L_init))
    wanted = by_hand(model, "L", np.broadcast_to(z_L + z_H, (81, 9, 16)) + x, units)  # type: ignore[arg-type]
    assert np.abs(trace.state_after(0, "L").reshape(81, 9, 16) - wanted).max() < 1e-5


@pytest.mark.parametrize(
    "changes", [{"puzzle_emb_ndim": 16}, {"shared": True}, {"pos_encodings": "rope"}, {"seq_len": 121, "vocab_size": 6}]
)
def test_what_it_cannot_have_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="units"):
        config(**changes)
