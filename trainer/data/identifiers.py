"""The number of a puzzle's vector in a model: its place in identifiers.json of the dataset that the model was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from hrm_model.checkpoint import locate as checkpoint_place
from hrm_model.errors import CheckpointError, ConfigError, DatasetError, MismatchError
from trainer.config import read_config
from trainer.data.published import dataset_folder

NAMES = "identifiers.json"
_LARGEST = 256 << 20  # bytes
_LARGEST_CONFIG = 1 << 20
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class PuzzleIdentifier:
    """The number of a puzzle's vector, or 0, the blank vector, if the model has none for it; and a sentence about that."""

    number: int
    words: str
    trained: bool  # whether the model was trained on this puzzle


def identify(checkpoint: Path, model: str, rows: int, puzzle: str) -> PuzzleIdentifier:
    """Find a puzzle's vector in a model. `rows`: the model's puzzle vectors, 0 if it has none; `puzzle`: its name, '' if it has none."""
    if not rows:
        return PuzzleIdentifier(0, "", True)
    guess, blank = "Its answer is a guess", "uses the blank puzzle vector"
    if not puzzle:
        return PuzzleIdentifier(0, f"{guess}: this task has no name, so the model has no vector for it. {model} {blank}.", False)
    try:
        file = names_file(checkpoint)
        if file is None:
            return PuzzleIdentifier(
                0, f"{guess}: there is no {NAMES} beside {model}, so the tasks it was trained on are unknown. It {blank}.", False
            )
        number = find_number(file, puzzle)
    except DatasetError as error:
        return PuzzleIdentifier(0, f"{guess}: {error}. {model} {blank}.", False)
    if number is None:
        return PuzzleIdentifier(0, f"{guess}: {model} was not trained on {puzzle}, which {file} does not list. It {blank}.", False)
    if number >= rows:
        return PuzzleIdentifier(
            0, f"{guess}: {file} belongs to another model, as {model} has only {rows:,} puzzle vectors. It {blank}.", False
        )
    return PuzzleIdentifier(number, f"The model was trained on this task: puzzle vector {number:,}.", True)


@dataclass(frozen=True)
class Matched:
    """A model's puzzle vectors for the puzzles of a dataset, found by name."""

    numbers: NDArray[np.int64]  # (N,) of each puzzle; 0, the blank vector, if the model has none for it
    words: str  # what to know about it; '' if every puzzle has its vector
    unknown: int = 0  # puzzles without a vector of their own


def match(checkpoint: Path, model: str, rows: int, names: Sequence[str], numbers: NDArray[np.int64]) -> Matched:
    """Find the vectors of a dataset's puzzles in a model by their names: another dataset numbers the same puzzles otherwise.

    `rows`: the model's puzzle vectors, 0 if it has none; `names`: the dataset's identifiers.json; `numbers` (N,): places in it.
    MismatchError if it cannot be known which vector belongs to which puzzle.
    """
    if not rows or not numbers.any():
        return Matched(np.zeros_like(numbers), "")
    file = names_file(checkpoint)
    if file is None:
        if len(names) == rows:
            return Matched(
                numbers,
                f"There is no {NAMES} beside {model}. The dataset names as many puzzles as the model has vectors, so its numbers are used as they stand.",
            )
        raise MismatchError(
            f"The dataset names {len(names):,} puzzles, and {model} has {rows:,} puzzle vectors. Put the {NAMES} of the dataset that"
            " it was trained on beside the checkpoint, so that puzzles are matched by name."
        )
    places = {name: place for place, name in _listed(file)}
    if len(places) > rows:
        raise MismatchError(f"{file} names {len(places):,} puzzles, but {model} has {rows:,} puzzle vectors; it belongs to another model.")
    found = np.array([places.get(name, 0) for name in names] or [0], np.int64)
    known = numbers < len(names)
    matched = np.where(known, found[np.where(known, numbers, 0)], 0)
    unknown = int((matched[numbers != 0] == 0).sum())
    words = f"{unknown:,} of {len(numbers):,} puzzles are not named in {file}: {model} was not trained on them, and its answers to them are guesses."
    return Matched(matched, words if unknown else "", unknown)


def _listed(file: Path) -> list[tuple[int, str]]:
    try:
        return list(_names(file))
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None


def names_file(checkpoint: Path) -> Path | None:
    """identifiers.json beside a checkpoint or in its run's folder, else in the dataset that its configuration names. None: not found."""
    try:
        folder = checkpoint_place.find(checkpoint).weights.parent
    except (CheckpointError, OSError):
        return None
    folders = [folder]
    if folder.parent.name == "checkpoints":
        folders.append(folder.parent.parent)
    for there in folders:
        if (there / NAMES).is_file():
            return there / NAMES
    for there in folders:
        try:
            named = _dataset_of(there)
            file = dataset_folder(named) / NAMES if named else None
        except DatasetError:
            continue  # the dataset is not on this machine
        if file is not None and file.is_file():
            return file
    return None


def _dataset_of(folder: Path) -> str:
    """The dataset that the configuration of a run or a published checkpoint names; '' if it names none."""
    try:
        if (folder / "config.yaml").is_file():
            return read_config(folder / "config.yaml").dataset
        file = folder / "all_config.yaml"
        if not file.is_file() or file.stat().st_size > _LARGEST_CONFIG:
            return ""
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (ConfigError, OSError, ValueError, RecursionError, yaml.YAMLError):
        return ""
    named = found.get("data_path") if isinstance(found, dict) else None
    return named if isinstance(named, str) else ""


def find_number(file: Path, puzzle: str) -> int | None:
    """A name's place in a list of names, or None. DatasetError if the file is not a list of names."""
    try:
        return _number_of(file, file.stat().st_mtime_ns, puzzle)
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None


@lru_cache(maxsize=64)
def _number_of(file: Path, written: int, puzzle: str) -> int | None:
    return next((number for number, name in _names(file) if name == puzzle), None)


def augmented_copies(file: Path, puzzle: str) -> list[tuple[int, str]]:
    """Number and name of a puzzle and of its augmented copies. DatasetError if the file is not a list of names."""
    try:
        return [(number, name) for number, name in _names(file) if name.startswith(puzzle)]
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None


def _names(file: Path) -> Iterator[tuple[int, str]]:
    if file.stat().st_size > _LARGEST:
        raise DatasetError(f"{file}: {file.stat().st_size / 1e6:.0f} MB is too large for a list of names")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"{file}: not a JSON list of names") from None
    # One name at a time: parsing a million in one call would block the interpreter, and so the window, for a third of a second.
    end, before = 0, "["
    for at, name in enumerate(_TEXT.finditer(text)):
        if text[end : name.start()].strip() != before:
            raise DatasetError(f"{file}: not a JSON list of names")
        end, before = name.end(), ","
        yield at, _plain(name[0])
    if "".join(text[end:].split()) != ("]" if end else "[]"):
        raise DatasetError(f"{file}: not a JSON list of names")


def _plain(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted[1:-1]
    try:
        return str(json.loads(quoted))
    except ValueError:
        return ""
