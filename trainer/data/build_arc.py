"""ARC tasks as the splits of a dataset, as published: each task is a group of augmented copies, and each copy has a name of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import DatasetError
from hrm_model.tasks.arc import puzzle as arc
from hrm_model.tasks.arc.augment import Augmentation, augmented, distinct_augmentations, encode_pair
from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair
from trainer.data.build import BLANK, ExampleSource, Sizes


@dataclass(frozen=True)
class _Group:
    """A task's pairs in one split, and the copies to make of them."""

    task: str
    pairs: tuple[Pair, ...]
    copies: tuple[Augmentation, ...]  # the first one changes nothing
    first_identifier: int


class ArcSource(ExampleSource):
    """One split of ARC tasks."""

    seq_len, vocab_size = arc.CELLS, arc.VOCAB_SIZE

    def __init__(self, groups: list[_Group], seed: int, translate: bool) -> None:
        self.groups, self.seed, self.translate = groups, seed, translate

    def sizes(self) -> Sizes:
        puzzles = [(len(g.pairs), g.first_identifier + k) for g in self.groups for k in range(len(g.copies))]
        examples, identifiers = (np.array(column, np.intp) for column in zip(*puzzles, strict=True))
        return Sizes(np.array([len(g.copies) for g in self.groups], np.intp), examples, identifiers)

    def rows(self, begin: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        encoded = [row for number in range(begin, end) for row in self._group(number)]
        inputs, labels = zip(*encoded, strict=True)
        return np.stack(inputs), np.stack(labels)

    def _group(self, number: int) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        group, rng = self.groups[number], np.random.default_rng(np.random.SeedSequence([self.seed, 2, number]))
        made = []
        for by in group.copies:
            copy = augmented(ArcPuzzle(group.task, group.pairs, ()), by).train
            still = int(rng.integers(len(copy)))  # one example of each copy is not moved from the corner
            made += [encode_pair(pair, rng if self.translate and i != still else None) for i, pair in enumerate(copy)]
        return made


def arc_sources(
    training: list[ArcPuzzle], evaluation: list[ArcPuzzle], copies: int, seed: int
) -> tuple[dict[str, ExampleSource], list[str]]:
    """The splits, and the names of all copies (identifiers.json).

    `train` has all pairs of the training tasks and the demonstrations of the evaluation tasks, moved on the board. `test` has the test
    pairs of the evaluation tasks. DatasetError if two tasks have the same name, or if there is no task.
    """
    names = [BLANK]
    train, test = [], []
    known = [p.name for p in (*evaluation, *training)]
    if not known:
        raise DatasetError("there are no ARC tasks to build a dataset from")
    if len(set(known)) < len(known):
        twice = next(name for name in known if known.count(name) > 1)
        raise DatasetError(f"the task {twice!r} appears twice; training and evaluation tasks must differ")
    for number, puzzle in enumerate((*evaluation, *training)):
        found = distinct_augmentations(puzzle, copies, np.random.default_rng(np.random.SeedSequence([seed, 1, number])))
        all_copies = (Augmentation(), *found)
        judged = number < len(evaluation)
        pairs = puzzle.train if judged else puzzle.train + tuple(p for p in puzzle.test if p.output is not None)
        train.append(_Group(puzzle.name, pairs, all_copies, len(names)))
        if judged:
            test.append(_Group(puzzle.name, puzzle.test, all_copies, len(names)))
        names += [puzzle.name, *(by.name(puzzle.name) for by in found)]
    sources: dict[str, ExampleSource] = {"train": ArcSource(train, seed, translate=True)}
    if test:
        sources["test"] = ArcSource(test, seed, translate=False)
    return sources, names
