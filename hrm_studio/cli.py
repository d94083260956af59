"""The command line. Everything here calls the code that the app calls; torch is loaded only where a model runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from hrm_model.assets import bundled_models, find_model, model_for_task
from hrm_model.tasks.sudoku import (
    Grid,
    PuzzleError,
    Variant,
    check_puzzle,
    format_line,
    from_tokens,
    is_solution,
    parse,
    parse_line,
    to_tokens,
    variant_of_cells,
    violations,
)
from hrm_model.tasks.sudoku_solver import unique_solution

app = typer.Typer(add_completion=False, help="Watch a Hierarchical Reasoning Model think. Without a command, the app opens.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Segments = Annotated[int, typer.Option(min=1, max=4096, help="Segments to think for.")]
Device = Annotated[str, typer.Option(help="cpu, cuda:0, mps, or auto.")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """What people can mend is said in one sentence, with exit code 2; our own mistakes keep their traceback."""
    try:
        yield
    except ValueError as error:  # PuzzleError, CheckpointError, RunError, ConfigError are ValueErrors
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"hrm-studio: {error}", markup=False)
        raise typer.Exit(2) from None


def _version(wanted: bool) -> None:
    if wanted:
        try:
            print(f"hrm-studio {version('hrm-studio')}")
        except PackageNotFoundError:
            print("hrm-studio (not installed)")
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
    puzzle: Annotated[str, typer.Argument(help="The cells as text, a file that holds them, or - for standard input.")],
    model: Annotated[
        str | None, typer.Option(help="A bundled model's name or a checkpoint. Default: the bundled one of this size.")
    ] = None,
    segments: Segments = 64,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Let a model reason about one puzzle and show its answer."""
    with plain_errors():
        grid = parse(_puzzle_text(puzzle))
        variant = variant_of_cells(len(grid))
        check_puzzle(grid, variant)
        unique_solution(grid, variant)
        path = find_model(model) if model else model_for_task(variant.task).path
        from hrm_model.checkpoint import load
        from hrm_model.device import use_threads
        from hrm_model.reason import reason

        network = load(path, None if device == "auto" else device)
        use_threads(network)
        _must_read(network.config.task, variant, path)
        begin = time.perf_counter()
        answer, steps = grid, 0
        for step in reason(network, to_tokens(grid), segments=segments, previews=False, states=False):
            steps += 1
            if step.prediction is not None:
                answer = from_tokens(step.prediction)
        seconds = time.perf_counter() - begin
    solved, broken = is_solution(answer, grid, variant), violations(answer, variant)
    if as_json:
        _print_json(
            puzzle=format_line(grid), solution=format_line(answer), solved=solved, violations=broken, segments=segments, steps=steps, seconds=round(seconds, 4)
        )  # fmt: skip
        return
    console = Console(highlight=False)
    console.print(_drawn(grid, answer, variant))
    verdict = (
        "solved"
        if solved
        else f"not solved: {broken} rule violations"
        if broken
        else "not solved: a given digit was changed or a cell left open"
    )
    console.print(f"{verdict} — {segments} segments, {steps} steps, {seconds:.2f} s, model {path.name}")


def _puzzle_text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    try:
        if len(argument) < 256 and Path(argument).is_file():
            return Path(argument).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PuzzleError(f"{argument}: is not a text file") from None
    except (OSError, ValueError):
        pass  # too odd for a file name, so it is a puzzle
    return argument


def _must_read(task: str, variant: Variant, path: Path) -> None:
    if task != variant.task:
        raise ValueError(f"{path} reads {task}; the puzzle is {variant.task}")


def _drawn(given: Grid, answer: Grid, variant: Variant) -> Text:
    """The answer as a grid: givens bold, wrong givens and repeated digits red."""
    from hrm_model.tasks.sudoku import conflicts

    bad = conflicts(answer, variant)
    text = Text()
    for row in range(variant.side):
        if row and row % variant.box_height == 0:
            text.append(
                " ┼ ".join("─" * (2 * variant.box_width - 1) for _ in range(variant.side // variant.box_width)).replace(" ", "─") + "\n",
                "dim",
            )
        for column in range(variant.side):
            cell = row * variant.side + column
            style = "bold" if given[cell] else "cyan"
            text.append(str(answer[cell] or "."), f"{style} red" if bad[cell] else style)
            inside = (column + 1) % variant.box_width or column + 1 == variant.side
            text.append(" " if inside else " │ ", "dim")
        text.append("\n")
    return text


@app.command("eval")
def evaluate_file(
    model: Annotated[str, typer.Argument(help="A bundled model's name or a checkpoint.")],
    file: Annotated[Path, typer.Argument(help="One puzzle a line; a solution may follow after a comma, else it is solved.")],
    segments: Segments = 64,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Judge a model on a file of puzzles."""
    with plain_errors():
        puzzles, solutions, variant = _read_puzzles(file)
        path = find_model(model)
        from hrm_model.checkpoint import about, load
        from trainer.evaluate import evaluate

        network = load(path, None if device == "auto" else device)
        _must_read(network.config.task, variant, path)
        begin = time.perf_counter()
        found = evaluate(network, puzzles, solutions, segments=segments, q_continue=about(path).get("q_continue", True))
        seconds = time.perf_counter() - begin
    if as_json:
        _print_json(
            puzzles=found.puzzles, exact=found.exact, cells=found.cells, mean_segments=found.mean_segments, seconds=round(seconds, 3)
        )
        return
    low, high = found.interval
    print(f"{found.puzzles} puzzles, {segments} segments, {seconds:.1f} s")
    print(f"whole puzzle right  {found.exact:8.2%}   (95 %: {low:.2%} to {high:.2%})")
    print(f"blank cells right   {found.cells:8.2%}")
    print(f"would halt after    {found.mean_segments:8.2f}   segments on average")


def _read_puzzles(file: Path) -> tuple[np.ndarray, np.ndarray, Variant]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'it is not text'})") from None
    puzzles, solutions = [], []
    variant: Variant | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            grid, solution = parse_line(line, variant)
            variant = variant or variant_of_cells(len(grid))
            if solution is None:
                solution = unique_solution(grid, variant)
            elif not is_solution(solution, grid, variant):
                raise PuzzleError("what follows the comma is not a solution of the puzzle before it.")
        except PuzzleError as error:
            raise ValueError(f"{file}, line {number}: {error}") from None
        puzzles.append(grid)
        solutions.append(solution)
    if variant is None:
        raise ValueError(f"{file}: holds no puzzle; one a line is needed")
    return np.stack(puzzles), np.stack(solutions), variant


@app.command()
def train(
    preset: Annotated[str, typer.Argument(help="sudoku-4x4, sudoku-6x6, sudoku-9x9 or sudoku-extreme-1k.")],
    run_dir: Annotated[Path | None, typer.Option(help="Where the run lives. One that is there goes on from its last checkpoint.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.001, help="Stop after so much computing time.")] = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train a model in a process of its own and follow it. Ctrl+C stops it with a checkpoint."""
    from trainer.presets import preset as preset_named
    from trainer.run_dir import RunDir, new_run_path

    with plain_errors():
        config = preset_named(preset).model_copy(update={"seed": seed, "device": device, **({"minutes": minutes} if minutes else {})})
        path = run_dir or new_run_path(preset)
        if (path / "config.yaml").exists():
            run = RunDir(path)
            if run.config().preset != preset:
                raise ValueError(f"{path}: is a run of {run.config().preset!r}, not of {preset!r}")
        else:
            run = RunDir.create(path, config)
    raise typer.Exit(_follow(run))


def _follow(run: Any) -> int:
    """Start the trainer and show what it says until it ends. Returns its exit code."""
    console = Console(highlight=False)
    console.print(f"run directory: {run.path}", soft_wrap=True)
    reader = run.events()
    reader.read()  # an earlier process's events are known
    with (run.path / "log.txt").open("ab") as log:
        # A session of its own: Ctrl+C reaches this process only, which then asks the trainer to stop.
        process = subprocess.Popen([sys.executable, "-m", "trainer", str(run.path)], stdout=log, stderr=log, start_new_session=True)
    config = run.config()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    asked = False
    failed = ""
    with Progress(*columns, console=console, transient=False) as progress:
        bar = progress.add_task("preparing puzzles", total=config.steps, rate="")
        while True:
            try:
                running = process.poll() is None
                for entry in reader.read():
                    failed = _show(entry, progress, bar, run) or failed
                if not running:
                    break
                time.sleep(0.2)
            except KeyboardInterrupt:
                if asked:
                    console.print("left running; `hrm-studio train` with this --run-dir comes back to it")
                    return 130
                asked = True
                run.command("stop")
                console.print("stopping after this step, with a checkpoint … (Ctrl+C again leaves it running)")
    if process.returncode:
        words = failed or (run.path / "log.txt").read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        console.print(f"the trainer failed ({process.returncode}): {words}", markup=False, soft_wrap=True)
        return int(process.returncode)
    best = run.pointer("best")
    if best is not None:
        console.print(f"best checkpoint: {best}", soft_wrap=True)
    return 0


def _show(entry: dict[str, Any], progress: Progress, bar: Any, run: Any) -> str:
    kind = entry["type"]
    progress.update(bar, completed=entry["step"])
    if kind == "metrics":
        rate = run.status().get("steps_per_second")
        values = entry["values"]
        progress.update(bar, description=f"loss {values['loss']:.3f}", rate=f"{rate:.1f} steps/s" if rate else "")
    elif kind == "evaluation":
        for name, found in entry["sets"].items():
            progress.console.print(
                f"step {entry['step']:>6}  {entry['seconds']:6.0f} s   {name}: {found['exact']:.1%} of {found['puzzles']} unseen puzzles"
                f" ({found['low']:.1%}–{found['high']:.1%}), {found['cells']:.1%} of blank cells"
            )
    elif kind in ("warning", "failed"):
        progress.console.print(entry["message"], markup=False)
        return str(entry["message"]) if kind == "failed" else ""
    return ""


@app.command()
def models() -> None:
    """List the models that ship with the studio."""
    for model in bundled_models():
        print(f"{model.name:14} {model.title}")


def _print_json(**values: Any) -> None:
    print(json.dumps(values))


def main() -> None:
    """Entry point of `hrm-studio`."""
    app()
