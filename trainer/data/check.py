"""Checks a dataset: every number is a token, every answer is right, and no test puzzle is among the training puzzles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hrm_model.tasks.base import Task
from trainer.data.published import Dataset, Split

_ROWS = 4096
_NAMED = 5


@dataclass(frozen=True)
class DatasetReport:
    """What a check found."""

    examples: int
    wrong_answers: dict[str, int]  # by split: examples with a wrong label
    first_wrong: dict[str, int]  # by split: the first of them
    shared_classes: int  # test puzzles that are, up to symmetry, also training puzzles
    shared: tuple[str, ...] = ()  # the first of them, by name or example
    official: bool = False  # the tasks are ARC's: some of them ask for a pair that others, or they themselves, demonstrate

    @property
    def fine(self) -> bool:
        return not any(self.wrong_answers.values()) and (self.official or not self.shared_classes)

    def lines(self) -> list[str]:
        """The findings as sentences."""
        found = [f"all numbers in {self.examples:,} examples are tokens"]
        for split, wrong in self.wrong_answers.items():
            found.append(
                f"{split}: {wrong:,} answers are wrong, the first in example {self.first_wrong[split]}"
                if wrong
                else f"{split}: all answers are right"
            )
        found.append(
            f"test puzzles that are also training puzzles, up to symmetry: {self.shared_classes:,} ({', '.join(self.shared)}"
            f"{' …' if self.shared_classes > len(self.shared) else ''})" + "; the tasks themselves have such pairs" * self.official
            if self.shared_classes
            else "no test puzzle is also a training puzzle, up to symmetry"
        )
        return found


def check_dataset(dataset: Dataset) -> DatasetReport:
    """Read and check every example. DatasetError if a file cannot be read or a number is not a token."""
    task = dataset.task
    wrong, first = {}, {}
    classes: dict[str, np.ndarray] = {}
    looked_at: dict[str, np.ndarray] = {}
    for name, split in dataset.splits.items():
        wrong[name], first[name], classes[name], looked_at[name] = _read(task, split)
    shared = looked_at["test"][np.isin(classes["test"], classes["train"])] if len(classes) == 2 else np.zeros(0, np.intp)
    examples = sum(split.examples for split in dataset.splits.values())
    names = tuple(_name(dataset, int(example)) for example in shared[:_NAMED])
    return DatasetReport(examples, wrong, first, len(shared), names, official=not task.known_rules)


def _name(dataset: Dataset, example: int) -> str:
    """A test example for people: its puzzle's name if it has one."""
    number = int(dataset.splits["test"].identifiers_of(np.array([example]))[0])
    name = dataset.identifiers[number] if 0 < number < len(dataset.identifiers) else ""
    return f"{name}, test example {example}" if name else f"test example {example}"


def _read(task: Task, split: Split) -> tuple[int, int, np.ndarray, np.ndarray]:
    """Wrong answers, the first of them, and symmetry classes with their examples (of a group's first puzzle only, if the others are its copies)."""
    wrong, first = 0, -1
    found = []
    heads = np.zeros(split.examples, bool)
    heads[split.puzzle_indices[split.group_indices[:-1]] if task.known_rules else np.arange(split.examples)] = True
    for start in range(0, split.examples, _ROWS):
        rows = np.arange(start, min(start + _ROWS, split.examples))
        inputs, labels = split.rows(rows)
        puzzles, solutions = task.from_tokens(inputs), task.from_tokens(labels)
        if task.known_rules:
            bad = ~(task.right(solutions, puzzles, None) & task.sound(puzzles))
            wrong += int(bad.sum())
            if bad.any() and first < 0:
                first = start + int(bad.argmax())
            found.append(task.classes(puzzles[heads[rows]]))
        else:
            found.append(task.classes(np.concatenate([puzzles, solutions], axis=1)))
    return wrong, first, np.concatenate(found) if found else np.zeros(0, np.uint64), np.flatnonzero(heads)
