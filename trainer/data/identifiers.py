"""The number of a puzzle's vector in a model: its place in identifiers.json of the dataset that the model was trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from hrm_model.checkpoint import locate as checkpoint_place
from hrm_model.errors import CheckpointError, ConfigError, DatasetError
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
