"""`hrm-studio lab`: experiments with a run. Change something in the middle and think on, try many times, draw maps of where states lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hrm_model.assets import find_model, model_for_task
from hrm_model.errors import MismatchError, UsageError
from hrm_studio.cli.common import AsJson, Device, load_model, plain_errors, print_json, puzzle_text
from hrm_studio.cli.lab_set import over_set

if TYPE_CHECKING:
    from hrm_model.lab.experiment import Found
    from hrm_model.loaded import LoadedModel

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Experiment with a run: change something in the middle, and see what follows."
)
app.command("set")(over_set)

Puzzle = Annotated[str, typer.Argument(help="The puzzle as text, a file, or - for standard input.")]
Model = Annotated[str | None, typer.Option(help="A bundled model's name, or a checkpoint. Default: the bundled model for this puzzle.")]
Segments = Annotated[int, typer.Option(help="Segments of the base and of each branch, 1 to 1024.")]
At = Annotated[int, typer.Option(help="Change it after this segment; 0: the initial states.")]
Module = Annotated[str, typer.Option(help="Which state: H, L or both.")]
OneModule = Annotated[str, typer.Option(help="Which module: H or L.")]
Cells = Annotated[str, typer.Option(help="all, or cells: numbers from 0 in reading order or r1c1, with commas.")]
Seed = Annotated[int, typer.Option(help="Of all randomness. The same seed gives the same numbers.")]
Out = Annotated[Path | None, typer.Option(help="Also write base, branches and experiment to this trace file (.h5).")]
Side = Annotated[int, typer.Option(help="Points of a side of the picture.")]
Zoom = Annotated[float, typer.Option(help="How many times closer the points lie together.")]
Components = Annotated[str, typer.Option(help="The two principal components of z_H that span the plane, counted from 1.")]
Think = Annotated[int, typer.Option(help="Segments to think on from each start.")]


@app.command()
def kick(
    puzzle: Puzzle, at: At = 4, sigma: Annotated[float, typer.Option(help="Size of the noise, in the state's own size.")] = 0.5,
    module: Module = "both", cells: Cells = "all", times: Annotated[int, typer.Option(help="Branches, with seeds that count up.")] = 1,
    segments: Segments = 16, seed: Seed = 0, model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Add Gaussian noise to the states after a segment."""
    with plain_errors():
        if not 1 <= times <= 256:
            raise UsageError(f"times is {times}; it must be 1 to 256")
        values = {"at": at, "sigma": sigma, "module": module, "cells": _cells(cells, puzzle), "times": times}
        _do("kick", values, puzzle, model, segments, seed, device, out, as_json)


@app.command()
def patch(
    puzzle: Puzzle, source: Annotated[int, typer.Option("--from", help="Take the states that held after this segment.")], at: At = 8,
    module: Module = "both", cells: Cells = "all", segments: Segments = 16, model: Model = None, device: Device = "auto", out: Out = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Put the states of another segment in place of those after a segment."""
    with plain_errors():
        values = {"at": at, "source": source, "module": module, "cells": _cells(cells, puzzle)}
        _do("patch", values, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def swap(
    puzzle: Puzzle, other: Annotated[str, typer.Option("--with", help="The other puzzle.")], at: At = 8, segments: Segments = 16,
    model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Two branches: z_H of another puzzle, and z_L of another puzzle, in place of this one's."""
    with plain_errors():
        _do("swap", {"at": at, "other": puzzle_text(other)}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def freeze(
    puzzle: Puzzle, module: OneModule = "H", at: At = 4, segments: Segments = 16, model: Model = None, device: Device = "auto",
    out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Do not call a module any more after a segment."""
    with plain_errors():
        _do("freeze", {"at": at, "module": module}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def cut(
    puzzle: Puzzle, path: Annotated[str, typer.Option(help="x-L: the puzzle into L; H-L: z_H into L; L-H: z_L into H.")] = "x-L",
    at: At = 4, segments: Segments = 16, model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Inject zeros in place of the puzzle, z_H or z_L after a segment."""
    with plain_errors():
        _do("cut", {"at": at, "path": path}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def drop(
    puzzle: Puzzle, at: At = 0, segments: Segments = 16, model: Model = None, device: Device = "auto", out: Out = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Put zeros in place of the puzzle's own vector."""
    with plain_errors():
        _do("drop", {"at": at}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def ablate(
    puzzle: Puzzle, module: OneModule = "H", layer: Annotated[int, typer.Option(help="Counted from 0.")] = 0,
    part: Annotated[str, typer.Option(help="A head, counted from 0, or a kind of message such as boxes. Default: the whole layer.")] = "",
    at: At = 0, segments: Segments = 16, model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take out a layer, or one of its heads."""
    with plain_errors():
        _do("ablate", {"at": at, "module": module, "layer": layer, "part": part}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def edit(
    puzzle: Puzzle, clue: Annotated[list[str], typer.Option(help="CELL=SYMBOL, such as r1c3=5; . takes a clue away. May be repeated.")] = [],  # noqa: B006
    hold: Annotated[str, typer.Option(help="Hold the states of these cells.")] = "", at: At = 4, segments: Segments = 16,
    model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Change the puzzle in the middle of thinking, or hold some cells."""
    with plain_errors():
        clues = {}
        for text in clue:
            cell, equals, symbol = text.partition("=")
            if not equals or len(symbol) != 1:
                raise UsageError(f"{text!r} is not a clue. Write CELL=SYMBOL, such as r1c3=5.")
            (place,) = _cells(cell, puzzle) or (-1,)
            clues[str(place)] = symbol
        values = {"at": at, "clues": clues, "hold": list(_cells(hold, puzzle) or ()) if hold else []}
        _do("edit", values, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def depth(
    puzzle: Puzzle, H_cycles: Annotated[int, typer.Option("--h-cycles", help="H-cycles of a segment.")] = 2,
    L_cycles: Annotated[int, typer.Option("--l-cycles", help="L-steps of an H-cycle.")] = 2, at: At = 0, segments: Segments = 16,
    model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Think on with other numbers of H-cycles and L-steps."""
    with plain_errors():
        _do("depth", {"at": at, "H_cycles": H_cycles, "L_cycles": L_cycles}, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def weights(
    puzzle: Puzzle, other: Annotated[str, typer.Option("--other", help="A model of the same sizes, such as another checkpoint of the run.")],
    at: At = 4, segments: Segments = 16, model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Let other weights think on after a segment."""
    with plain_errors():
        _do("weights", {"at": at, "other": other}, puzzle, model, segments, 0, device, out, as_json)


@app.command("think-on")
def think_on(
    puzzle: Puzzle, segments: Annotated[int, typer.Option(help="Think on to this many segments, up to 1024.")] = 256,
    start: Annotated[int, typer.Option(help="Segments of the base.")] = 16,
    until: Annotated[str, typer.Option(help="Stop by a rule: q_halt, movement:0.01, unchanged:8 or rules.")] = "",
    rule: Annotated[list[str], typer.Option(help="A rule to judge; may be repeated. Default: all four.")] = [],  # noqa: B006
    model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Go on from where the run stands, and say what each halting rule would have cost and missed."""
    with plain_errors():
        values = {"start": start, "until": until, "rules": list(rule)}
        _do("think-on", values, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def tries(
    puzzle: Puzzle, starts: Annotated[int, typer.Option(help="Tries from kicked initial states.")] = 0,
    sigma: Annotated[float, typer.Option(help="Size of these kicks.")] = 1.0,
    noise: Annotated[float, typer.Option(help="Size of the noise before each segment, of all tries but the first.")] = 0.0,
    relabel: Annotated[int, typer.Option(help="Relabelled copies of the puzzle.")] = 0,
    models: Annotated[list[str], typer.Option(help="Further models, one try each; with commas, or repeated.")] = [],  # noqa: B006
    segments: Annotated[int, typer.Option(help="Segments of each try, 1 to 1024.")] = 64, seed: Seed = 0, model: Model = None,
    device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Try many times in one batch, and choose by vote, q_halt, movement, violations, or the first to halt. Default: 8 kicked starts."""
    with plain_errors():
        others = [name.strip() for text in models for name in text.split(",") if name.strip()]
        if not (starts or relabel or others):
            starts = 8
        values = {"starts": starts, "sigma": sigma, "noise": noise, "relabel": relabel, "models": others}
        _do("tries", values, puzzle, model, segments, seed, device, out, as_json)


@app.command()
def landscape(
    puzzle: Puzzle, at: Annotated[int, typer.Option(help="Around z_H after this segment; 0: the last.")] = 0, side: Side = 41,
    zoom: Zoom = 1.0, components: Components = "1,2", segments: Segments = 16, model: Model = None, device: Device = "auto",
    out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Draw the error landscape: broken rules of the states around z_H, and where one segment moves them."""
    with plain_errors():
        values = {"at": at or segments, "side": side, "zoom": _zoom(zoom), "components": _components(components)}
        _do("landscape", values, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def basin(
    puzzle: Puzzle, at: Annotated[int, typer.Option(help="Around z_H after this segment; 0: the last.")] = 0, side: Side = 41,
    zoom: Zoom = 1.0, components: Components = "1,2", think: Think = 16, segments: Segments = 16, model: Model = None,
    device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Draw the basin map: where starts around z_H end, and how soon."""
    with plain_errors():
        values = {"at": at or segments, "side": side, "zoom": _zoom(zoom), "components": _components(components), "think": think}
        _do("basin", values, puzzle, model, segments, 0, device, out, as_json)


@app.command()
def stability(
    puzzle: Puzzle, count: Annotated[int, typer.Option(help="How many singular values.")] = 2,
    iterations: Annotated[int, typer.Option(help="Of the power iteration.")] = 12,
    every: Annotated[int, typer.Option(help="Only every so many segments.")] = 1, segments: Segments = 16, seed: Seed = 0,
    model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show the largest singular values of one segment's Jacobian along the run."""
    with plain_errors():
        values = {"count": count, "iterations": iterations, "every": every}
        _do("stability", values, puzzle, model, segments, seed, device, out, as_json)


@app.command()
def cause(
    puzzle: Puzzle,
    what: Annotated[str, typer.Option(help="cells: kick each cell's state; heads: knock out each head; clues: which clues it needs.")] = "clues",
    at: At = 0, sigma: Annotated[float, typer.Option(help="cells: size of the kick.")] = 1.0, module: Module = "both", think: Think = 8,
    segments: Segments = 16, seed: Seed = 0, model: Model = None, device: Device = "auto", out: Out = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show what an answer depends on: states of cells, heads, or clues."""
    with plain_errors():
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "cells": ("patching", {"at": at, "sigma": sigma, "module": module, "think": think}), "heads": ("heads", {"at": at}),
            "clues": ("clues", {}),
        }  # fmt: skip
        if what not in kinds:
            raise UsageError(f"Unknown --what {what!r}. Choose one of: {', '.join(kinds)}.")
        kind, values = kinds[what]
        _do(kind, values, puzzle, model, segments, seed, device, out, as_json)


@app.command()
def again(
    file: Annotated[Path, typer.Argument(help="A trace file with experiments.")],
    model: Annotated[str | None, typer.Option(help="The model. Default: the bundled one of the same name.")] = None,
    device: Device = "cpu", as_json: AsJson = False,
) -> None:  # fmt: skip
    """Run the experiments of a trace file again, and compare the numbers. Exit code 2 if they differ."""
    with plain_errors():
        from hrm_model.lab.branch import last
        from hrm_model.lab.experiment import differences, read_experiments
        from hrm_model.lab.run import run
        from hrm_model.trace_file.io import check

        check(file)
        found = []
        for old in read_experiments(file):
            loaded = load_model(find_model(model or old.model.name), device)
            if old.model.sha256 and loaded.sha256 != old.model.sha256:
                raise MismatchError(
                    f"{file}: the experiment was made with other weights than {loaded.name} has. Give that model by --model."
                )
            new = last(run(old.experiment, loaded, old.puzzle, models=_loader(device), keep=False)).about()
            found.append({"experiment": old.experiment.kind, "differs": differences({**old.found, "model": new["model"]}, new)})
        if as_json:
            print_json(file=str(file), same=not any(f["differs"] for f in found), experiments=found)
        else:
            for one in found:
                print(f"{one['experiment']}: {'other numbers: ' + ', '.join(one['differs'][:8]) if one['differs'] else 'the same numbers'}")
        if any(f["differs"] for f in found):
            raise typer.Exit(2)


def _do(
    kind: str, parameters: Mapping[str, Any], puzzle: str, model: str | None, segments: int, seed: int, device: str, out: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    from hrm_model.device import use_threads
    from hrm_model.lab.branch import last
    from hrm_model.lab.experiment import Experiment, write_found
    from hrm_model.lab.run import read_puzzle, run

    if not 1 <= segments <= 1024:
        raise UsageError(f"segments is {segments}; it must be 1 to 1024")
    if seed < 0:
        raise UsageError(f"seed is {seed}; it must be 0 or more")
    info = read_puzzle(puzzle_text(puzzle))
    loaded = load_model(find_model(model) if model else model_for_task(info.task).path, device)
    use_threads(loaded.model)
    with Console(stderr=True).status("Computing …"):
        found = last(run(Experiment(kind, parameters, seed, segments), loaded, info, models=_loader(device), keep=out is not None))
        if out is not None:
            write_found(out, found)
    if as_json:
        print_json(**found.about())
    else:
        _show(found)


def _loader(device: str) -> Any:
    @cache
    def load(name: str) -> LoadedModel:
        return load_model(find_model(name), device)

    return load


def _show(found: Found) -> None:
    console = Console(highlight=False)
    table = Table("", "solved", "broken rules", "q_halt", "cells that differ", "", box=None, pad_edge=False, header_style="bold")
    more = found.about()
    base_story = more.get("story", "")
    for name, one, said in [("base", found.base, base_story), *((b.name, b.outcome, b.more.get("story", "")) for b in found.branches)]:
        solved = {True: "yes", False: "no", None: "unknown"}[one.solved]
        q = "" if one.q_halt is None else f"{one.q_halt:+.2f}"
        table.add_row(
            name, solved, "" if one.violations is None else str(one.violations), q, "" if one is found.base else str(len(one.differs)), said
        )
    console.print(table)
    for rule in more.get("halts", []):
        missed = " and would have missed the answer" if rule["missed"] else ""
        when = "never stops" if rule["segment"] is None else f"stops after segment {rule['segment']}"
        console.print(f"{rule['rule']:15}{when}; right then: {_yes(rule['right'])}{missed}")
    for rule, chosen in more.get("chosen", {}).items():
        console.print(
            f"chosen by {rule:11}try {chosen['try']}, segment {chosen['segment']}: {'right' if chosen['solved'] else 'not right'}"
        )
    if "right" in more:
        low, high = more["interval"]
        console.print(
            f"{more['right']} of {more['tries']} tries are right ({low:.0%} to {high:.0%}); {more['ever_right']} were at some moment"
        )
    for name in ("success", "kept", "stopped_by", "right_in", "ends", "lowest", "centre", "at", "values", "changes", "cells"):
        if more.get(name) not in (None, "", []):
            console.print(f"{name.replace('_', ' ')}: {more[name]}")


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[value]


def _cells(text: str, puzzle: str) -> tuple[int, ...] | None:
    """Cells by number or as r1c1; None for all."""
    if text.strip().lower() == "all":
        return None
    from hrm_model.lab.run import read_puzzle

    side = round(len(read_puzzle(puzzle_text(puzzle)).given) ** 0.5)
    found = []
    for word in re.split(r"[,\s]+", text.strip()):
        place = re.fullmatch(r"r(\d+)c(\d+)", word.lower())
        if place:
            row, column = int(place[1]), int(place[2])
            if not (1 <= row <= side and 1 <= column <= side):
                raise UsageError(f"There is no cell {word}; rows and columns go from 1 to {side}.")
            found.append((row - 1) * side + column - 1)
        elif word.isdigit() and int(word) < side * side:
            found.append(int(word))
        else:
            raise UsageError(f"{word!r} is not a cell. Write a number from 0 to {side * side - 1}, or r1c1.")
    return tuple(found)


def _components(text: str) -> list[int]:
    words = re.split(r"[,\s]+", text.strip())
    if len(words) != 2 or not all(word.isdigit() and 1 <= int(word) <= 16 for word in words):
        raise UsageError(f"--components is {text!r}; write two numbers from 1 to 16, such as 1,2.")
    return [int(word) for word in words]


def _zoom(zoom: float) -> float:
    if not 1e-3 <= zoom <= 1e6:
        raise UsageError(f"--zoom is {zoom:g}; it must be 0.001 to 1,000,000")
    return zoom
