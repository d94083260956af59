"""`hrm-studio solve`: one puzzle, one model, the answer in the shell."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import hrm_model
from hrm_model.assets import find_model, model_for_task
from hrm_model.tasks.read import is_arc_task, parse_any
from hrm_model.trace.data import PuzzleInfo
from hrm_studio.cli.arc import solve_arc
from hrm_studio.cli.common import (
    TRY_ANYWAY,
    AnySolution,
    AsJson,
    Device,
    Segments,
    drawn,
    load_model,
    plain_errors,
    print_json,
    puzzle_text,
)


def solve(
    puzzle: Annotated[str, typer.Argument(help="The puzzle as text, a file, - for standard input, or an ARC task (.json).")],
    model: Annotated[
        str | None, typer.Option(help="A bundled model's name, or a checkpoint. Default: the bundled model for this puzzle.")
    ] = None,
    segments: Segments = 64,
    device: Device = "auto",
    copies: Annotated[int, typer.Option(min=1, help="ARC: number of augmented copies of the task that vote.")] = 32,
    identifiers: Annotated[
        Path | None,
        typer.Option(
            help="ARC: identifiers.json of the dataset that the model was trained on, to use the puzzle vectors of the task and its copies. Default: the one beside the checkpoint."
        ),
    ] = None,
    any_solution: AnySolution = False,
    as_json: AsJson = False,
) -> None:
    """Solve a puzzle with a model and show the answer. For an ARC task the model has two attempts, voted over copies of the task."""
    with plain_errors(several=TRY_ANYWAY):
        text = puzzle_text(puzzle)
        if puzzle.endswith(".json") and is_arc_task(text):
            solve_arc(
                Path(puzzle), find_model(model) if model else model_for_task("arc").path, identifiers, copies, segments, device, as_json
            )
            return
        task, grid = parse_any(text)
        info = PuzzleInfo.of(task, grid, task.solution_if_one(grid) if any_solution else task.solve(grid))
        loaded = load_model(find_model(model) if model else model_for_task(task.name).path, device)
        loaded.must_read(task.name)
        from hrm_model.device import use_threads

        use_threads(loaded.model)
        begin = time.perf_counter()
        answer = hrm_model.solve(loaded, info, segments=segments)
        seconds = time.perf_counter() - begin
    if as_json:
        print_json(
            puzzle=info.text, solution=answer.text, solved=answer.solved, violations=answer.violations, undecided=answer.undecided, would_halt_after=answer.would_halt_after, story=answer.story, segments=segments, steps=answer.steps, seconds=round(seconds, 4)
        )  # fmt: skip
        return
    console = Console(highlight=False)
    console.print(drawn(task, grid, task.from_tokens(answer.tokens), answer.sure))
    console.print(answer.story)
    if answer.undecided:
        console.print("Dim: the likeliest digit of a cell that the model is not sure of.", style="dim")
    console.print(f"{segments} segments, {answer.steps} steps, {seconds:.2f} s, model {loaded.name}")
