"""`python -m training.maze_halting CHECKPOINT FOLDER [--margin 4]`: give a maze model a Q head that says whether its answer is right.

A logistic regression of "the whole answer is right" on the mean of z_H over the cells, after each of 40 segments on 250 generated mazes of 5 to 25
cells a side. `--margin` is subtracted from it: the model then stops later and is more often right. All other weights stay as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import hrm_model
from hrm_model.checkpoint.format import save
from hrm_model.maze_model import MazeHRM
from hrm_model.tasks.base import Grids
from hrm_model.tasks.maze.grid import is_right, shape_of
from hrm_model.tasks.maze.varied import generate_varied

SIDES, SEGMENTS = (5, 25), 40
_AT_ONCE = 50


def collected(model: MazeHRM, puzzles: Grids) -> tuple[Tensor, Tensor]:
    """Of mazes (N, S): means of z_H (segments, N, D) and whether the whole answer is right (segments, N) after each segment."""
    means, right = [], []
    side = round(puzzles.shape[1] ** 0.5)
    puzzles = puzzles[np.argsort((puzzles != 0).sum(axis=1))]
    for begin in range(0, len(puzzles), _AT_ONCE):
        some = puzzles[begin : begin + _AT_ONCE]
        used = max(max(shape_of(puzzle)) for puzzle in some)  # a smaller square, if it holds them all
        some = np.ascontiguousarray(some.reshape(-1, side, side)[:, :used, :used].reshape(len(some), -1))
        tokens = torch.as_tensor(some.astype(np.int64))
        found_means, found_right = [], []
        with torch.inference_mode():
            x = model.embed(tokens, torch.zeros(len(some), dtype=torch.long))
            z_H, z_L = model.initial_state(len(some), some.shape[1])
            for _ in range(SEGMENTS):
                z_H, z_L, logits, _ = model.segment(z_H, z_L, x)
                found_means.append(z_H.sum(dim=1) / (tokens != 0).sum(dim=1, keepdim=True))
                found_right.append(torch.as_tensor(is_right(logits.argmax(dim=-1).numpy().astype(np.int8), some)))
        means.append(torch.stack(found_means))
        right.append(torch.stack(found_right))
    return torch.cat(means, dim=1), torch.cat(right, dim=1)


def fitted(means: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Weights (D,) and bias of the regression; wrong answers count twice."""
    x, y = means.flatten(0, 1).double(), right.flatten().double()
    middle, spread = x.mean(dim=0), x.std(dim=0) + 1e-9
    weights, bias = (torch.zeros(n, dtype=torch.double, requires_grad=True) for n in (x.shape[1], 1))
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=400, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        of_all = F.binary_cross_entropy_with_logits(((x - middle) / spread) @ weights + bias, y, weight=2 - y)
        total = of_all + 1e-5 * weights.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    scaled = (weights / spread).detach()
    return scaled, (bias.detach() - (scaled * middle).sum())


def halting(q: Tensor, right: Tensor) -> str:
    """How good q_halt (segments, N) is: right where it would halt, after how many segments, how often never."""
    halts = q > 0
    at = torch.where(halts.any(dim=0), halts.int().argmax(dim=0), len(q) - 1)
    share = right[at, torch.arange(right.shape[1])].float().mean()
    return (
        f"right where it halts {share:.1%}, after {(at + 1).float().mean():.1f} segments, never {1 - halts.any(dim=0).float().mean():.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path, help="the folder of the new checkpoint")
    parser.add_argument("--margin", type=float, default=4.0)
    parser.add_argument("--mazes", type=int, default=250, help="to fit to; 100 others are judged")
    given = parser.parse_args()
    torch.set_num_threads(1)
    loaded = hrm_model.load(given.checkpoint, device="cpu")
    model = loaded.model
    assert isinstance(model, MazeHRM), "only maze models of every size"
    weights, bias = fitted(*collected(model, generate_varied(SIDES, given.mazes, np.random.default_rng(77))[0]))
    means, right = collected(model, generate_varied(SIDES, 100, np.random.default_rng(78))[0])
    head = model.q_head
    assert head.bias is not None
    print("before:", halting(means @ head.weight[0].detach() + head.bias[0].detach(), right))
    with torch.no_grad():
        head.weight[0] = weights.float()
        head.bias[0] = bias.float() - given.margin
        for less in range(0, 6):  # what other margins would give
            print(f"margin {less}:", halting(means @ head.weight[0] + head.bias[0] + given.margin - less, right))
    save(model, given.folder, {"q_continue": False, "title": loaded.title})


if __name__ == "__main__":
    main()
