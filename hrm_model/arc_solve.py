"""A model's two attempts at an ARC task: it answers many copies of each test input, and the answers vote (`tasks/arc/vote.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hrm_model.errors import MismatchError
from hrm_model.model import HRM
from hrm_model.reasoning import solve_batch
from hrm_model.tasks.arc.augment import Augmentation, augmented, distinct_augmentations, encode_pair, parse_name
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair
from hrm_model.tasks.arc.vote import Candidate, CopyAnswer, input_key, vote


def copies_of(puzzle: ArcPuzzle, identifiers: Iterable[tuple[int, str]], count: int, seed: int = 0) -> list[tuple[int, Augmentation]]:
    """Up to `count` copies of a task, each with its puzzle number: those that the model was trained on, by numbers and names of identifiers.json.

    A task that is not named there has no vector of its own; its copies are random and use number 0. The task itself comes first.
    """
    known = [(number, by) for number, name in identifiers for task, by in (parse_name(name),) if task == puzzle.name]
    if known:
        return sorted(known, key=lambda pair: (pair[1] != Augmentation(), pair[0]))[:count]
    random = distinct_augmentations(puzzle, count - 1, np.random.default_rng(seed))
    return [(0, by) for by in (Augmentation(), *random)]


def solve_task(
    model: HRM, puzzle: ArcPuzzle, copies: Sequence[tuple[int, Augmentation]], *, segments: int = 16, batch: int = 32
) -> list[list[Candidate]]:
    """For each test input its candidates, the best first; the ARC prize takes the first two. MismatchError if the model has no vector of a number."""
    rows = model.config.num_puzzle_identifiers
    for number, by in copies:
        if number >= rows:
            raise MismatchError(f"{by.name(puzzle.name)} is puzzle {number}; the model has vectors for {rows}")
    asked = [
        (number, by, encode_pair(Pair(pair.input, None))[0], pair.input)
        for number, by in copies
        for pair in augmented(ArcPuzzle(puzzle.name, (), puzzle.test), by).test
    ]
    answers = []
    for start in range(0, len(asked), batch):
        some = asked[start : start + batch]
        found = solve_batch(model, np.stack([tokens for _, _, tokens, _ in some]), segments=segments, puzzle_ids=[n for n, *_ in some])
        for (_, by, _, given), tokens, q in zip(some, found.predictions[-1], found.q_halt[-1], strict=True):
            answers.append(CopyAnswer(by.name(puzzle.name), given, tokens, float(q)))
    ranked = vote(answers)
    return [ranked[(puzzle.name, input_key(pair.input))] for pair in puzzle.test]
