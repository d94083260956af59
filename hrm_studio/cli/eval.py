"""`hrm-studio eval`: evaluates a model on a set of puzzles. `hrm-studio results`: compares the evaluations made so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hrm_model.assets import find_model
from hrm_model.errors import DatasetError, write_failure
from hrm_model.tasks.base import Grids, Task
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_studio.cli.common import TRY_ANYWAY, AnySolution, AsJson, Device, Segments, load_model, plain_errors, print_json

if TYPE_CHECKING:
    from hrm_model.evaluation import Evaluation, Outcomes

_KEEP_EVERY = 20.0  # seconds


@dataclass(frozen=True)
class _Set:
    """Puzzles to evaluate a model on."""

    task: Task
    puzzles: Grids
    solutions: Grids
    identifiers: NDArray[np.int64] | None = None  # (N,) places in the dataset's list of names
    vectors: NDArray[np.int64] | None = None  # (N,) the model's puzzle vectors for them
    ratings: NDArray[np.float32] | None = None
    names: tuple[str, ...] = ()  # identifiers.json

    def difficulties(self) -> dict[str, NDArray[np.floating]]:
        """Measures of difficulty by name: those of the task, and the rating in the file."""
        found = self.task.difficulty(self.puzzles, self.solutions)
        if self.ratings is not None and np.isfinite(self.ratings).any():
            found["rating"] = self.ratings
        return found


def evaluate_file(
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a checkpoint.")],
    puzzles: Annotated[Path, typer.Argument(help="A puzzle file (text, .sdk, .sdm, .ss, .csv), or a dataset's folder (its test split).")],
    segments: Segments = 64,
    device: Device = "auto",
    batch: Annotated[int, typer.Option(min=1, max=65536, help="Puzzles computed at once.")] = 128,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Use only this many puzzles: the first of a file, or evenly spread over a dataset.")
    ] = None,
    any_solution: AnySolution = False,
    starts: Annotated[
        int,
        typer.Option(min=1, max=1024, help="Passes of each puzzle from different initial states; the highest q_halt chooses the answer."),
    ] = 1,
    sigma: Annotated[float, typer.Option(min=0.0, help="With --starts: size of the noise on the initial states, in their own size.")] = 1.0,
    again: Annotated[bool, typer.Option("--again", help="Start over instead of continuing an interrupted evaluation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Evaluate a model on a set of puzzles. Missing solutions are computed. Results are kept, and an interrupted evaluation continues."""
    with plain_errors(several=TRY_ANYWAY):
        found = _read(puzzles, limit, any_solution)
        unknown: dict[str, int] = {}
        path = find_model(model)
        from hrm_model.evaluation import by_difficulty, summary
        from trainer.results import result_file

        loaded = load_model(path, device)
        loaded.must_read(found.task.name)
        if found.identifiers is not None:
            from trainer.data.identifiers import match

            config = loaded.model.config
            matched = match(
                path, loaded.name, config.num_puzzle_identifiers if config.puzzle_emb_ndim else 0, found.names, found.identifiers
            )
            found = replace(found, vectors=matched.numbers)
            unknown = {"unknown_puzzles": matched.unknown}
            if matched.words:
                print(f"hrm-studio: {matched.words}", file=sys.stderr)
        where = result_file(path, loaded.sha256, puzzles, found.puzzles, found.solutions, found.vectors, segments, starts, sigma)
        begin = time.perf_counter()
        options = {"segments": segments, "batch": batch, "q_continue": loaded.q_continue, "starts": starts, "sigma": sigma}
        outcomes = _evaluate(loaded.model, found, where, again, **options)
        seconds = time.perf_counter() - begin
        total = summary(outcomes)
        parts = {name: by_difficulty(outcomes, values) for name, values in found.difficulties().items()}
        result = {
            "model": path.name, "set": puzzles.name, "task": found.task.name, "segments": segments,
            **({"starts": starts, "sigma": sigma} if starts > 1 else {}), **_fields(total),
            "by": {name: {key: _fields(part) for key, part in of.items()} for name, of in parts.items()},
            **_votes(found, outcomes), **unknown, "seconds": round(seconds, 3),
        }  # fmt: skip
        _kept(partial(where.save, result))
    if as_json:
        print_json(**result)
        return
    _show(result, total, parts)


def _kept(save: Callable[[], None]) -> None:
    """Keep a result. Where that fails, the evaluation is worth no less: it is said, and goes on."""
    try:
        save()
    except OSError as error:
        print(f"hrm-studio: the result cannot be kept: {write_failure(error)}", file=sys.stderr)


def _fields(found: Evaluation) -> dict[str, Any]:
    return asdict(found)


def _read(source: Path, limit: int | None, any_solution: bool) -> _Set:
    if not source.is_dir():
        read = read_puzzles(source, solve=True, limit=limit, any_solution=any_solution)
        assert read.solutions is not None
        return _Set(read.task, read.puzzles, read.solutions, ratings=read.ratings)
    from trainer.data.batches import examples_of
    from trainer.data.published import Dataset, Split

    if (source / "dataset.json").is_file():
        split, names = Split(source), Dataset(source.parent).identifiers  # the path is a split itself
    else:
        dataset = Dataset(source)
        if "test" not in dataset.splits:
            raise DatasetError(f"{source} has no test split. Give {source / 'train'} to evaluate on the training examples.")
        split, names = dataset.splits["test"], dataset.identifiers
    if not split.examples:
        raise DatasetError(f"{split.folder} has no examples.")
    puzzles, solutions, identifiers = examples_of(split, limit)
    return _Set(split.metadata.task, puzzles, solutions, identifiers, names=tuple(names))


def _evaluate(network: Any, found: _Set, where: Any, again: bool, **options: Any) -> Outcomes:
    """All puzzles, continuing an interrupted evaluation, with a progress bar on a terminal."""
    from hrm_model.evaluation import Outcomes, evaluate_batches

    kept = None if again else where.load_part()
    parts = [kept] if kept is not None and len(kept) <= len(found.puzzles) else []
    begin = sum(map(len, parts))
    saved_at = time.monotonic()
    columns = (TextColumn("evaluating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal) as progress:
        bar = progress.add_task("", total=len(found.puzzles), completed=begin)
        keep = not found.task.known_rules  # the answers of ARC tasks vote
        for part in evaluate_batches(
            network, found.puzzles, found.solutions, found.vectors, task=found.task, begin=begin, keep_answers=keep, **options
        ):
            parts.append(part)
            progress.advance(bar, len(part))
            if time.monotonic() - saved_at > _KEEP_EVERY:
                parts = [Outcomes.joined(parts)]
                _kept(partial(where.save_part, parts[0]))
                saved_at = time.monotonic()
    return Outcomes.joined(parts)


def _votes(found: _Set, outcomes: Outcomes) -> dict[str, Any]:
    """ARC only: share of tasks solved with one and with two attempts, voted over all copies of a task."""
    if found.task.known_rules or found.identifiers is None:
        return {}
    from hrm_model.tasks.arc.vote import pass_at_copies

    names = [found.names[i] if i < len(found.names) else str(i) for i in found.identifiers]
    passed = pass_at_copies(names, found.puzzles, found.solutions, outcomes.answers, outcomes.q_halt)
    return {"tasks": passed.tasks, "pass_at_1": passed.at_1, "pass_at_2": passed.at_2}


def _show(result: dict[str, Any], total: Evaluation, parts: dict[str, dict[str, Evaluation]]) -> None:
    console = Console(highlight=False)
    low, high = total.interval
    cells_low, cells_high = total.cells_interval
    print(f"{total.puzzles} puzzles, {result['segments']} segments, {result['seconds']:.1f} s")
    print(f"whole puzzle right  {total.exact:8.2%}   (95 %: {low:.2%} to {high:.2%})")
    print(f"open cells right    {total.cells:8.2%}   (95 %: {cells_low:.2%} to {cells_high:.2%})")
    if "pass_at_1" in result:
        print(
            f"tasks solved        {result['pass_at_1']:8.2%}   with one attempt, {result['pass_at_2']:.2%} with two ({result['tasks']} tasks)"
        )
    print(
        f"would halt after    {total.mean_segments:8.2f}   segments on average, {total.exact_at_halt:.2%} right then; never: {total.never_halts:.2%}"
    )
    print(
        f"settles after       {total.mean_to_settle:8.2f}   segments on average (z_H moves by less than 1 %), {total.exact_when_settled:.2%} right"
        f" then; never: {total.never_settles:.2%}"
    )
    if "starts" in result:
        print(f"starts              {result['starts']:8}   passes of each puzzle; these figures are of the one with the highest q_halt")
    allowed = [k for k in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if k <= len(total.exact_by_segment)]
    print("after segments      " + ",  ".join(f"{k}: {total.exact_by_segment[k - 1]:.1%}" for k in allowed))
    for name, of in parts.items():
        if len(of) > 1:
            table = Table(name, "puzzles", "right", "95 %", "cells", "halts after", box=None, pad_edge=False, header_style="bold")
            for key, e in of.items():
                table.add_row(
                    key,
                    str(e.puzzles),
                    f"{e.exact:.1%}",
                    f"{e.interval[0]:.1%} – {e.interval[1]:.1%}",
                    f"{e.cells:.1%}",
                    f"{e.mean_segments:.1f}",
                )
            console.print()
            console.print(table)


def results(as_json: AsJson = False) -> None:
    """Compare the evaluations made so far: models side by side on each set of puzzles."""
    from trainer.results import saved_results

    found = list(saved_results())
    if as_json:
        print_json(results=found)
        return
    if not found:
        print("No evaluations yet. Make one with hrm-studio eval MODEL PUZZLES.")
        return
    models = sorted({r["model"] for r in found})
    table = Table("puzzles", "segments", *models, box=None, pad_edge=False, header_style="bold")
    for key in sorted({(r["set"], r["puzzles"], r["segments"], r.get("starts", 1)) for r in found}):
        of = {r["model"]: r for r in found if (r["set"], r["puzzles"], r["segments"], r.get("starts", 1)) == key}
        cells = [f"{of[m]['exact']:.1%} ({of[m]['interval'][0]:.1%} – {of[m]['interval'][1]:.1%})" if m in of else "" for m in models]
        table.add_row(f"{key[0]} ({key[1]})", f"{key[2]}" + (f", {key[3]} starts" if key[3] > 1 else ""), *cells)
    Console(highlight=False).print(table)
