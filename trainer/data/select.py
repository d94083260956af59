"""Selects puzzles for a dataset: filters and samples them, and keeps training and test puzzles apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import DatasetError
from hrm_model.tasks.puzzle_files import Puzzles, iter_puzzles


@dataclass(frozen=True)
class PuzzleFilter:
    """Which puzzles, and how many."""

    count: int | None = None  # size of a random sample; None: all
    min_rating: float | None = None
    max_rating: float | None = None

    @property
    def limits(self) -> str:
        """The limits in words."""
        limits = (("at least", self.min_rating), ("at most", self.max_rating))
        words = " and ".join(f"{word} {value:g}" for word, value in limits if value is not None)
        return f"has a rating of {words}" if words else "is left"

    def matches(self, ratings: NDArray[np.float32] | None, number: int) -> NDArray[np.bool_]:
        """(N,) which puzzles are within the limits. A puzzle without a rating is not, if there is a limit."""
        kept = np.ones(number, bool)
        if ratings is not None:
            with np.errstate(invalid="ignore"):
                kept &= (ratings >= self.min_rating) if self.min_rating is not None else True
                kept &= (ratings <= self.max_rating) if self.max_rating is not None else True
        return kept


def sample_file(file: Path, wanted: PuzzleFilter, seed: int) -> Puzzles:
    """A random sample of a file's puzzles, in the file's order, with solutions. Takes memory for the sample only, however long the file is.

    DatasetError names the file if it cannot be read or no puzzle matches.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    kept: Puzzles | None = None
    keys = np.zeros(0)
    try:
        for part in iter_puzzles(file, solve=True):
            fitting = wanted.matches(part.ratings, len(part))
            drawn = rng.random(len(part))  # for every puzzle, so that the sample does not depend on how the file is cut into parts
            if not fitting.any():
                continue
            kept, keys = joined(kept, part[fitting]), np.concatenate([keys, drawn[fitting]])
            if wanted.count is not None and len(keys) > wanted.count:
                best = np.sort(np.argpartition(keys, wanted.count)[: wanted.count])
                kept, keys = kept[best], keys[best]
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None
    if kept is None:
        raise DatasetError(f"{file}: no puzzle {wanted.limits}")
    return kept


def joined(one: Puzzles | None, other: Puzzles) -> Puzzles:
    """Two sets of puzzles of one task in one."""
    if one is None:
        return other
    assert one.solutions is not None
    assert other.solutions is not None
    ratings = None if one.ratings is None or other.ratings is None else np.concatenate([one.ratings, other.ratings])
    return replace(
        one,
        puzzles=np.concatenate([one.puzzles, other.puzzles]),
        solutions=np.concatenate([one.solutions, other.solutions]),
        ratings=ratings,
        sources=one.sources + other.sources,
    )


def without_symmetric(train: Puzzles, test: Puzzles) -> tuple[Puzzles, int]:
    """Training puzzles without those that are symmetric to a test puzzle, and the number left out."""
    shared = np.isin(train.task.classes(train.puzzles), test.task.classes(test.puzzles))
    return train[~shared], int(shared.sum())


def split_test(puzzles: Puzzles, count: int, seed: int) -> tuple[Puzzles, Puzzles, int]:
    """(train, test, left out): `count` random test puzzles, and the others without those that are symmetric to a test puzzle.

    DatasetError if no training puzzle would be left.
    """
    if count >= len(puzzles):
        raise DatasetError(f"{count} test puzzles are too many: there are only {len(puzzles)} puzzles")
    chosen = np.zeros(len(puzzles), bool)
    chosen[np.random.default_rng(np.random.SeedSequence([seed, 4])).permutation(len(puzzles))[:count]] = True
    test = puzzles[chosen]
    train, dropped = without_symmetric(puzzles[~chosen], test)
    if not len(train):
        raise DatasetError("every puzzle is symmetric to a test puzzle; ask for fewer test puzzles")
    return train, test, dropped
