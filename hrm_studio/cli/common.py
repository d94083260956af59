"""What the command line's parts share."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.text import Text

from hrm_model.errors import PuzzleError, SeveralSolutionsError, UsageError, is_expected, message_of
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.characters import decode
from hrm_model.tasks.maze.task import MazeTask
from hrm_model.tasks.read import read_text

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

_LIKE_A_PATH = re.compile(r"[/\\]|\.(txt|csv|tsv|sdk|sdm|ss|json|jsonl|xml|html)$")
_NOT_A_PATH = re.compile(r"\n|://|^\d+(/\d+)+$")  # several lines, a link, rows of a grid with / between them

_log = logging.getLogger(__name__)

TRY_ANYWAY = "Add --any-solution to let the model try."

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Segments = Annotated[int, typer.Option(min=1, max=4096, help="Number of segments.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda:0 or mps.")]
AnySolution = Annotated[bool, typer.Option("--any-solution", help="Take puzzles with several solutions; each of them counts as right.")]


@contextmanager
def plain_errors(several: str = "") -> Iterator[None]:
    """Errors that people can cause end the command with one sentence and exit code 2. Bugs go on to `main`, which reports them.

    `several`: what to do about a puzzle with several solutions.
    """
    try:
        yield
    except Exception as error:
        if not is_expected(error):
            raise
        _log.debug("ends with exit code 2", exc_info=error)
        words = message_of(error) + (f" {several}" if several and isinstance(error, SeveralSolutionsError) else "")
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"hrm-studio: {words}", markup=False)
        raise typer.Exit(2) from None


SettingChanges = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting to change, such as lr=5e-4 or model.H_cycles=3. Can be repeated."),
]


def setting_changes(given: list[str] | None) -> dict[str, Any]:
    """What --set asked for, by dotted names. UsageError if one is not NAME=VALUE."""
    asked = {}
    for change in given or []:
        name, equals, value = change.partition("=")
        if not equals:
            raise UsageError(f"--set {change}: expected NAME=VALUE.")
        try:
            asked[name.strip()] = _value(value)
        except yaml.YAMLError:
            raise UsageError(f"--set {change}: {value!r} is not a value.") from None
    return asked


def _value(text: str) -> Any:
    """A YAML value; 5e-4 is a number too, which YAML takes for text."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return yaml.safe_load(text)


def print_json(**values: Any) -> None:
    print(json.dumps(values))


def drawn(task: Task, given: Grid, answer: Grid, sure: NDArray[np.bool_] | None = None) -> Text:
    """The answer as a grid: givens bold, unsure answers dim (`sure`: (S,), None for all), what breaks a rule red, lines between boxes."""
    bad, fixed = task.faults(answer, given), ~task.blanks(given)
    right, below = task.walls or (np.zeros((task.side, task.side), bool),) * 2
    wide = np.asarray(right[:, :-1].any(axis=0))  # columns with a line beside them, which takes two characters more
    text = Text()
    rows, columns = (task.rows, task.columns) if isinstance(task, MazeTask) else (task.side, task.side)
    for row in range(rows):
        for column in range(columns):
            cell = row * task.side + column
            style = "bold" if fixed[cell] else "cyan" if sure is None or sure[cell] else "dim cyan"
            text.append(task.symbols[answer[cell]], f"{style} red" if bad[cell] else style)
            last = column + 1 == columns
            text.append(" " if last or not wide[column] else " │ " if right[row, column] else "   ", "dim")
        text.append("\n")
        if row + 1 < task.side and below[row].any():
            text.append(_line_below(below[row], right[row], right[row + 1], wide) + "\n", "dim")
    return text


def _line_below(below: NDArray[np.bool_], above_right: NDArray[np.bool_], under_right: NDArray[np.bool_], wide: NDArray[np.bool_]) -> str:
    """The line between two rows, where a box ends."""
    line = ""
    for column, ends in enumerate(below.tolist()):
        line += "─" if ends else " "
        if column + 1 == len(below):
            break
        on = "─" if ends and below[column + 1] else " "
        if not wide[column]:
            line += on
            continue
        joints = {  # by whether lines leave it upwards, downwards, to the left, to the right
            (True, True, True, True): "┼", (True, True, True, False): "┤", (True, True, False, True): "├", (True, False, True, True): "┴",
            (False, True, True, True): "┬", (True, True, False, False): "│", (False, False, True, True): "─", (True, False, True, False): "┘",
            (True, False, False, True): "└", (False, True, True, False): "┐", (False, True, False, True): "┌",
        }  # fmt: skip
        key = (bool(above_right[column]), bool(under_right[column]), bool(ends), bool(below[column + 1]))
        line += ("─" if ends else " ") + joints.get(key, " ") + ("─" if below[column + 1] else " ")
    return line


def puzzle_text(argument: str) -> str:
    """A command line's puzzle: the text itself, that of a file or pipe, or standard input for -."""
    if argument == "-":
        return decode(sys.stdin.buffer.read())
    if not argument.strip():
        raise PuzzleError("The puzzle is empty. Give its cells as one line, a file, or - for standard input.")
    try:
        path = Path(argument) if len(argument) < 256 else None
        there, folder = (path.exists(), path.is_dir()) if path else (False, False)
    except (OSError, ValueError):
        return argument  # too odd for a file name, so it is a puzzle
    if path and there and not folder:
        return read_text(path)
    if folder or (_LIKE_A_PATH.search(argument) and not _NOT_A_PATH.search(argument)):
        raise PuzzleError(f"No such file: {argument}. Give a puzzle, a file, or - for standard input.")
    return argument


def load_model(path: Path, device: str) -> LoadedModel:
    """A checkpoint's model on a device ('auto': the best there is). Prints which settings had to be assumed. CheckpointError, DeviceError."""
    from hrm_model.loaded import load

    model = load(path, device)
    if model.assumed:
        print(
            f"hrm-studio: {path}: no file beside the weights gives {', '.join(model.assumed)}; these defaults were assumed."
            " If they are wrong, so are the answers.",
            file=sys.stderr,
        )
    return model
