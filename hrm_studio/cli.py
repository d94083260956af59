"""The command line. Everything here calls the code that the app calls; torch is loaded only where a model runs."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hrm_model.assets import bundled_models, find_model, model_for_task
from hrm_model.tasks.base import PuzzleError
from hrm_model.tasks.find import parse_any
from hrm_studio import cli_eval
from hrm_studio.cli_common import AsJson, Device, Segments, drawn, must_read, plain_errors, print_json

app = typer.Typer(add_completion=False, help="Watch a Hierarchical Reasoning Model think. Without a command, the app opens.")
app.command("eval")(cli_eval.evaluate_file)


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
        task, grid = parse_any(_puzzle_text(puzzle))
        known = task.solve(grid)
        path = find_model(model) if model else model_for_task(task.name).path
        from hrm_model.checkpoint import load
        from hrm_model.device import use_threads
        from hrm_model.reason import reason

        network = load(path, None if device == "auto" else device)
        use_threads(network)
        must_read(network.config.task, task, path)
        begin = time.perf_counter()
        answer, steps = grid, 0
        for step in reason(network, task.to_tokens(grid), segments=segments, previews=False, states=False):
            steps += 1
            if step.prediction is not None:
                answer = task.from_tokens(step.prediction)
        seconds = time.perf_counter() - begin
    solved, broken = bool(task.right(answer[None], grid[None], known[None])[0]), int(task.violations(answer[None], grid)[0])
    if as_json:
        print_json(
            puzzle=task.format_line(grid), solution=task.format_line(answer), solved=solved, violations=broken, segments=segments, steps=steps, seconds=round(seconds, 4)
        )  # fmt: skip
        return
    console = Console(highlight=False)
    console.print(drawn(task, grid, answer))
    verdict = "solved" if solved else f"not solved: {broken} rule violations" if broken else f"not solved: {task.almost}"
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


def main() -> None:
    """Entry point of `hrm-studio`."""
    app()
