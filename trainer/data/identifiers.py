"""The number that a model knows a puzzle by: its place in identifiers.json of the dataset that the model was trained on."""

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
    """A puzzle's number, 0 (the blank one) where the model has none for it, and a sentence about it."""

    number: int
    words: str
    trained: bool  # whether the model was trained on this puzzle


def identify(checkpoint: Path, model: str, rows: int, puzzle: str) -> PuzzleIdentifier:
    """What a model with so many puzzle vectors (`rows`, 0: none at all) knows a puzzle by; `puzzle` is '' for one without a name."""
    if not rows:
        return PuzzleIdentifier(0, "", True)
    guess, blank = "its answer is a guess", "thinks with the blank puzzle vector"
    if not puzzle:
        return PuzzleIdentifier(0, f"A task without a name, by which models know tasks: {guess}. {model} {blank}.", False)
    try:
        file = names_file(checkpoint)
        if file is None:
            return PuzzleIdentifier(
                0, f"Which tasks {model} was trained on is not known: {guess}. No {NAMES} lies beside it; it {blank}.", False
            )
        number = find_number(file, puzzle)
    except DatasetError as error:
        return PuzzleIdentifier(0, f"{model} {blank}, and {guess}: {error}.", False)
    if number is None:
        return PuzzleIdentifier(0, f"{model} was not trained on {puzzle}: {guess}. {file} does not list it; the model {blank}.", False)
    if number >= rows:
        return PuzzleIdentifier(
            0, f"{file} belongs to another model, for {model} has {rows:,} puzzle vectors only: {guess}. It {blank}.", False
        )
    return PuzzleIdentifier(number, f"The model was trained on this task: puzzle vector {number:,}.", True)


def names_file(checkpoint: Path) -> Path | None:
    """identifiers.json beside a checkpoint or in its run's folder, else that of the dataset which its configuration names."""
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
            continue  # it was made elsewhere, and is not here
        if file is not None and file.is_file():
            return file
    return None


def _dataset_of(folder: Path) -> str:
    """The dataset that a run's or a published checkpoint's configuration names; '' where there is none."""
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
    """A name's place in a list of names, or None. DatasetError where the file is no such list."""
    try:
        return _number_of(file, file.stat().st_mtime_ns, puzzle)
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None


@lru_cache(maxsize=64)
def _number_of(file: Path, written: int, puzzle: str) -> int | None:
    return next((number for number, name in _names(file) if name == puzzle), None)


def augmented_copies(file: Path, puzzle: str) -> list[tuple[int, str]]:
    """Number and name of a puzzle and its augmented copies. DatasetError where the file is no list of names."""
    try:
        return [(number, name) for number, name in _names(file) if name.startswith(puzzle)]
    except OSError as error:
        raise DatasetError(f"{file}: cannot be read ({error.strerror or error})") from None


def _names(file: Path) -> Iterator[tuple[int, str]]:
    if file.stat().st_size > _LARGEST:
        raise DatasetError(f"{file}: has {file.stat().st_size / 1e6:.0f} MB; no list of names needs so much")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"{file}: is no list of names") from None
    # A million names parsed in one call would hold the interpreter, and so the window, for a third of a second: one after the other, then.
    end, before = 0, "["
    for at, name in enumerate(_TEXT.finditer(text)):
        if text[end : name.start()].strip() != before:
            raise DatasetError(f"{file}: is no list of names")
        end, before = name.end(), ","
        yield at, _plain(name[0])
    if "".join(text[end:].split()) != ("]" if end else "[]"):
        raise DatasetError(f"{file}: is no list of names")


def _plain(quoted: str) -> str:
    if "\\" not in quoted:
        return quoted[1:-1]
    try:
        return str(json.loads(quoted))
    except ValueError:
        return ""
