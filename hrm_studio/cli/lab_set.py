"""`hrm-studio lab set`: an experiment over a file of puzzles, with one parameter varied."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hrm_model.assets import find_model, model_for_task
from hrm_model.errors import UsageError
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_studio.cli.common import AsJson, Device, load_model, plain_errors, print_json

if TYPE_CHECKING:
    from hrm_model.lab.sets import Variant


def over_set(
    puzzles: Annotated[Path, typer.Argument(help="A puzzle file (text, .sdk, .sdm, .ss, .csv).")],
    experiment: Annotated[str, typer.Option(help="kick, freeze, tries, think-on, or another experiment.")] = "think-on",
    vary: Annotated[
        str, typer.Option(help="NAME=VALUE,VALUE…: run it with each value, such as at=0,2,4. Also `segments` and `seed`.")
    ] = "",
    set_: Annotated[list[str], typer.Option("--set", help="NAME=VALUE: another parameter than usual. May be repeated.")] = [],  # noqa: B006
    limit: Annotated[int, typer.Option(min=1, help="Use only the first puzzles.")] = 20,
    segments: Annotated[int, typer.Option(help="Segments, 1 to 1024.")] = 64,
    seed: Annotated[int, typer.Option(help="Of all randomness.")] = 0,
    model: Annotated[str | None, typer.Option(help="A bundled model's name, or a checkpoint.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Append each result to this file, and go on from what it holds.")] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Run an experiment over a set of puzzles: accuracy against freeze step, size of a kick, number of tries, segments or halting rule."""
    with plain_errors():
        variants = _variants(experiment, vary, set_, segments, seed)
        read = read_puzzles(puzzles, solve=True, limit=limit)
        from hrm_model.device import use_threads
        from hrm_model.lab.sets import run_set, summary
        from hrm_model.trace.data import PuzzleInfo

        assert read.solutions is not None
        infos = [PuzzleInfo.of(read.task, g, s) for g, s in zip(read.puzzles, read.solutions, strict=True)]
        loaded = load_model(find_model(model) if model else model_for_task(read.task.name).path, device)
        use_threads(loaded.model)
        load = cache(lambda name: load_model(find_model(name), device))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        lines = []
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(f"{experiment}, {loaded.name}", total=len(variants) * len(infos))
            for line in run_set(variants, loaded, infos, models=load, path=keep):
                if line is not None:
                    lines.append(line)
                    progress.advance(bar)
        rows = summary(lines)
    if as_json:
        print_json(experiment=experiment, model=loaded.name, puzzles=len(infos), set=puzzles.name, seed=seed, results=rows)
        return
    for row in rows:
        print(f"{row.pop('label')}, {row.pop('puzzles')} puzzles")
        for name, value in row.items():
            print(f"  {name:14}{_said(value)}")


def _said(value: Any) -> str:
    if isinstance(value, dict) and "share" in value:
        low, high = value["interval"]
        more = "".join(f", {k.replace('_', ' ')} {v}" for k, v in value.items() if k not in ("solved", "of", "share", "interval"))
        share = (
            "unknown" if value["share"] is None else f"{value['share']:.1%} ({low:.1%} to {high:.1%}; {value['solved']} of {value['of']})"
        )
        return share + more
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v:.1%}" for k, v in value.items())
    return str(value)


def _variants(kind: str, vary: str, more: list[str], segments: int, seed: int) -> list[Variant]:
    from hrm_model.lab.experiment import Experiment
    from hrm_model.lab.parameters import complete
    from hrm_model.lab.sets import Variant

    fixed = dict(_pair(text) for text in more)
    name, values = _pair(vary) if vary else ("", None)
    made = []
    for value in values if isinstance(values, list) else [values]:
        own = fixed | ({name: value} if name else {})
        counts = {"segments": own.pop("segments", segments), "seed": own.pop("seed", seed)}
        for count, least, most in (("segments", 1, 1024), ("seed", 0, 2**62)):
            if not isinstance(counts[count], int) or not least <= counts[count] <= most:
                raise UsageError(f"{count} is {counts[count]!r}; it must be {least} to {most}")
        label = f"{name}={value}" if name else kind
        made.append(Variant(label, Experiment(kind, complete(kind, own), counts["seed"], counts["segments"])))
    return made


def _pair(text: str) -> tuple[str, Any]:
    """'at=0,2' → ('at', [0, 2]); one value by itself."""
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise UsageError(f"{text!r} is not NAME=VALUE.")
    found = [_value(word) for word in values.split(",")]
    return name, found if len(found) > 1 else found[0]


def _value(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word
