"""A dataset in the published layout: its size, and its puzzles group by group. Reads little at a time; no Qt.

Shapes: S cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrm_model.tasks.arc.puzzle import ArcPuzzle, Pair, grid_on
from hrm_model.tasks.base import Grid, Task
from trainer.data.published import Dataset, Split

MOST_PUZZLES = 48  # shown of a group; a thousand copies would show nothing more
MOST_EXAMPLES = 24  # of a puzzle


@dataclass(frozen=True)
class Example:
    """What a model reads and what it should answer, (S,) each. Cells that do not count are 0."""

    given: Grid
    wanted: Grid


@dataclass(frozen=True)
class ShownPuzzle:
    """One puzzle of a group: the first is the puzzle itself, the others are its augmented copies."""

    number: int  # in the split
    name: str  # of its identifier; '' if it has none of its own
    examples: tuple[Example, ...]
    all_examples: int


def as_arc(puzzle: ShownPuzzle, at: int) -> tuple[ArcPuzzle, Pair]:
    """An ARC puzzle of a dataset as a task: one example is the test, the others are demonstrations."""
    pairs = [Pair(grid_on(e.given), grid_on(e.wanted) if e.wanted.any() else None) for e in puzzle.examples]
    return ArcPuzzle(puzzle.name, tuple(p for p in pairs if p is not pairs[at] and p.output is not None), (pairs[at],)), pairs[at]


@dataclass(frozen=True)
class Group:
    number: int
    puzzles: tuple[ShownPuzzle, ...]
    all_puzzles: int


class DatasetView:
    """DatasetError if the folder is not a dataset, or its boards fit no known task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = Dataset(folder)
        self.task: Task = self.dataset.task

    @property
    def splits(self) -> list[str]:
        return list(self.dataset.splits)

    def split(self, name: str) -> Split:
        return self.dataset.splits[name]

    def facts(self, name: str) -> str:
        """'1,000 groups · 1,001,000 puzzles · 1,001,000 examples'."""
        split = self.split(name)
        counts = ((split.groups, "group"), (split.puzzles, "puzzle"), (split.examples, "example"))
        return " · ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)

    def group(self, name: str, number: int) -> Group:
        """A group with its first puzzles and their first examples. DatasetError if a number in it is not a token."""
        split = self.split(name)
        first, end = (int(k) for k in split.group_indices[number : number + 2])
        puzzles = tuple(self._puzzle(split, k) for k in range(first, min(end, first + MOST_PUZZLES)))
        return Group(number, puzzles, end - first)

    def _puzzle(self, split: Split, number: int) -> ShownPuzzle:
        first, end = (int(k) for k in split.puzzle_indices[number : number + 2])
        inputs, labels = split.rows(np.arange(first, min(end, first + MOST_EXAMPLES)))
        asked = split.metadata.ignore_label_id
        labels = np.where(labels == asked, split.metadata.pad_id, labels) if asked is not None else labels
        identifier, names = int(split.identifiers[number]), self.dataset.identifiers
        own = identifier != split.metadata.blank_identifier_id
        name = (names[identifier] if identifier < len(names) else f"identifier {identifier}") if own else ""
        pairs = zip(self.task.from_tokens(inputs), self.task.from_tokens(labels), strict=True)
        return ShownPuzzle(number, name, tuple(Example(given, wanted) for given, wanted in pairs), end - first)

    def find(self, name: str, text: str, after: int = -1) -> int | None:
        """The next group, starting over at the end, with this text in the name of a puzzle's identifier; None if there is none."""
        named = np.array([text.lower() in known.lower() for known in self.dataset.identifiers])
        split = self.split(name)
        identifiers = np.minimum(split.identifiers, len(named) - 1)
        groups = np.unique(split.group_of(np.flatnonzero(named[identifiers])))
        if not len(groups):
            return None
        later = groups[groups > after]
        return int(later[0] if len(later) else groups[0])
