"""`hrm-studio solve TASK.json`: two attempts at each test input of an ARC task."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from hrm_model.errors import DatasetError
from hrm_model.tasks.arc.puzzle import PALETTE, ArcPuzzle, ColourGrid, read_task
from hrm_model.tasks.arc.vote import ATTEMPTS
from hrm_studio.cli.common import load_model, print_json


def solve_arc(file: Path, model: Path, identifiers: Path | None, copies: int, segments: int, device: str, as_json: bool) -> None:
    """Print the two attempts, and whether one is right if the answer is known. HRMError."""
    puzzle = read_task(file)
    from trainer.data.identifiers import names_file

    names = _names(identifiers or names_file(model))
    from hrm_model.arc_solve import copies_of, solve_task

    loaded = load_model(model, device)
    loaded.must_read("arc")
    begin = time.perf_counter()
    asked = copies_of(puzzle, enumerate(names), copies)
    found = [candidates[:ATTEMPTS] for candidates in solve_task(loaded.model, puzzle, asked, segments=segments)]
    seconds = time.perf_counter() - begin
    tests: list[dict[str, Any]] = [
        {
            "attempts": [c.grid.tolist() for c in attempts],
            "votes": [c.votes for c in attempts],
            "solved": None if pair.output is None else any(np.array_equal(c.grid, pair.output) for c in attempts),
        }
        for pair, attempts in zip(puzzle.test, found, strict=True)
    ]
    if as_json:
        print_json(task=puzzle.name, copies=len(asked), segments=segments, tests=tests, seconds=round(seconds, 3))
        return
    _show(puzzle, tests, [[c.grid for c in attempts] for attempts in found], len(asked))


def _names(identifiers: Path | None) -> list[str]:
    if identifiers is None:
        return []
    try:
        names = json.loads(identifiers.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{identifiers}: cannot be read ({error.strerror or error})") from None
    except ValueError:
        raise DatasetError(f"{identifiers}: not a JSON file") from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DatasetError(f"{identifiers}: not a list of names. Use the identifiers.json of the dataset that the model was trained on.")
    return names


def _show(puzzle: ArcPuzzle, tests: list[dict[str, Any]], grids: list[list[ColourGrid]], copies: int) -> None:
    console = Console(highlight=False)
    for number, (pair, test, attempts) in enumerate(zip(puzzle.test, tests, grids, strict=True), 1):
        console.print(f"{puzzle.name}, test input {number}", style="bold")
        console.print(drawn_colours(pair.input))
        for k, (grid, votes) in enumerate(zip(attempts, test["votes"], strict=True), 1):
            right = "" if pair.output is None else ", right" if np.array_equal(grid, pair.output) else ", wrong"
            console.print(f"attempt {k}: {votes} of {copies} copies{right}")
            console.print(drawn_colours(grid))


def drawn_colours(grid: ColourGrid) -> Text:
    """Two characters per cell on its colour, with the digit for people who cannot see colours."""
    text = Text()
    for row in grid.tolist():
        for colour in row:
            text.append(f"{colour} ", f"{'black' if colour in (4, 5, 7, 8) else 'white'} on {PALETTE[colour]}")
        text.append("\n")
    return text if grid.size else Text("(no grid)\n", "dim")
