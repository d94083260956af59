"""Reads datasets in the published layout, memory-mapped. `build.py` writes them.

    identifiers.json               names of the puzzles that have a vector of their own; number 0 is "<blank>"
    train/dataset.json, test/…     `Metadata`
    train/all__inputs.npy          (examples, S) tokens
    train/all__labels.npy          (examples, S) tokens; `ignore_label_id` where nothing is asked
    train/all__puzzle_identifiers.npy  (puzzles,) number in identifiers.json
    train/all__puzzle_indices.npy  (puzzles + 1,) first example of each puzzle
    train/all__group_indices.npy   (groups + 1,) first puzzle of each group: a puzzle and its augmented copies

Layout: sapientinc/HRM. NumPy only.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hrm_model.config import ModelConfig
from hrm_model.errors import DatasetError, PuzzleError
from hrm_model.folders import home
from hrm_model.foreign import named, what_it_is
from hrm_model.tasks.base import Task
from hrm_model.tasks.registry import task_named
from trainer.config import RunConfig
from trainer.presets import PRESETS

INPUTS, LABELS, IDENTIFIERS, PUZZLES, GROUPS = "inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"
_FIELDS = (INPUTS, LABELS, IDENTIFIERS, PUZZLES, GROUPS)
_LARGEST_JSON = 256 << 20  # bytes
_LARGEST_HEADER = 4096
_CHUNK = 1 << 22  # numbers read at once


class Metadata(BaseModel):
    """dataset.json, with the published names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pad_id: int = Field(0, ge=0)
    ignore_label_id: int | None = 0
    blank_identifier_id: int = Field(0, ge=0)
    vocab_size: int = Field(ge=2, le=1 << 20)
    seq_len: int = Field(ge=1, le=1 << 20)
    num_puzzle_identifiers: int = Field(1, ge=1, le=1 << 31)
    total_groups: int = Field(ge=0)
    mean_puzzle_examples: float = Field(1.0, ge=0)
    sets: tuple[str, ...] = ("all",)

    @property
    def task(self) -> Task:
        """The task that has these boards. PuzzleError if no task has."""
        try:
            return task_named(ModelConfig(seq_len=self.seq_len, vocab_size=self.vocab_size).task)
        except ValidationError:
            raise PuzzleError(f"no task has boards of {self.seq_len} cells and {self.vocab_size} tokens") from None


class Split:
    """The `train` or `test` split of a dataset. Arrays stay on disk; batches read what they need."""

    def __init__(self, folder: Path) -> None:
        """DatasetError if a file is missing, unreadable or does not fit the others. Examples are not read yet; `check` reads them."""
        self.folder = folder
        try:
            self.metadata = Metadata.model_validate(_read_json(folder / "dataset.json"))
        except ValidationError as error:
            fault = error.errors()[0]
            raise DatasetError(f"{folder / 'dataset.json'}: {'.'.join(map(str, fault['loc'])) or 'metadata'}: {fault['msg']}") from None
        names = self.metadata.sets
        if len(names) != 1 or not names[0].isidentifier():
            raise DatasetError(f"{folder / 'dataset.json'}: sets is {list(names)}; exactly one set is supported, usually ['all']")
        arrays = {field: self._open(names[0], field) for field in _FIELDS}
        self.inputs, self.labels = arrays[INPUTS], arrays[LABELS]
        self.identifiers, self.puzzle_indices, self.group_indices = (arrays[f] for f in (IDENTIFIERS, PUZZLES, GROUPS))
        self._check_shapes()

    def _open(self, name: str, field: str) -> NDArray[Any]:
        file = self._file(name, field)
        try:
            with file.open("rb") as stream:
                head = stream.read(1024)
            if not head.startswith(b"\x93NUMPY"):
                raise DatasetError(f"{file}: {named(head, 'an array of a dataset') or 'not a .npy file'}")
            array = np.load(file, mmap_mode="r", allow_pickle=False, max_header_size=_LARGEST_HEADER)
        except DatasetError:
            raise
        except OSError as error:
            raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None
        except Exception as error:  # a damaged header fails in many ways, none of them ours
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise DatasetError(f"{file}: cannot be read ({'its header is damaged' if 'malformed' in reason else reason})") from None
        wanted = 2 if field in (INPUTS, LABELS) else 1
        if array.ndim != wanted or array.dtype.kind not in "iu":
            raise DatasetError(f"{file}: {array.ndim} axes of {array.dtype}; expected {wanted} of integers")
        return array

    def _file(self, name: str, field: str) -> Path:
        return self.folder / f"{name}__{field}.npy"

    def _check_shapes(self) -> None:
        meta, name = self.metadata, self.metadata.sets[0]
        wanted = (len(self.inputs), meta.seq_len)
        for field, array in ((INPUTS, self.inputs), (LABELS, self.labels)):
            if array.shape != wanted:
                raise DatasetError(f"{self._file(name, field)}: the shape is {_by(array.shape)}; expected {_by(wanted)}")
        for field, array, least, last, of in (
            (PUZZLES, self.puzzle_indices, 1, len(self.inputs), "examples"),
            (GROUPS, self.group_indices, 1, len(self.identifiers), "puzzles"),
        ):
            steps = np.diff(array.astype(np.int64)) if len(array) else np.zeros(0, np.int64)
            if len(array) < 1 or array[0] != 0 or array[-1] != last or (steps < least).any():
                raise DatasetError(f"{self._file(name, field)}: must increase from 0 to {last}, the number of {of}")
        if len(self.puzzle_indices) != len(self.identifiers) + 1:
            raise DatasetError(
                f"{self._file(name, IDENTIFIERS)}: has {len(self.identifiers)} puzzles, but {PUZZLES} has {len(self.puzzle_indices) - 1}"
            )
        if len(self.identifiers) and not 0 <= self.identifiers.min() <= self.identifiers.max() < meta.num_puzzle_identifiers:
            raise DatasetError(f"{self._file(name, IDENTIFIERS)}: numbers must lie between 0 and {meta.num_puzzle_identifiers - 1}")
        if meta.total_groups != self.groups:
            raise DatasetError(f"{self.folder / 'dataset.json'}: total_groups is {meta.total_groups}, but there are {self.groups} groups")

    # What it holds -----------------------------------------------------------------------------------------------------

    @property
    def examples(self) -> int:
        return len(self.inputs)

    @property
    def puzzles(self) -> int:
        return len(self.identifiers)

    @property
    def groups(self) -> int:
        return len(self.group_indices) - 1

    def puzzle_of(self, examples: NDArray[np.integer]) -> NDArray[np.intp]:
        """The puzzle that each example belongs to."""
        return np.searchsorted(self.puzzle_indices, examples, side="right") - 1

    def group_of(self, puzzles: NDArray[np.integer]) -> NDArray[np.intp]:
        """The group that each puzzle belongs to."""
        return np.searchsorted(self.group_indices, puzzles, side="right") - 1

    def identifiers_of(self, examples: NDArray[np.integer]) -> NDArray[np.int64]:
        """The identifier of each example's puzzle."""
        return self.identifiers[self.puzzle_of(examples)].astype(np.int64)

    def rows(self, examples: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Inputs and labels (n, S) as tokens. DatasetError if a number is not a token."""
        inputs, labels = self.inputs[examples].astype(np.int64), self.labels[examples].astype(np.int64)
        for field, found in ((INPUTS, inputs), (LABELS, labels)):
            if found.size and not 0 <= found.min() <= found.max() < self.metadata.vocab_size:
                raise DatasetError(
                    f"{self._file(self.metadata.sets[0], field)}: has numbers from {found.min()} to {found.max()}; tokens are 0 to"
                    f" {self.metadata.vocab_size - 1}"
                )
        return inputs, labels

    def check(self) -> None:
        """Read every example. DatasetError if a number is not a token."""
        rows = max(1, _CHUNK // self.metadata.seq_len)
        for start in range(0, self.examples, rows):
            self.rows(np.arange(start, min(start + rows, self.examples)))

    # Training order ----------------------------------------------------------------------------------------------------

    def draw(self, seed: int, step: int, count: int) -> NDArray[np.intp]:
        """The examples of a training step. An epoch takes every group once, in random order, and of each group a random example.

        Depends only on (seed, step, count), so that a run can be resumed anywhere.
        """
        if not self.groups:
            raise DatasetError(f"{self.folder}: there are no puzzles to train on")
        rng = np.random.default_rng(np.random.SeedSequence([seed, 1, step]))
        epoch, place = np.divmod(step * count + np.arange(count), self.groups)
        group = np.array([_order(seed, int(e), self.groups)[p] for e, p in zip(epoch, place, strict=True)])
        puzzle = _between(self.group_indices, group, rng)
        return _between(self.puzzle_indices, puzzle, rng)


class Dataset:
    """A folder with `train`, `test` and `identifiers.json`. One split may be missing."""

    def __init__(self, folder: Path) -> None:
        """DatasetError if the folder is not a dataset, or if its splits do not fit each other."""
        self.folder = folder
        self.splits = {name: Split(folder / name) for name in ("train", "test") if (folder / name / "dataset.json").is_file()}
        if not self.splits:
            raise DatasetError(f"{folder}: not a dataset; train/dataset.json or test/dataset.json is needed")
        first = next(iter(self.splits.values())).metadata
        for split in self.splits.values():
            found = split.metadata
            if (found.seq_len, found.vocab_size) != (first.seq_len, first.vocab_size):
                raise DatasetError(f"{split.folder / 'dataset.json'}: the boards differ from those of train")
        self.metadata = first
        file = folder / "identifiers.json"
        names = _read_json(file) if file.is_file() else ["<blank>"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetError(f"{file}: not a JSON list of names")
        self.identifiers: list[str] = names

    @property
    def task(self) -> Task:
        """DatasetError if no task has such boards."""
        try:
            return self.metadata.task
        except PuzzleError:
            meta = self.metadata
            raise DatasetError(f"{self.folder}: no task has boards of {meta.seq_len} cells and {meta.vocab_size} tokens") from None


def dataset_folder(name: str | Path) -> Path:
    """A dataset's folder: a path, or a name in the studio's home folder. DatasetError if there is neither."""
    there = home() / name
    for folder in (Path(name), there):
        if folder.is_dir():
            return folder
    raise DatasetError(f"{name}: there is no such dataset, nor {there}. `hrm-studio data build --help` shows how to build one.")


def dataset_exists(name: str | Path) -> bool:
    """Whether `dataset_folder` finds this dataset."""
    return Path(name).is_dir() or (home() / name).is_dir()


def resolve_dataset(config: RunConfig) -> RunConfig:
    """Fit a configuration to its dataset, if it has one, so that it can be started. DatasetError if the dataset is missing."""
    return fit_to_dataset(config, dataset_folder(config.dataset)) if config.dataset else config


def preset_for_dataset(folder: Path) -> RunConfig:
    """A preset to begin with: the first of the dataset's task, else of its kind of puzzle. DatasetError if it is not a dataset."""
    task = Dataset(folder).task.name
    kind = task.partition("-")[0]
    alike = [p for p in PRESETS.values() if p.task == task] or [p for p in PRESETS.values() if p.task.partition("-")[0] == kind]
    return alike[0]


def fit_to_dataset(config: RunConfig, folder: Path) -> RunConfig:
    """The same configuration for a dataset: the model gets the size of its boards and identifiers. DatasetError if that is impossible."""
    dataset = Dataset(folder.resolve())
    task, meta = dataset.task, dataset.metadata
    model: dict[str, Any] = {"seq_len": meta.seq_len, "vocab_size": meta.vocab_size}
    if config.model.puzzle_emb_ndim:
        model["num_puzzle_identifiers"] = max(split.metadata.num_puzzle_identifiers for split in dataset.splits.values())
    changed: dict[str, Any] = {"task": task.name, "dataset": str(dataset.folder), "puzzles": ()}
    if task.name != config.task:
        changed["evaluation"] = ()
        model["box_height"], model["box_width"] = task.box
    try:
        return RunConfig.model_validate(config.model_dump() | changed | {"model": config.model.model_dump() | model})
    except ValidationError as error:
        raise DatasetError(f"{folder}: this configuration does not fit the dataset ({error.errors()[0]['msg']})") from None


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, groups: int) -> NDArray[np.intp]:
    return np.random.default_rng(np.random.SeedSequence([seed, 0, epoch])).permutation(groups)


def _between(indices: NDArray[Any], chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random number from indices[c] to indices[c + 1] − 1 for each c in `chosen`."""
    begin, end = indices[chosen].astype(np.intp), indices[chosen + 1].astype(np.intp)
    return begin + (rng.random(len(chosen)) * (end - begin)).astype(np.intp)


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _read_json(file: Path) -> Any:
    try:
        if file.stat().st_size > _LARGEST_JSON:
            raise DatasetError(f"{file}: {file.stat().st_size / 1e6:.0f} MB is too large for such a file")
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None
    except DatasetError:
        raise
    except (ValueError, RecursionError) as error:
        other = what_it_is(file, "a dataset's file")
        if other:
            raise DatasetError(f"{file}: {other}") from None
        raise DatasetError(f"{file}: is not JSON ({str(error).splitlines()[0][:200]})") from None
