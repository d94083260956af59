"""Writes datasets in the published layout (`published.py`), group by group, in bounded memory.

The result depends only on the recipe. It grows in the folder `NAME.building` and is renamed when complete. If a build is killed, the same
recipe continues where the files end.
"""

from __future__ import annotations

import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hrm_model.errors import DatasetError
from hrm_model.files import replace
from hrm_model.tasks.arc.augment import turned
from hrm_model.tasks.base import Grids, Task
from trainer.data.published import GROUPS, IDENTIFIERS, INPUTS, LABELS, PUZZLES, Dataset

_ROWS = 8192  # examples made at once
BLANK = "<blank>"


@dataclass(frozen=True)
class Sizes:
    """How a split is divided into groups, puzzles and examples."""

    group_puzzles: NDArray[np.intp]  # (groups,) puzzles in each
    puzzle_examples: NDArray[np.intp]  # (puzzles,) examples in each
    identifiers: NDArray[np.intp]  # (puzzles,)

    @property
    def first_example(self) -> NDArray[np.intp]:
        """(groups + 1,) the first example of each group, and the number of examples."""
        examples = np.concatenate([[0], np.cumsum(self.puzzle_examples)])
        return examples[np.concatenate([[0], np.cumsum(self.group_puzzles)])]


class ExampleSource(ABC):
    """Where a split's examples come from. `rows` always returns the same for the same groups."""

    seq_len: int
    vocab_size: int
    dtype: DTypeLike = np.uint8
    num_identifiers = 1

    @abstractmethod
    def sizes(self) -> Sizes: ...

    @abstractmethod
    def rows(self, begin: int, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Input and label tokens (n, S) of the groups from `begin` to `end` − 1."""


class GridSource(ExampleSource):
    """Puzzles of a task and their solutions. Each puzzle is a group: itself, then its augmented copies.

    A maze has up to eight copies, itself included: its rotations and reflections in the published order. A puzzle of another task has
    `copies` random ones besides itself.
    """

    def __init__(self, task: Task, puzzles: Grids, solutions: Grids, copies: int = 0, seed: int = 0) -> None:
        self.task, self.puzzles, self.solutions, self.copies, self.seed = task, puzzles, solutions, copies, seed
        self.seq_len, self.vocab_size = task.cells, task.vocab_size
        self.turns = task.name.startswith("maze")
        # As published: there, augmented Sudokus have the type of the digit permutation.
        self.dtype = np.int64 if copies and not self.turns else np.uint8

    def sizes(self) -> Sizes:
        each = min(8, 1 + self.copies) if self.turns else 1 + self.copies
        puzzles = len(self.puzzles) * each
        return Sizes(np.full(len(self.puzzles), each), np.ones(puzzles, np.intp), np.zeros(puzzles, np.intp))

    def rows(self, begin: int, end: int) -> tuple[NDArray[Any], NDArray[Any]]:
        made = [self._group(g) for g in range(begin, end)]
        inputs, labels = (np.concatenate(part) for part in zip(*made, strict=True))
        return self.task.to_tokens(inputs), self.task.to_tokens(labels)

    def _group(self, number: int) -> tuple[Grids, Grids]:
        puzzle, solution = self.puzzles[number], self.solutions[number]
        if self.turns:
            copies = range(min(8, 1 + self.copies))
            return self._turned(puzzle, copies), self._turned(solution, copies)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, number]))
        moved = self.task.augment(np.tile(puzzle, (self.copies, 1)), np.tile(solution, (self.copies, 1)), rng)
        return np.concatenate([puzzle[None], moved[0]]), np.concatenate([solution[None], moved[1]])

    def _turned(self, grid: NDArray[np.int8], copies: range) -> Grids:
        square = grid.reshape(self.task.side, self.task.side)
        return np.stack([turned(square, k).ravel() for k in copies])


@dataclass(frozen=True)
class BuildProgress:
    """How far a build has come."""

    done: int  # examples
    total: int


def build(
    folder: Path,
    sources: Mapping[str, ExampleSource],
    recipe: Mapping[str, Any],
    identifiers: list[str] | None = None,
    overwrite: bool = False,
) -> Iterator[BuildProgress]:
    """Write the splits of a dataset (`train`, `test`) and yield the progress. DatasetError if the folder exists or cannot be written.

    `recipe`: what the examples are made from; it is kept as build.json. An unfinished build of the same recipe is continued.
    """
    if folder.exists() and not overwrite:
        raise DatasetError(f"{folder} already exists; choose another name, or overwrite it")
    names = identifiers or [BLANK]
    unfinished = folder.with_name(folder.name + ".building")
    sizes = {name: source.sizes() for name, source in sources.items()}
    content = json.dumps({"recipe": dict(recipe), "examples": {n: int(s.puzzle_examples.sum()) for n, s in sizes.items()}}, indent=1)
    try:
        if not unfinished.is_dir() or _text(unfinished / "build.json") != content:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            (unfinished / "build.json").write_text(content, encoding="utf-8")
        total = sum(int(s.puzzle_examples.sum()) for s in sizes.values())
        before = 0
        for name, source in sources.items():
            for done in _write_split(unfinished / name, source, sizes[name], len(names)):
                yield BuildProgress(before + done, total)
            before += int(sizes[name].puzzle_examples.sum())
        (unfinished / "identifiers.json").write_text(json.dumps(names), encoding="utf-8")
        Dataset(unfinished)  # checks that it can be read
        replace(unfinished, folder)
    except OSError as error:
        raise DatasetError(
            f"{error.filename or unfinished}: cannot be written ({error.strerror or error}). Build again to continue with what is there."
        ) from None
    yield BuildProgress(total, total)


def _write_split(folder: Path, source: ExampleSource, sizes: Sizes, identifiers: int) -> Iterator[int]:
    """Write one split. Yields the number of examples written so far."""
    folder.mkdir(exist_ok=True)
    first = sizes.first_example
    examples, groups = int(first[-1]), len(sizes.group_puzzles)
    indices = {
        IDENTIFIERS: sizes.identifiers,
        PUZZLES: np.concatenate([[0], np.cumsum(sizes.puzzle_examples)]),
        GROUPS: np.concatenate([[0], np.cumsum(sizes.group_puzzles)]),
    }
    for name, array in indices.items():
        np.save(folder / f"all__{name}.npy", array.astype(np.int32))
    shape = (examples, source.seq_len)
    files = [_Growing(folder / f"all__{field}.npy", shape, source.dtype) for field in (INPUTS, LABELS)]
    try:
        # The last group that is complete in both files.
        begin = int(np.searchsorted(first, min(file.rows for file in files), side="right")) - 1
        for file in files:
            file.cut(int(first[begin]))
        while begin < groups:
            yield int(first[begin])
            end = max(begin + 1, int(np.searchsorted(first, first[begin] + _ROWS, side="right")) - 1)
            for file, rows in zip(files, source.rows(begin, end), strict=True):
                file.add(rows)
            begin = end
    finally:
        for file in files:
            file.close()
    puzzles = len(sizes.puzzle_examples)
    metadata = {
        "pad_id": 0, "ignore_label_id": 0, "blank_identifier_id": 0, "vocab_size": source.vocab_size, "seq_len": source.seq_len,
        "num_puzzle_identifiers": identifiers, "total_groups": groups, "mean_puzzle_examples": examples / puzzles if puzzles else 0.0,
        "sets": ["all"],
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(metadata), encoding="utf-8")
    yield examples


class _Growing:
    """An .npy file written row by row. Its header has the final size from the start; `rows` rows have been written."""

    def __init__(self, file: Path, shape: tuple[int, int], dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        head = BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": shape}
        )
        self.head, self.row_bytes = len(head.getvalue()), shape[1] * self.dtype.itemsize
        known = file.exists() and _begins_with(file, head.getvalue())
        self.stream = file.open("r+b" if known else "w+b")
        if not known:
            self.stream.write(head.getvalue())
        self.stream.seek(0, os.SEEK_END)
        self.rows = (self.stream.tell() - self.head) // self.row_bytes

    def cut(self, rows: int) -> None:
        self.stream.truncate(self.head + rows * self.row_bytes)
        self.stream.seek(0, os.SEEK_END)

    def add(self, rows: NDArray[Any]) -> None:
        self.stream.write(np.ascontiguousarray(rows, self.dtype).tobytes())

    def close(self) -> None:
        self.stream.close()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""


def _begins_with(file: Path, head: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(head)) == head
