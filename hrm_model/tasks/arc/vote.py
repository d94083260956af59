"""From a model's answers to many copies of ARC tasks to two attempts each: every answer is brought back, and equal ones are counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.tasks.arc.augment import parse_name
from hrm_model.tasks.arc.puzzle import ArcPuzzle, ColourGrid, Pair, decode

ATTEMPTS = 2  # as the ARC prize allows


@dataclass(frozen=True)
class CopyAnswer:
    """A model's answer to one test input of one copy of a task."""

    puzzle: str  # the copy's name in identifiers.json
    input: ColourGrid  # the copy's test input
    tokens: np.ndarray  # (900,)
    q_halt: float = 0.0


@dataclass(frozen=True)
class Candidate:
    """One grid that was answered, the augmentation undone."""

    grid: ColourGrid
    votes: int
    q_halt: float  # mean over those who voted for it


def vote(answers: Iterable[CopyAnswer]) -> dict[tuple[str, bytes], list[Candidate]]:
    """(task, test input as it was before it was augmented: `input_key`) → its answers, the best first: by votes, then by mean q_halt."""
    boxes: dict[tuple[str, bytes], dict[bytes, list[tuple[ColourGrid, float]]]] = {}
    for answer in answers:
        task, by = parse_name(answer.puzzle)
        grid = by.undo(decode(answer.tokens))
        box = boxes.setdefault((task, input_key(by.undo(answer.input))), {})
        box.setdefault(input_key(grid), []).append((grid, answer.q_halt))
    ranked = {}
    for key, box in boxes.items():
        found = [Candidate(cast[0][0], len(cast), float(np.mean([q for _, q in cast]))) for cast in box.values()]
        ranked[key] = sorted(found, key=lambda c: (-c.votes, -c.q_halt))
    return ranked


def input_key(grid: ArrayLike) -> bytes:
    """A key that is equal for equal grids only."""
    array = np.ascontiguousarray(grid, np.int8)
    return bytes(array.shape) + array.tobytes()


def pass_at(tasks: Iterable[ArcPuzzle], ranked: dict[tuple[str, bytes], list[Candidate]], attempts: int = ATTEMPTS) -> float:
    """Share of tasks solved with so many attempts at each test input, as the ARC prize counts: a task's share of test inputs, averaged.

    Tasks with a test output that is not known are left out; NaN if none remains.
    """
    shares = []
    for task in tasks:
        if any(pair.output is None for pair in task.test):
            continue
        right = [
            any(
                pair.output is not None and np.array_equal(c.grid, pair.output)
                for c in ranked.get((task.name, input_key(pair.input)), [])[:attempts]
            )
            for pair in task.test
        ]
        shares.append(np.mean(right))
    return float(np.mean(shares)) if shares else float("nan")


@dataclass(frozen=True)
class PassRates:
    """Tasks solved with one and with two attempts."""

    tasks: int
    at_1: float
    at_2: float


def pass_at_copies(
    names: list[str], inputs: NDArray[np.integer], labels: NDArray[np.integer], answers: NDArray[np.integer], q_halt: NDArray[np.floating]
) -> PassRates:
    """`vote` and `pass_at` straight from a dataset's test split: N examples, tokens (N, 900) each, and their puzzles' names.

    What is right is taken from the labels; examples without one (all padding) vote, and their tasks are not counted.
    """
    cast: list[CopyAnswer] = []
    tests: dict[str, dict[bytes, Pair]] = {}
    for name, given, label, answer, q in zip(names, inputs, labels, answers, q_halt, strict=True):
        board = decode(given)
        cast.append(CopyAnswer(name, board, answer, float(q)))
        task, by = parse_name(name)
        output = decode(label)
        pair = Pair(by.undo(board), by.undo(output) if output.size else None)
        tests.setdefault(task, {})[input_key(pair.input)] = pair
    ranked = vote(cast)
    tasks = [ArcPuzzle(name, (), tuple(pairs.values())) for name, pairs in tests.items()]
    known = sum(all(p.output is not None for p in task.test) for task in tasks)
    return PassRates(known, pass_at(tasks, ranked, 1), pass_at(tasks, ranked, ATTEMPTS))
