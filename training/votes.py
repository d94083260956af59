"""`python -m training.votes MODEL FILE … [--ensemble CHECKPOINT …] [--limit 300] [--copies 8]`: how much several tries at each puzzle help.

Relabellings: the puzzle and symmetric copies of it, with answers mapped back (arXiv 2601.19085). Kicks: runs from initial states with added
Gaussian noise (2605.21488). Ensemble: the model and these checkpoints, one try each. The tries vote; if votes are equal, the highest q_halt
wins. The last column takes the answer with the highest q_halt without a vote. The rows are those of a model card.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.assets import find_model
from hrm_model.checkpoint.format import load
from hrm_model.model import HRM
from hrm_model.reasoning import solve_batch
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.base import Task
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named

Tries = tuple[NDArray[Any], NDArray[Any]]  # answers (K, N, S) as tokens, q_halt (K, N)
COUNTS = (1, 2, 4, 8, 16, 32)


def think(model: HRM, tokens: NDArray[Any], segments: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Answers (N, S) and q_halt (N,) after so many segments."""
    found = solve_batch(model, tokens, segments=segments)
    return found.predictions[-1], found.q_halt[-1]


def stacked(found: list[tuple[NDArray[Any], NDArray[Any]]]) -> Tries:
    return np.stack([a for a, _ in found]), np.stack([q for _, q in found])


def relabelled(model: HRM, task: str, tokens: NDArray[Any], copies: int, segments: int) -> Tries:
    found, rng = [], np.random.default_rng(0)
    for k in range(copies):
        changes = [random_relabelling(task, rng) if k else None for _ in tokens]
        answers, q = think(model, np.stack([c.apply(t) if c else t for c, t in zip(changes, tokens, strict=True)]), segments)
        back = [c.back(a) if c else a for c, a in zip(changes, answers, strict=True)]
        found.append((np.stack(back), q))
    return stacked(found)


def kicked(model: HRM, tokens: NDArray[Any], copies: int, segments: int, noise: float) -> Tries:
    """The first try from the model's own first states, the others from these states plus noise of this standard deviation (the paper's is 1)."""
    torch.manual_seed(0)
    usual = model.initial_state

    def away(count: int, cells: int | None = None) -> tuple[Tensor, Tensor]:
        z_H, z_L = usual(count, cells)
        return z_H + noise * torch.randn_like(z_H), z_L + noise * torch.randn_like(z_L)

    found = [think(model, tokens, segments)]
    model.initial_state = away  # type: ignore[method-assign]
    try:
        found += [think(model, tokens, segments) for _ in range(copies - 1)]
    finally:
        model.initial_state = usual  # type: ignore[method-assign]
    return stacked(found)


def voted(answers: NDArray[Any], q: NDArray[Any]) -> NDArray[Any]:
    """(K, N, S), (K, N) → (N, S) the answer that most tries give; if several do, the one with the highest q_halt."""
    same = (answers[:, None] == answers[None]).all(axis=-1).sum(axis=1)  # (K, N) tries that agree with each
    best = np.lexsort((q, same), axis=0)[-1]
    return answers[best, np.arange(answers.shape[1])]


def row(name: str, tries: Tries, task: Task, puzzles: NDArray[Any], solutions: NDArray[Any], counts: list[int]) -> str:
    """A row of the card: the share solved by a vote of the first 1, 2 … tries, and by the answer with the highest q_halt."""
    answers, q = tries

    def share(found: NDArray[Any]) -> str:
        right = task.right(task.from_tokens(found), puzzles, solutions)
        low, high = wilson(int(right.sum()), len(right))
        return f"{right.mean():.1%} ({low:.1%} – {high:.1%})"

    by_halt = answers[q.argmax(axis=0), np.arange(answers.shape[1])]
    cells = [share(voted(answers[:k], q[:k])) if k <= len(answers) else "–" for k in counts]
    return f"| {' | '.join([name, *cells, share(by_halt)])} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--ensemble", nargs="*", default=[], metavar="CHECKPOINT", help="models that try once each, after MODEL")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--copies", type=int, default=8, help="relabellings and kicks of each puzzle; 1: none")
    parser.add_argument("--segments", type=int, default=64)
    parser.add_argument("--noise", type=float, nargs="*", default=[1.0])
    given = parser.parse_args()
    model, others = load(find_model(given.model)), [load(find_model(name)) for name in given.ensemble]
    name = model.config.task
    task = task_named(name)
    counts = [k for k in COUNTS if k <= max(given.copies, 1 + len(others))]
    print("| set, tries | " + " | ".join(f"{k} tries" if k > 1 else "1 try" for k in counts) + " | all, by the highest q_halt alone |")
    print("|" + "---|" * (len(counts) + 2))
    for file in given.files:
        read = read_puzzles(file, solve=True, limit=given.limit)
        assert read.solutions is not None
        tokens = np.asarray(task.to_tokens(read.puzzles))
        ways: dict[str, Callable[[], Tries]] = {}
        if given.copies > 1:
            ways["relabellings"] = lambda t=tokens: relabelled(model, name, t, given.copies, given.segments)  # type: ignore[misc]
            for s in given.noise:
                ways[f"kicks of {s:g}"] = lambda t=tokens, s=s: kicked(model, t, given.copies, given.segments, s)  # type: ignore[misc]
        if others:
            ways["ensemble"] = lambda t=tokens: stacked([think(m, t, given.segments) for m in (model, *others)])  # type: ignore[misc]
        for way, tries in ways.items():
            print(row(f"{file.stem} ({len(tokens)}), {way}", tries(), task, read.puzzles, read.solutions, counts), flush=True)


if __name__ == "__main__":
    main()
