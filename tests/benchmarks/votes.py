"""`python -m tests.benchmarks.votes MODEL FILE … [--limit 300] [--copies 8]`: what more tries at a puzzle bring, as rows of a card's table.

Relabellings: the puzzle as it is and symmetric copies of it, answers mapped back (arXiv 2601.19085). Kicks: rollouts whose first states
are moved by Gaussian noise (2605.21488). The answer is that which most tries give, of equals the one whose q_halt is highest; or that
with the highest q_halt alone. `any` says how often some try was right, which no vote can exceed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hrm_model.analysis_survey import wilson
from hrm_model.assets import find_model
from hrm_model.checkpoint import load
from hrm_model.model import HRM
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.base import Task
from hrm_model.tasks.find import task_named
from hrm_model.tasks.puzzle_files import read_puzzles

Tries = tuple[NDArray[Any], NDArray[Any]]  # answers (K, N, S) as tokens, q_halt (K, N)


def think(model: HRM, tokens: NDArray[Any], segments: int, noise: float = 0.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Answers (B, S) and q_halt (B,) after so many segments; the first states moved by noise of this deviation (theirs is 1)."""
    with torch.inference_mode():
        x = model.embed(torch.as_tensor(tokens.astype(np.int64)), torch.zeros(len(tokens), dtype=torch.long))
        z_H, z_L = (z.expand(len(tokens), *x.shape[1:]) for z in model.initial_state(len(tokens)))
        if noise:
            z_H, z_L = z_H + noise * torch.randn_like(x), z_L + noise * torch.randn_like(x)
        for _ in range(segments):
            z_H, z_L, logits, q = model.segment(z_H, z_L, x)
    return logits.argmax(dim=-1).numpy(), q[:, 0].float().numpy()


def relabelled(model: HRM, task: str, tokens: NDArray[Any], copies: int, segments: int) -> Tries:
    answers, halts = [], []
    rng = np.random.default_rng(0)
    for k in range(copies):
        changes = [random_relabelling(task, rng) if k else None for _ in tokens]
        found, q = think(model, np.stack([c.apply(t) if c else t for c, t in zip(changes, tokens, strict=True)]), segments)
        # Undone: token back to what it was, cell back to where it came from.
        back = [np.argsort(c.tokens)[a][np.argsort(c.cells)] if c else a for c, a in zip(changes, found, strict=True)]
        answers.append(np.stack(back))
        halts.append(q)
    return np.stack(answers), np.stack(halts)


def kicked(model: HRM, tokens: NDArray[Any], copies: int, segments: int, noise: float) -> Tries:
    torch.manual_seed(0)
    found = [think(model, tokens, segments, noise if k else 0.0) for k in range(copies)]
    return np.stack([a for a, _ in found]), np.stack([q for _, q in found])


def voted(answers: NDArray[Any], q: NDArray[Any]) -> NDArray[Any]:
    """(K, N, S), (K, N) → (N, S) the answer that most tries give, of equals the one with the highest q_halt."""
    same = (answers[:, None] == answers[None]).all(axis=-1).sum(axis=1)  # (K, N) tries that agree with each
    best = np.lexsort((q, same), axis=0)[-1]
    return answers[best, np.arange(answers.shape[1])]


def rows(name: str, tries: Tries, task: Task, puzzles: NDArray[Any], solutions: NDArray[Any]) -> None:
    answers, q = tries
    index = np.arange(answers.shape[1])
    right = np.stack([task.right(task.from_tokens(a), puzzles, solutions) for a in answers])
    counts = [k for k in (1, 2, 4, 8, 16, 32) if k <= len(answers)]

    def share(values: NDArray[Any]) -> str:
        low, high = wilson(int(values.sum()), len(values))
        return f"{values.mean():.1%} ({low:.1%} – {high:.1%})"

    for k in counts:
        by_vote = task.right(task.from_tokens(voted(answers[:k], q[:k])), puzzles, solutions)
        by_halt = right[q[:k].argmax(axis=0), index]
        print(f"| {name} | {k} | {share(by_vote)} | {share(by_halt)} | {share(right[:k].any(axis=0))} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--segments", type=int, default=64)
    parser.add_argument("--noise", type=float, nargs="*", default=[1.0])
    given = parser.parse_args()
    model = load(find_model(given.model))
    model.eval()
    name = model.config.task
    task = task_named(name)
    print("| set, tries | of each puzzle | most frequent answer | highest q_halt | any |\n|---|---|---|---|---|")
    for file in given.files:
        read = read_puzzles(file, solve=True, limit=given.limit)
        assert read.solutions is not None
        tokens = np.asarray(task.to_tokens(read.puzzles))
        for told, tries in [
            ("relabellings", lambda t=tokens: relabelled(model, name, t, given.copies, given.segments)),
            *((f"kicks of {s:g}", lambda t=tokens, s=s: kicked(model, t, given.copies, given.segments, s)) for s in given.noise),
        ]:
            rows(f"{file.stem} ({len(tokens)}), {told}", tries(), task, read.puzzles, read.solutions)


if __name__ == "__main__":
    main()
