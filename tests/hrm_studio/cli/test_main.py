from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hrm_model.assets import bundled_models, model_dir, puzzle_lines
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.grid import SUDOKU_4, format_line
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.tasks.sudoku.solver import unique_solution
from hrm_studio.cli.main import COMMANDS
from tests.paths import ROOT
from tests.support.cli import run
from tests.support.evil import Evil
from tests.support.puzzles import STARTER_4, STARTER_9
from tests.support.runs import small, small_maze
from trainer.runner import Runner
from trainer.runs.run_dir import RunDir


def test_solve_prints_one_object() -> None:
    result = run("solve", STARTER_4, "--json")
    found = json.loads(result.stdout)
    assert set(found) == {
        "puzzle",
        "solution",
        "solved",
        "violations",
        "undecided",
        "would_halt_after",
        "story",
        "segments",
        "steps",
        "seconds",
    }
    assert found["solution"] == format_line(unique_solution(parse(STARTER_4), SUDOKU_4))
    assert found["solved"] is True
    assert found["steps"] == found["segments"] * 6


def test_solve_reads_files_standard_input_and_a_named_model(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text(STARTER_4 + "\n")
    shown = run("solve", str(tmp_path / "p.txt"), "--model", "sudoku-4x4", "--segments", "8").stdout
    assert "Solved in segment" in shown
    assert "8 segments, 48 steps" in shown
    assert json.loads(run("solve", "-", "--json", text=STARTER_4).stdout)["solved"]


def test_every_bundled_model_solves_a_starter_puzzle_of_its_size() -> None:
    for model in bundled_models():
        task = task_named(model.task)
        fitting = (x for x in puzzle_lines("starter") if len(x) == task.cells)
        line = next(fitting, "") or task.format_line(task.generate(1, np.random.default_rng(0))[0][0])
        assert json.loads(run("solve", line, "--model", model.name, "--json").stdout)["solved"], model.name


def test_eval_counts_and_takes_solutions_from_the_file_or_the_solver(tmp_path: Path) -> None:
    lines = [x for x in puzzle_lines("starter") if len(x) == 16]
    solved = format_line(unique_solution(parse(lines[1]), SUDOKU_4))
    (tmp_path / "puzzles.txt").write_text(f"# a comment\n{lines[0]}\n\n{lines[1]},{solved}\n")
    found = json.loads(run("eval", "sudoku-4x4", str(tmp_path / "puzzles.txt"), "--json").stdout)
    assert {"puzzles", "exact", "interval", "cells", "mean_segments", "seconds"} <= set(found)
    assert (found["puzzles"], found["exact"], found["cells"]) == (2, 1.0, 1.0)
    assert 1 <= found["mean_segments"] < 10


def test_puzzles_with_several_solutions_are_solved_and_evaluated_if_asked(tmp_path: Path) -> None:
    several = "2.......4......."
    found = json.loads(run("solve", several, "--any-solution", "--segments", "4", "--json").stdout)
    assert isinstance(found["solved"], bool)
    assert found["solved"] == (found["violations"] == 0)
    (tmp_path / "two.txt").write_text(f"{STARTER_4}\n{several}\n")
    refused = run("eval", "sudoku-4x4", str(tmp_path / "two.txt"))
    assert "line 2: The puzzle has several solutions" in refused.output
    assert "Add --any-solution" in refused.output
    both = json.loads(run("eval", "sudoku-4x4", str(tmp_path / "two.txt"), "--any-solution", "--json").stdout)
    assert both["puzzles"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("solve", "123"), "3 cells"),
        (("solve", STARTER_9[:-1] + "@"), "'@' at character 81"),
        (("solve", "11" + "." * 79), "1 appears twice in one row: at row 1, column 1 and at row 1, column 2"),
        (("solve", "." * 81), "Add --any-solution"),
        (("solve", "12345678." + "........9" + "." * 63), "no solution"),
        (("solve", STARTER_9, "--model", "nobody"), "no bundled model 'nobody'"),
        (("solve", STARTER_9, "--model", "sudoku-4x4"), "reads sudoku-4x4; the puzzle is sudoku-9x9"),
        (("solve", STARTER_4, "--device", "cuda:9"), "cuda:9"),
        (("eval", "sudoku-4x4", "/nowhere.txt"), "/nowhere.txt: cannot be read"),
        (("train", "sudoku-5x5"), "no preset 'sudoku-5x5'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_bad_line_of_a_file_is_named_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "puzzles.txt"
    file.write_text(f"{STARTER_4}\n{STARTER_4[:-1]}\n")
    assert f"{file}, line 2: The puzzle has 15 cells" in run("eval", "sudoku-4x4", str(file)).stderr
    file.write_text(f"{STARTER_4},{'1' * 16}\n")
    assert "line 1" in run("eval", "sudoku-4x4", str(file)).stderr
    file.write_text("\n")
    assert "contains no puzzle" in run("eval", "sudoku-4x4", str(file)).stderr


def test_bad_checkpoints_are_refused_by_name(tmp_path: Path) -> None:
    shutil.copytree(model_dir("sudoku-4x4"), tmp_path / "short")
    weights = tmp_path / "short" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    evil = tmp_path / "evil" / "step_1"
    evil.parent.mkdir()
    evil.write_bytes(pickle.dumps(Evil(tmp_path / "ran")))
    (tmp_path / "text.pt").write_text("hello")
    for path in (tmp_path / "short", evil, tmp_path / "text.pt", tmp_path):
        result = run("solve", STARTER_4, "--model", str(path))
        assert result.exit_code == 2, path
        assert str(path) in result.stderr
    assert not (tmp_path / "ran").exists()


def test_train_follows_a_process_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presets = {"sudoku-4x4": small(steps=3000, minutes=None, evaluate_every=1000)}  # the real one judges 2,000 puzzles
    monkeypatch.setattr("hrm_studio.cli.train.preset_named", presets.__getitem__)
    folder = tmp_path / "run"
    command = ("train", "sudoku-4x4", "--run-dir", folder, "--minutes", "0.005")
    first = run(*command)
    assert first.exit_code == 0, first.stdout
    assert "unseen puzzles" in first.stdout
    assert (folder / "checkpoints" / "last").exists()
    events = [json.loads(x) for x in (folder / "events.jsonl").read_text().splitlines()]
    assert events[-1]["type"] == "finished"
    other = run("train", "sudoku-9x9", "--run-dir", folder)
    assert other.exit_code == 2
    assert "'sudoku-4x4'" in other.stderr
    again = run(*command)
    assert again.exit_code == 0
    started = [json.loads(x) for x in (folder / "events.jsonl").read_text().splitlines() if '"started"' in x]
    assert [e["resumed"] for e in started] == [False, True]


def test_help_and_version_are_there() -> None:
    assert "solve" in run("--help").stdout
    assert run("--version").stdout.startswith("hrm-studio")
    assert "sudoku-4x4" in run("models").stdout


def test_solve_and_eval_take_mazes(tmp_path: Path) -> None:
    run_dir = RunDir.create(tmp_path / "run", small_maze(steps=2, evaluate_every=2))
    Runner(run_dir).run()
    assert run_dir.status()["state"] == "finished"
    model = str(run_dir.pointer("last"))
    maze = "S      \n###### \n       \n ######\n       \n###### \nG      "
    found = json.loads(run("solve", "-", "--model", model, "--segments", "2", "--json", text=maze).stdout)
    assert found["puzzle"] == maze.replace("\n", "")
    assert found["solved"] is False
    assert found["violations"] > 0
    assert "Not solved" in run("solve", "-", "--model", model, "--segments", "2", text=maze).stdout
    (tmp_path / "maze.txt").write_text(maze)
    judged = json.loads(run("eval", model, str(tmp_path / "maze.txt"), "--segments", "2", "--json").stdout)
    assert (judged["puzzles"], judged["exact"]) == (1, 0)
    assert "reads maze-7x7; the puzzle is sudoku-4x4" in run("solve", STARTER_4, "--model", model).stderr


def test_help_imports_no_command_and_each_command_can_be_imported() -> None:
    script = (
        "import sys; from hrm_studio.cli.main import COMMANDS, app, load_command\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'h5py', 'pydantic', 'PySide6', 'torch'} & set(sys.modules), 'too much was imported'\n"
        "for name, *_ in COMMANDS: assert load_command(name).name == name\n"
        "assert not {'PySide6', 'torch'} & set(sys.modules), 'too much was imported'\n"
    )
    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=600).stdout
    for name, _, _, line in COMMANDS:
        assert name in told
        assert line in told


def test_versions_are_shown() -> None:
    told = run("--version").stdout
    assert told.startswith("hrm-studio ")
    assert "\ntorch " in told
