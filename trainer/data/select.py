"""Which puzzles of a file, or of a generator, go into a dataset: filtered, sampled, and train kept apart from test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hrm_model.errors import DatasetError
from hrm_model.tasks.puzzle_files import Puzzles, iter_puzzles


@dataclass(frozen=True)
class PuzzleFilter:
    """Of which puzzles, and how many."""

    count: int | None = None  # a random sample of so many; none: all
    min_rating: float | None = None
    max_rating: float | None = None

    def fits(self, ratings: NDArray[np.float32] | None, number: int) -> NDArray[np.bool_]:
        """(N,) which puzzles are as hard as asked; one without a rating is not, where one is asked for."""
        kept = np.ones(number, bool)
        if ratings is not None:
            with np.errstate(invalid="ignore"):
                kept &= (ratings >= self.min_rating) if self.min_rating is not None else True
                kept &= (ratings <= self.max_rating) if self.max_rating is not None else True
        return kept


def sample_file(file: Path, wanted: PuzzleFilter, seed: int) -> Puzzles:
    """A random sample of a file's puzzles, in the file's order, with solutions. Memory is that of the sample, however long the file.

    DatasetError names the file where it cannot be read or no puzzle is left.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    kept: Puzzles | None = None
    keys = np.zeros(0)
    try:
        for part in iter_puzzles(file, solve=True):
            fitting = wanted.fits(part.ratings, len(part))
            drawn = rng.random(len(part))  # for all of them, so that a sample does not depend on how the file is cut
            if not fitting.any():
                continue
            kept, keys = joined(kept, part[fitting]), np.concatenate([keys, drawn[fitting]])
            if wanted.count is not None and len(keys) > wanted.count:
                best = np.sort(np.argpartition(keys, wanted.count)[: wanted.count])
                kept, keys = kept[best], keys[best]
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None
    if kept is None:
        raise DatasetError(f"{file}: no puzzle is as asked (rating {wanted.min_rating} to {wanted.max_rating})")
    return kept


def joined(one: Puzzles | None, other: Puzzles) -> Puzzles:
    """Two sets of one task, one after the other."""
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
    """Training puzzles without those that are symmetric to a test puzzle, and how many these were."""
    shared = np.isin(train.task.classes(train.puzzles), test.task.classes(test.puzzles))
    return train[~shared], int(shared.sum())


def split_test(puzzles: Puzzles, count: int, seed: int) -> tuple[Puzzles, Puzzles, int]:
    """(train, test, dropped): `count` random puzzles, and the rest without those symmetric to one of them, which are so many.

    DatasetError where nothing would be left.
    """
    if count >= len(puzzles):
        raise DatasetError(f"{count} test puzzles were asked for; there are {len(puzzles)} puzzles in all")
    chosen = np.zeros(len(puzzles), bool)
    chosen[np.random.default_rng(np.random.SeedSequence([seed, 4])).permutation(len(puzzles))[:count]] = True
    test = puzzles[chosen]
    train, dropped = without_symmetric(puzzles[~chosen], test)
    if not len(train):
        raise DatasetError("every puzzle is symmetric to one of the test puzzles; ask for fewer of these")
    return train, test, dropped
