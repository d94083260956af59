"""Initial weights that attend to neighbouring cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hrm_model.config import ModelConfig
from hrm_model.tasks.registry import task_named
from tests.support.runs import small
from trainer.config import PuzzleSet, RunConfig
from trainer.data.batches import Batches, make_pool
from trainer.initial_weights import NEIGHBOURS
from trainer.loop import Trainer

MAZE = ModelConfig(
    seq_len=121, vocab_size=6, hidden_size=128, num_heads=4, H_layers=1, L_layers=1, swiglu_multiple=64, pos_encodings="rope2d",
    rope_theta=0.3, puzzle_emb_ndim=128, gradient="all",
)  # fmt: skip


def maze_run(**changes: object) -> RunConfig:
    plain = small().model_dump() | {
        "task": "maze-11x11", "model": MAZE, "puzzles": [PuzzleSet(min_path=4, count=32)], "evaluation": [], "start": "neighbours", "dtype": "float32",
    }  # fmt: skip
    return RunConfig.model_validate(plain | changes)


@pytest.mark.parametrize(("begin", "least", "most"), [("neighbours", 0.5, 1.0), ("random", 0.0, 0.2)])
def test_heads_begin_by_attending_to_neighbours(begin: str, least: float, most: float) -> None:
    config = maze_run(start=begin)
    model = Trainer(config, Batches(config, *make_pool(config))).model
    puzzles = task_named("maze-11x11").generate(4, np.random.default_rng(3), min_path=8)[0]
    with torch.no_grad():
        x = model.embed(torch.from_numpy(puzzles.astype(np.int64)), torch.zeros(4, dtype=torch.long))
        z_H, z_L = model.initial_state(4)
        rotary = (model.rotary_cos, model.rotary_sin)
        for _ in range(2):  # it still holds after the first step
            q, k, _v = model.L_level.layers[0].self_attn.queries_keys_values(z_L + z_H + x, rotary)
            share = (torch.einsum("bqhk,bmhk->bhqm", q, k) * q.shape[-1] ** -0.5).softmax(dim=-1)
            for head, (rows, columns) in enumerate(NEIGHBOURS):
                inner = [1 + 11 * r + c for r in range(1, 10) for c in range(1, 10)]
                seen = share[:, head, inner, [cell + 11 * rows + columns for cell in inner]].mean()
                assert least <= seen <= most
            z_L = model.L_level(z_L, z_H + x, rotary)


def test_a_model_that_cannot_start_with_neighbours_is_refused() -> None:
    with pytest.raises(ValueError, match="rope2d"):
        maze_run(model=MAZE.model_copy(update={"pos_encodings": "learned"}))
    with pytest.raises(ValueError, match="four heads; the model has 2"):
        maze_run(model=MAZE.model_copy(update={"num_heads": 2}))
