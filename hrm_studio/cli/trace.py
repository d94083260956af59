"""`hrm-studio trace`: records, inspects, checks, merges and exports trace files. Needs no display."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hrm_model.assets import find_model, model_for_task
from hrm_model.children import child_environment
from hrm_model.errors import ExportError, PuzzleError, TraceFileError, UsageError, child_crash
from hrm_model.tasks.arc.puzzle import encode, task_from_text
from hrm_model.tasks.arc.task import ArcTask
from hrm_model.tasks.base import Grid, Task
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.read import is_arc_task, parse_any
from hrm_model.trace_file import io as trace_file
from hrm_model.trace_file.io import Extras, TraceReader, TraceWriter
from hrm_model.trace_file.merge import merge as merge_files
from hrm_studio.cli.common import AsJson, Device, load_model, plain_errors, print_json, puzzle_text
from hrm_studio.export import tables
from hrm_studio.export.spec import ANIMATIONS, PICTURES, VIEWS, Spec

if TYPE_CHECKING:
    from hrm_model.loaded import LoadedModel

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Record, inspect, merge and export traces (HDF5 files of recorded reasoning)."
)

File = Annotated[Path, typer.Argument(help="A trace file (.h5).")]
_MOST_ATTENTION = 1 << 30  # bytes of one trace, which are in memory at once

Which = Annotated[int, typer.Option(min=1, help="The trace of the file, counted from 1.")]


@app.command()
def record(
    puzzle: Annotated[str, typer.Argument(help="The puzzle as text, a file, or - for standard input.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    model: Annotated[
        str | None, typer.Option(help="A bundled model's name, or a checkpoint. Default: the bundled model for this puzzle.")
    ] = None,
    segments: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Number of segments. Default: as many as such models need.")
    ] = None,
    states: Annotated[str, typer.Option(help=f"How to keep states: {', '.join(trace_file.STATES)}.")] = "full",
    previews: Annotated[bool, typer.Option(help="Also record the preview: what the model would answer after each L-step.")] = True,
    attention: Annotated[
        bool, typer.Option("--attention", help="Also record attention in every layer at every step. The file becomes many times larger.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Record this many puzzles of a file, one trace each.")] = 1,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Record a trace: let a model reason about a puzzle, or about several of a file, and keep every step."""
    with plain_errors():
        if states not in trace_file.STATES:
            raise UsageError(f"Unknown --states {states!r}. Choose one of: {', '.join(trace_file.STATES)}.")
        task, grids, solutions, name = _puzzles(puzzle, most)
        path = find_model(model) if model else model_for_task(task.name).path
        from hrm_model.device import use_threads
        from hrm_model.recompute import attention_bytes, attention_of_all
        from hrm_model.recording import StepKeeper, recorded_steps
        from hrm_model.trace.data import PuzzleInfo
        from hrm_model.trace.recorder import TraceRecorder

        loaded = load_model(path, device)
        loaded.must_read(task.name)
        network, config = loaded.model, loaded.model.config
        segments = segments or config.usual_segments
        use_threads(network)
        identifier = _vector(loaded, task, name)
        positions, width = config.state_shape(task.cells)
        size = trace_file.size_estimate(
            h_steps=segments * config.H_cycles, l_steps=segments * config.H_cycles * config.L_cycles, positions=positions,
            cells=task.cells, width=width, vocabulary=task.vocab_size, states=states,
        )  # fmt: skip
        more = attention_bytes(config, segments=segments) if attention else 0
        if more > _MOST_ATTENTION:
            raise UsageError(
                f"attention of {segments} segments takes {more / 1e9:,.1f} GB; the limit is {_MOST_ATTENTION / 1e9:.0f} GB. Use fewer --segments."
            )
        progress = _progress(quiet=as_json)
        with progress, TraceWriter(out, states=states) as writer:
            bar = progress.add_task(
                f"{loaded.name}, about {(size + more) * len(grids) / 1e6:.1f} MB", total=segments * config.steps_per_segment * len(grids)
            )
            for number, (grid, solution) in enumerate(zip(grids, solutions, strict=True), 1):
                puzzle_info = PuzzleInfo.of(task, grid, solution, identifier)
                title = f"Puzzle {number}" if len(grids) > 1 else ""
                recorder = TraceRecorder(puzzle_info, loaded.info) if attention else None  # attention is computed from a whole trace
                if recorder is None:
                    writer.begin(puzzle_info, loaded.info, Extras(title))
                keeper: StepKeeper = writer if recorder is None else recorder
                with_states = attention or states != "none"
                for _ in recorded_steps(network, puzzle_info, keeper, segments=segments, previews=previews, states=with_states):
                    progress.advance(bar)
                if recorder is not None:
                    made = recorder.trace()
                    writer.write(made, Extras(title, attention=attention_of_all(network, made)))
    _print_info(out, as_json)


def _puzzles(argument: str, most: int) -> tuple[Task, Sequence[Grid], Sequence[Grid | None], str]:
    """The puzzle that a person names, or the first `most` of a file; their solutions; the name of an ARC task, whose file holds the answers."""
    if argument.endswith((".json", "-")) and is_arc_task(text := puzzle_text(argument)):
        arc = task_from_text(text, Path(argument).stem, argument)
        solutions = [None if pair.output is None else encode(pair.output).astype(np.int8) for pair in arc.test[:most]]
        return ArcTask(), [encode(pair.input).astype(np.int8) for pair in arc.test[:most]], solutions, arc.name
    if most > 1:
        found = read_puzzles(Path(argument), limit=most)
        task, grids = found.task, list(found.puzzles)
    else:
        task, grid = parse_any(puzzle_text(argument) if argument != "-" else text)
        grids = [grid]
    if not task.known_rules:
        return task, grids, [None] * len(grids), ""
    return task, grids, [_solved(task, grid, number if len(grids) > 1 else 0) for number, grid in enumerate(grids, 1)], ""


def _vector(loaded: LoadedModel, task: Task, name: str) -> int:
    """The model's puzzle vector for an ARC task, by its name. Prints it if the model has none."""
    if task.known_rules:
        return 0
    from trainer.data.identifiers import identify

    config = loaded.model.config
    found = identify(loaded.path, loaded.name, config.num_puzzle_identifiers if config.puzzle_emb_ndim else 0, name)
    if not found.trained:
        print(f"hrm-studio: {found.words}", file=sys.stderr)
    return found.number


def _solved(task: Task, grid: Grid, number: int) -> Grid:
    """The solution. The PuzzleError names the puzzle if there are several."""
    try:
        return task.solve(grid)
    except PuzzleError as error:
        raise PuzzleError(f"puzzle {number}: {error}" if number else str(error)) from None


@app.command("info")
def show_info(file: File, as_json: AsJson = False) -> None:
    """Show the traces of a file."""
    _print_info(file, as_json)


def _print_info(file: Path, as_json: bool) -> None:
    with plain_errors():
        entries = trace_file.check(file)
        size = file.stat().st_size
    first = entries[0]
    if as_json:
        keys = ("task", "model", "segments", "steps", "solved", "states")
        print_json(**{key: getattr(first, key) for key in keys}, bytes=size, traces=[asdict(entry) for entry in entries])
        return
    print(f"{file}: {len(entries)} trace{'s' if len(entries) > 1 else ''}, {size / 1e6:,.1f} MB")
    for number, entry in enumerate(entries, 1):
        solved = {True: "solved", False: "not solved", None: "no solution known"}[entry.solved]
        rest = "" if entry.complete else "; incomplete, its writer was interrupted"
        print(
            f"{number:4}  {entry.title}: {entry.segments} segments, {entry.steps} steps, {solved}, states {entry.states}, {entry.bytes / 1e6:,.1f} MB{rest}"
        )


@app.command()
def check(file: File) -> None:
    """Read everything once. Exit code 2 if something is wrong."""
    with plain_errors():
        entries = trace_file.check(file)
        broken = [entry.name for entry in entries if not entry.complete]
        if broken:
            raise TraceFileError(
                f"{file}: {', '.join(broken)} is incomplete: its writer was interrupted. hrm-studio trace merge keeps the complete segments."
            )
    print(f"{file}: {len(entries)} trace{'s' if len(entries) > 1 else ''}, {sum(e.steps for e in entries)} steps, complete")


@app.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="Trace files, in the order of their traces in the new file.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    states: Annotated[str, typer.Option(help=f"How to keep states: {', '.join(trace_file.STATES)}.")] = "full",
) -> None:
    """Merge the traces of several files into one, or rewrite a single file, for example with smaller states."""
    with plain_errors():
        if states not in trace_file.STATES:
            raise UsageError(f"Unknown --states {states!r}. Choose one of: {', '.join(trace_file.STATES)}.")
        count = merge_files(files, out, states)  # type: ignore[arg-type]
    print(f"{out}: {count} trace{'s' if count > 1 else ''}, {out.stat().st_size / 1e6:,.1f} MB")


@app.command()
def export(
    file: File,
    gif: Annotated[bool, typer.Option("--gif", help="GIF animation.")] = False,
    mp4: Annotated[bool, typer.Option("--mp4", help="MP4 animation (needs the extra `video`).")] = False,
    frames: Annotated[bool, typer.Option("--frames", help="Folder of PNG pictures, one per step.")] = False,
    png: Annotated[bool, typer.Option("--png", help="PNG picture.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="SVG picture (vector graphics).")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="PDF page (vector graphics).")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Table of curves and answers, one row per step.")] = False,
    npy: Annotated[bool, typer.Option("--npy", help="Folder of all arrays.")] = False,
    out: Annotated[Path | None, typer.Option(help="Output file or folder. Default: next to the trace, with its name.")] = None,
    views: Annotated[str, typer.Option(help=f"Views to show, separated by commas: {', '.join(VIEWS)}.")] = "board,timeline",
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    width: Annotated[int, typer.Option(help="Pixels before --scale.")] = 480,
    height: Annotated[int, typer.Option(help="Pixels before --scale. 0: as high as the views need.")] = 0,
    scale: Annotated[float, typer.Option(help="Factor for --width and --height.")] = 1.0,
    title: Annotated[str, typer.Option(help="Title line.")] = "",
    captions: Annotated[bool, typer.Option(help="Describe the step in words.")] = True,
    step: Annotated[int, typer.Option(help="Step of a picture, counted from 0. −1: the last.")] = -1,
    first: Annotated[int, typer.Option(help="First step of an animation.")] = 0,
    last: Annotated[int, typer.Option(help="Last step of an animation. −1: one segment after the solution.")] = -1,
    whole: Annotated[bool, typer.Option("--whole", help="To the last step, even if the answer no longer changes.")] = False,
    speed: Annotated[float, typer.Option(help="Steps per second.")] = 8.0,
    hold: Annotated[float, typer.Option(help="Seconds to show the last step.")] = 2.0,
    trace: Which = 1,
) -> None:
    """Export pictures, animations and tables of a trace."""
    wanted = [kind for kind, on in zip(
        (*ANIMATIONS, *PICTURES, "csv", "npy"), (gif, mp4, frames, png, svg, pdf, as_csv, npy), strict=True) if on]  # fmt: skip
    with plain_errors():
        if not wanted:
            raise UsageError("Choose a format: --gif, --mp4, --frames, --png, --svg, --pdf, --csv or --npy.")
        if out is not None and len(wanted) > 1:
            raise UsageError(f"--out names one file, but several formats were chosen: {', '.join('--' + kind for kind in wanted)}.")
        entries = trace_file.check(file)
        if trace > len(entries):
            raise TraceFileError(f"{file} has {len(entries)} trace{'s' if len(entries) > 1 else ''}; there is no number {trace}.")
        name = entries[trace - 1].name
        for kind in wanted:
            target = out or file.with_name(file.stem + {"frames": "_frames", "npy": "_arrays"}.get(kind, f".{kind}"))
            if kind in ("csv", "npy"):
                with TraceReader(file) as reader:
                    found = reader.read(name)
                tables.write_csv(found, target) if kind == "csv" else tables.write_npy(found, target)
            else:
                spec = Spec(
                    kind, tuple(v.strip() for v in views.split(",") if v.strip()), theme, width, height, scale, title, captions, step, first, last,  # type: ignore[arg-type]
                    whole, speed, hold,
                )  # fmt: skip
                _make(file, name, spec, target)
            print(target)


def _make(file: Path, name: str, spec: Spec, target: Path) -> None:
    """Make a picture in a process of its own, because Qt has one scale per process."""
    asked = {"trace": str(file), "name": name, "spec": asdict(spec), "out": str(target)}
    command = [sys.executable, "-m", "hrm_studio.render"]
    with (
        _progress(quiet=not spec.animated) as progress,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=child_environment()
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
        bar = progress.add_task(target.name, total=None)
        answer: dict[str, Any] = {}
        for line in process.stdout:
            answer = json.loads(line)
            if "done" in answer:
                progress.update(bar, completed=answer["done"], total=answer["total"])
        output = process.stderr.read()
    if "failed" in answer:
        raise ExportError(answer["failed"])
    if "finished" not in answer:
        raise child_crash("The process that makes pictures", output, process.returncode)


def _progress(*, quiet: bool) -> Progress:
    """A progress bar on standard error, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
