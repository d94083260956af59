"""The command line. Everything here calls the code that the app calls; torch is loaded only where a model runs."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import hrm_model
from hrm_model.assets import find_model, model_for_task
from hrm_model.tasks.read import is_arc_task, parse_any
from hrm_model.trace.data import PuzzleInfo
from hrm_studio.cli import data as cli_data
from hrm_studio.cli import eval as cli_eval
from hrm_studio.cli import models as cli_models
from hrm_studio.cli import trace as cli_trace
from hrm_studio.cli.arc import solve_arc
from hrm_studio.cli.common import AsJson, Device, Segments, drawn, load_model, plain_errors, print_json, puzzle_text
from hrm_studio.cli.runs import runs
from hrm_studio.cli.train import train

_BEGINS_WITH_DASH = re.compile(r"-[-0-9.*_xX\s|+]{15,}")

app = typer.Typer(add_completion=False, help="Watch a Hierarchical Reasoning Model think. Without a command, the app opens.")
app.command("eval")(cli_eval.evaluate_file)
app.command("results")(cli_eval.results)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_models.app, name="models")
app.add_typer(cli_trace.app, name="trace")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hrm-studio {hrm_model.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        from hrm_studio.app import main as open_app

        raise typer.Exit(open_app())


@app.command()
def solve(
    puzzle: Annotated[str, typer.Argument(help="The cells as text, a file that holds them, - for standard input, or an ARC task's .json.")],
    model: Annotated[
        str | None, typer.Option(help="A bundled model's name or a checkpoint. Default: the bundled one of this size.")
    ] = None,
    segments: Segments = 64,
    device: Device = "auto",
    copies: Annotated[int, typer.Option(min=1, help="ARC: copies of the task that vote.")] = 32,
    identifiers: Annotated[
        Path | None,
        typer.Option(help="ARC: identifiers.json of the dataset that the model was trained on; its copies have vectors of their own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a model reason about one puzzle and show its answer; at an ARC task it has two attempts, voted over copies of the task."""
    with plain_errors():
        text = puzzle_text(puzzle)
        if puzzle.endswith(".json") and is_arc_task(text):
            solve_arc(
                Path(puzzle), find_model(model) if model else model_for_task("arc").path, identifiers, copies, segments, device, as_json
            )
            return
        task, grid = parse_any(text)
        info = PuzzleInfo.of(task, grid, task.solve(grid))
        loaded = load_model(find_model(model) if model else model_for_task(task.name).path, device)
        loaded.must_read(task.name)
        from hrm_model.device import use_threads

        use_threads(loaded.model)
        begin = time.perf_counter()
        answer = hrm_model.solve(loaded, info, segments=segments)
        seconds = time.perf_counter() - begin
    if as_json:
        print_json(
            puzzle=info.text, solution=answer.text, solved=answer.solved, violations=answer.violations, segments=segments, steps=answer.steps, seconds=round(seconds, 4)
        )  # fmt: skip
        return
    console = Console(highlight=False)
    console.print(drawn(task, grid, task.from_tokens(answer.tokens)))
    broken = answer.violations
    verdict = "solved" if answer.solved else f"not solved: {broken} rule violations" if broken else f"not solved: {task.almost}"
    console.print(f"{verdict} — {segments} segments, {answer.steps} steps, {seconds:.2f} s, model {loaded.name}")


app.command()(train)
app.add_typer(runs, name="runs")


def main() -> None:
    """Entry point of `hrm-studio`. A file or folder alone (`hrm-studio t.h5`) opens the app with it."""
    alone = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    if alone is not None and (alone.suffix in (".h5", ".hdf5") or len(alone.parts) > 1 or (alone.suffix and alone.is_file())):
        if not alone.exists():
            print(f"hrm-studio: {alone}: there is no such file or folder", file=sys.stderr)
            sys.exit(2)
        from hrm_studio.app import main as open_app

        sys.exit(open_app(path=alone))
    app([*_puzzle_after_options(sys.argv[1:])])


def _puzzle_after_options(arguments: list[str]) -> list[str]:
    """The arguments with a puzzle that begins with - put last, where it is not taken for an option."""
    puzzles = [a for a in arguments if _BEGINS_WITH_DASH.fullmatch(a)]
    if not puzzles or "--" in arguments:
        return arguments
    return [*(a for a in arguments if a not in puzzles), "--", *puzzles]
