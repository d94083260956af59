"""Examples for a run: a pool of puzzles made once, and batches that depend only on (seed, step), so that a run can be resumed.

Evaluation puzzles come from another random stream. There are so few 4×4 and 6×6 boards that this is not enough: a fifth of all symmetry
classes is held out, and neither the pool nor an easier copy ever contains one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from hrm_model.act import Batch
from hrm_model.errors import DatasetError
from hrm_model.files import atomic_write
from hrm_model.loss import IGNORE
from hrm_model.tasks.base import Grids, Task
from hrm_model.tasks.maze.grid import OUTSIDE, PATH, side_of
from hrm_model.tasks.maze.varied import distances_from_ends, generate_varied, preferred_paths
from hrm_model.tasks.registry import task_named
from trainer.config import PuzzleSet, RunConfig
from trainer.data.published import Dataset, Split

_POOL, _EVALUATION, _BATCHES, _EXPLORATION, _ENDING = 0, 1, 2, 3, 4  # independent random streams of one seed


def make_puzzles(task: Task, wanted: PuzzleSet, rng: np.random.Generator, *, unseen: bool) -> tuple[Grids, Grids]:
    """Puzzles and solutions of one set, (count, S) each. `unseen`: from the classes that are held out, else from the others.

    Mazes with `sides` come in squares of the task's side if they are to be trained on, else of their own longest side.
    """
    if wanted.sides is not None:
        side = None if unseen else task.side
        return generate_varied(wanted.sides, wanted.count, rng, min_path=wanted.min_path, max_path=wanted.max_path, side=side)
    puzzles: list[Grids] = []
    solutions: list[Grids] = []
    while sum(map(len, puzzles)) < wanted.count:
        made = min(4096, max(64, wanted.count))
        p, s = task.generate(made, rng, clues=wanted.clues, min_path=wanted.min_path, max_path=wanted.max_path)
        if task.few_classes:
            keep = task.held_out(p) == unseen
            p, s = p[keep], s[keep]
        puzzles.append(p)
        solutions.append(s)
    return np.concatenate(puzzles)[: wanted.count], np.concatenate(solutions)[: wanted.count]


def evaluation_sets(config: RunConfig) -> dict[str, tuple[Any, ...]]:
    """The evaluation sets by name: puzzles and solutions, and identifiers for a dataset's test split."""
    task = task_named(config.task)
    streams = np.random.SeedSequence([config.seed, _EVALUATION]).spawn(len(config.evaluation))
    dataset = Dataset(Path(config.dataset)) if config.dataset and config.dataset_test else None
    of_dataset: dict[str, tuple[Any, ...]] = (
        {"test": examples_of(dataset.splits["test"], config.dataset_test)} if dataset and "test" in dataset.splits else {}
    )
    return of_dataset | {
        wanted.name(config.task): make_puzzles(task, wanted, np.random.default_rng(stream), unseen=True)
        for wanted, stream in zip(config.evaluation, streams, strict=True)
    }


def make_pool(config: RunConfig) -> tuple[Grids, Grids]:
    """All training puzzles and their solutions."""
    task = task_named(config.task)
    streams = np.random.SeedSequence([config.seed, _POOL]).spawn(len(config.puzzles))
    made = [make_puzzles(task, w, np.random.default_rng(s), unseen=False) for w, s in zip(config.puzzles, streams, strict=True)]
    return np.concatenate([p for p, _ in made]), np.concatenate([s for _, s in made])


def cached_pool(config: RunConfig, file: Path) -> tuple[Grids, Grids]:
    """`make_pool`, cached in a file. The pool depends on the configuration alone, so the file may be deleted."""
    made_from = repr((config.task, config.seed, config.puzzles))
    try:
        with np.load(file) as stored:
            if str(stored["made_from"]) == made_from:
                return stored["puzzles"], stored["solutions"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # missing or incomplete: made again
    puzzles, solutions = make_pool(config)
    # On a full disk it is made again next time.
    with suppress(OSError), atomic_write(file, sync=False) as stream:
        np.savez_compressed(stream, puzzles=puzzles, solutions=solutions, made_from=made_from)
    return puzzles, solutions


def examples_of(split: Split, count: int | None = None) -> tuple[Grids, Grids, NDArray[np.int64]]:
    """Puzzles, solutions and identifiers of `count` examples spread evenly over a split; None: of all."""
    task = split.metadata.task
    chosen = np.arange(split.examples)
    if count is not None and count < split.examples:
        chosen = np.linspace(0, split.examples - 1, count).astype(np.intp)
    inputs, labels = split.rows(chosen)
    return task.from_tokens(inputs), task.from_tokens(labels), split.identifiers_of(chosen)


def training_batches(config: RunConfig, pool_file: Path) -> Callable[[int], Batch]:
    """A run's batches: from its dataset, or from its pool of puzzles, which is cached in `pool_file`."""
    return DatasetBatches(config) if config.dataset else Batches(config, *cached_pool(config, pool_file))


class DatasetBatches:
    """Training batches by step, from a folder in the published layout. `augment` and `easier_copies` change each example when it is drawn."""

    def __init__(self, config: RunConfig) -> None:
        """DatasetError if the folder is not a dataset, or does not fit the model."""
        self.config, self.task = config, task_named(config.task)
        dataset = Dataset(Path(config.dataset))
        if "train" not in dataset.splits:
            raise DatasetError(f"{config.dataset}: there are no training examples (train/dataset.json is missing)")
        self.split = dataset.splits["train"]
        if dataset.task != self.task:
            raise DatasetError(f"{config.dataset}: this dataset is of {dataset.task.name}, but the run is of {config.task}")
        table = config.model.num_puzzle_identifiers if config.model.puzzle_emb_ndim else self.split.metadata.num_puzzle_identifiers
        if self.split.metadata.num_puzzle_identifiers > table:
            raise DatasetError(
                f"{config.dataset}: {self.split.metadata.num_puzzle_identifiers:,} puzzle identifiers do not fit the model's table of {table:,}."
                " Set model.num_puzzle_identifiers."
            )

    def __call__(self, step: int) -> Batch:
        config, task = self.config, self.task
        examples = self.split.draw(config.seed, step, config.batch_size)
        inputs, labels = self.split.rows(examples)
        if task.known_rules and (config.easier_copies or config.augment):
            rng = np.random.default_rng(np.random.SeedSequence([config.seed, _BATCHES, step]))
            puzzles, solutions = task.from_tokens(inputs), task.from_tokens(labels)
            if config.easier_copies:
                puzzles, solutions = task.easier(puzzles, solutions, rng, config.easier_copies)
            if config.augment:
                puzzles, solutions = task.augment(puzzles, solutions, rng)
            inputs, labels = task.to_tokens(puzzles), task.to_tokens(solutions)
        ignored = self.split.metadata.ignore_label_id
        return {
            "inputs": torch.from_numpy(inputs),
            "labels": torch.from_numpy(labels if ignored is None else np.where(labels == ignored, IGNORE, labels)),
            "puzzle_identifiers": torch.from_numpy(self.split.identifiers_of(examples)),
        }


class Batches:
    """Training batches by step, from a pool of generated puzzles."""

    def __init__(self, config: RunConfig, puzzles: Grids, solutions: Grids) -> None:
        self.config, self.task = config, task_named(config.task)
        self.puzzles, self.solutions = puzzles, solutions
        # The first step that may draw each puzzle, sorted, and the puzzles in that order.
        begins = np.repeat([wanted.from_step for wanted in config.puzzles], [wanted.count for wanted in config.puzzles])
        self._order = np.argsort(begins, kind="stable") if begins.any() else np.arange(len(puzzles))
        self._begins = np.sort(begins) if begins.any() else np.zeros(len(puzzles), int)

    def grids(self, step: int) -> tuple[Grids, Grids]:
        """Puzzles and solutions (B, S) of a step."""
        config = self.config
        rng = np.random.default_rng(np.random.SeedSequence([config.seed, _BATCHES, step]))
        chosen = self._order[rng.integers(np.searchsorted(self._begins, step, side="right"), size=config.batch_size)]
        puzzles, solutions = self.puzzles[chosen], self.solutions[chosen]
        if config.easier_copies:
            easier, answers = self.task.easier(puzzles, solutions, rng, config.easier_copies)
            seen = ~self.task.held_out(easier)[:, None]
            puzzles, solutions = np.where(seen, easier, puzzles), np.where(seen, answers, solutions)
        return self.task.augment(puzzles, solutions, rng) if config.augment else (puzzles, solutions)

    def __call__(self, step: int) -> Batch:
        puzzles, solutions = self.grids(step)
        batch = {
            "inputs": torch.from_numpy(self.task.to_tokens(puzzles)),
            "labels": torch.from_numpy(self.task.to_tokens(solutions)),
            "puzzle_identifiers": torch.zeros(len(puzzles), dtype=torch.long),
        }
        return batch | maze_lessons(puzzles) if self.config.model.mixer == "neighbours" else batch


def maze_lessons(puzzles: Grids) -> Batch:
    """What the cells of mazes (B, S) are taught (`hrm_model.maze_loss`): labels with the preferred path, and distances (B, 2, S)."""
    side = side_of(puzzles.shape[1])
    squares = puzzles.reshape(-1, side, side)
    there = (squares != OUTSIDE).any(axis=0)
    used = int(np.flatnonzero(there.any(axis=0) | there.any(axis=1)).max(initial=0)) + 1  # small mazes: flood no more than they need
    small = squares[:, :used, :used].reshape(len(puzzles), -1)
    distances = distances_from_ends(small)
    labels = np.where(preferred_paths(small, *distances), PATH, np.where(small == OUTSIDE, IGNORE, small))

    def whole(cells: NDArray, rest: int) -> torch.Tensor:
        square = np.full((len(puzzles), side, side), rest, cells.dtype)
        square[:, :used, :used] = cells.reshape(-1, used, used)
        return torch.from_numpy(square.reshape(len(puzzles), -1))

    return {"labels": whole(labels.astype(np.int64), IGNORE), "distances": torch.stack([whole(d, -1) for d in distances], dim=1)}


def least_segments(config: RunConfig, step: int) -> torch.Tensor:
    """(B,) int32: segments that exploration makes each example of a step take at least; 0 for most of them."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, _EXPLORATION, step]))
    explores = rng.random(config.batch_size) < config.model.halt_exploration_prob
    return torch.from_numpy(rng.integers(2, config.model.halt_max_steps + 1, size=config.batch_size, dtype=np.int32) * explores)


def may_end(config: RunConfig, step: int) -> torch.Tensor:
    """(B,) bool: rows that end at a step if their answer is right, each with the chance `end_when_right`."""
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, _ENDING, step]))
    return torch.from_numpy(rng.random(config.batch_size) < config.end_when_right)


class Prefetcher:
    """Makes the next step's batch in a thread while the current step is computed.

    A thread is enough: on the machine this was written on, making 48 Sudokus takes 0.6 ms and a training step with them about 400 ms.
    """

    def __init__(self, make: Callable[[int], Batch]) -> None:
        self._make = make
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        made = self._next[1] if self._next and self._next[0] == step else self._thread.submit(self._make, step)
        self._next = (step + 1, self._thread.submit(self._make, step + 1))
        return made.result()

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)
