"""The maze model against its formula written out cell by cell, on boards of several sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import hrm_model
from hrm_model.checkpoint.format import save
from hrm_model.checkpoint.inspect import inspect
from hrm_model.config import ModelConfig, parameter_count, tensor_shapes
from hrm_model.errors import MismatchError
from hrm_model.make import make_model
from hrm_model.maze_model import Cells, MazeHRM, from_around
from hrm_model.reasoning import reason, solve_batch
from hrm_model.tasks.maze.generator import generate
from hrm_model.tasks.maze.grid import OPEN, PATH, WALL, format_line, in_square
from hrm_model.tasks.maze.varied import generate_shaped, generate_varied


def lively() -> MazeHRM:
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_heads": 1, "H_layers": 1, "L_layers": 1, "swiglu_multiple": 16, "pos_encodings": "none"}
    model = make_model(ModelConfig.model_validate({"mixer": "neighbours", "seq_len": 121, "vocab_size": 6, **sizes}))
    assert isinstance(model, MazeHRM)
    with torch.no_grad():
        model.answer.weight.normal_()
        model.q_head.weight.normal_()
    return model.eval()


def by_hand(model: MazeHRM, level: str, h: np.ndarray) -> np.ndarray:
    """One block on h (rows, columns, D) float64, cell by cell."""
    weights = {k.split("layers.0.")[1]: v.double().numpy() for k, v in model.state_dict().items() if k.startswith(f"{level}_level")}
    rows, columns, _ = h.shape

    def times(name: str, x: np.ndarray) -> np.ndarray:
        return np.asarray(x @ weights[f"{name}.weight"].T)

    def silu(x: np.ndarray) -> np.ndarray:
        return np.asarray(x / (1 + np.exp(-x)))

    def norm(x: np.ndarray) -> np.ndarray:
        return np.asarray(x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5))

    mixed = times("mixer.own", h)
    for r in range(rows):
        for c in range(columns):
            for name, (y, x) in {"above": (r - 1, c), "left": (r, c - 1), "right": (r, c + 1), "below": (r + 1, c)}.items():
                if 0 <= y < rows and 0 <= x < columns:
                    mixed[r, c] += times(f"mixer.{name}", h[y, x])
    h = norm(h + times("mixer.out", silu(mixed)))
    gate, up = np.split(times("mlp.gate_up_proj", h), 2, axis=-1)
    return norm(h + times("mlp.down_proj", silu(gate) * up))


@pytest.mark.parametrize("side", [5, 8])
def test_a_segment_is_what_the_formula_says(side: int) -> None:
    model = lively()
    maze = generate(side, 1, np.random.default_rng(2))[0][0]
    x = model.roles.detach().double().numpy()[maze.astype(int) - WALL].reshape(side, side, -1)
    z_H, z_L = (np.broadcast_to(init.double().numpy(), x.shape).copy() for init in (model.H_init, model.L_init))
    for _ in range(2):
        for _ in range(2):
            z_L = by_hand(model, "L", z_L + z_H + x)
        z_H = by_hand(model, "H", z_H + z_L)
    with torch.inference_mode():
        tokens = torch.as_tensor(maze[None].astype(np.int64))
        state = model.initial_state(1, side * side)
        found_H, found_L, logits, q = model.segment(*state, model.embed(tokens, torch.zeros(1, dtype=torch.long)))
    assert found_H.shape == (1, *model.config.state_shape(side * side))
    assert np.abs(found_H[0].reshape(x.shape).numpy() - z_H).max() < 1e-5
    assert np.abs(found_L[0].reshape(x.shape).numpy() - z_L).max() < 1e-5
    assert q[0, 0] == pytest.approx(float(z_H.mean(axis=(0, 1)) @ model.q_head.weight[0].double().detach().numpy()) - 5, abs=1e-5)
    on_path = (z_H @ model.answer.weight[0].double().detach().numpy()).ravel() > 0
    wanted = np.where(maze == OPEN, np.where(on_path, PATH, OPEN), maze)  # what was given is repeated
    assert (logits[0].argmax(dim=-1).numpy() == wanted).all()


def test_its_checkpoint_is_read_and_reasons_on_every_square(tmp_path: Path) -> None:
    model = lively()
    save(model, tmp_path / "model", {"q_continue": False})
    found = inspect(tmp_path / "model")
    assert not found.fault
    assert parameter_count(model.config) == sum(p.numel() for p in model.parameters())
    assert {n: tuple(t.shape) for n, t in model.state_dict().items()} == tensor_shapes(model.config)
    loaded = hrm_model.load(tmp_path / "model", device="cpu")
    for side in (5, 12):
        maze = format_line(generate(side, 1, np.random.default_rng(4))[0][0])
        trace = hrm_model.record(loaded, maze, segments=2)
        assert math.isqrt(trace.prediction.shape[1]) == side
        assert hrm_model.solve(loaded, maze, segments=2).segments == 2
    assert hrm_model.evaluate(loaded, [maze], segments=2).puzzles == 1
    with pytest.raises(MismatchError, match="reads"):
        loaded.must_read("sudoku-9x9")
    with pytest.raises(MismatchError, match="120 cells"):
        model.vocabulary(120)


def test_a_rectangle_is_computed_as_if_its_cells_were_alone() -> None:
    """Beyond its edge there is nothing: the same states, whatever it lies in and goes together with."""
    model = lively()
    rows, columns = 4, 7
    cells = generate_shaped((rows, columns), 1, np.random.default_rng(5))[0][0].reshape(columns, columns)[:rows]
    x = model.roles.detach().double().numpy()[cells.astype(int) - WALL]
    z_H, z_L = (np.broadcast_to(init.double().numpy(), x.shape).copy() for init in (model.H_init, model.L_init))
    for _ in range(2):
        for _ in range(2):
            z_L = by_hand(model, "L", z_L + z_H + x)
        z_H = by_hand(model, "H", z_H + z_L)
    other = generate(9, 1, np.random.default_rng(6))[0][0]
    for side, more in ((7, []), (9, [other])):
        tokens = torch.as_tensor(np.stack([in_square(cells, side), *more]).astype(np.int64))
        with torch.inference_mode():
            given = model.embed(tokens, torch.zeros(len(tokens), dtype=torch.long))
            found, _, logits, q = model.segment(*model.initial_state(len(tokens), side * side), given)
        board = found[0].reshape(side, side, -1).numpy()
        assert np.abs(board[:rows, :columns] - z_H).max() < 1e-5
        assert not board[rows:].any()
        assert not board[:, columns:].any()
        assert (logits[0].argmax(dim=-1)[tokens[0] == 0] == 0).all()
        assert q[0, 0] == pytest.approx(float(z_H.mean(axis=(0, 1)) @ model.q_head.weight[0].double().detach().numpy()) - 5, abs=1e-5)


def test_a_trace_of_a_rectangle_ends_with_the_answer_of_a_batch() -> None:
    model = lively()
    puzzles, _ = generate_shaped((6, 4), 3, np.random.default_rng(7))
    tokens = puzzles.astype(np.int64)
    together = solve_batch(model, tokens, segments=3)
    for k, maze in enumerate(tokens):
        last = list(reason(model, maze, segments=3))[-1]
        assert last.prediction is not None
        assert (last.prediction == together.predictions[-1, k]).all()


def test_gradients_of_the_mixing_are_those_of_its_formula() -> None:
    puzzles, _ = generate_varied((3, 5), 3, np.random.default_rng(0))
    around = Cells.of(torch.as_tensor(puzzles != 0)).around
    torch.manual_seed(0)
    h, weights = torch.randn(len(around), 3, dtype=torch.double), torch.randn(15, 3, dtype=torch.double)
    assert torch.autograd.gradcheck(lambda h, w: from_around(h, w, around), (h.requires_grad_(), weights.requires_grad_()))


def test_gradients_do_not_depend_on_the_square_that_mazes_lie_in() -> None:
    puzzles, _ = generate_varied((4, 6), 4, np.random.default_rng(1), side=6)
    found = []
    for side in (6, 11):
        model = lively()
        tokens = torch.as_tensor(in_square(puzzles.reshape(4, 6, 6), side).astype(np.int64))
        x = model.embed(tokens, torch.zeros(4, dtype=torch.long))
        z_H, _, _, q = model.segment(*model.initial_state(4, side * side), x)
        (model.cell_answers(z_H)[tokens > 0].square().sum() + q.sum()).backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], rtol=1e-4, atol=1e-4 * float(gradient.abs().max())), name
