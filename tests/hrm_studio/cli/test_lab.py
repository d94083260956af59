"""`hrm-studio lab` as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hrm_model.lab.experiment import read_experiments
from hrm_model.tasks.registry import task_named
from hrm_model.trace_file.io import TraceReader, check, read_all
from tests.support.cli import run
from tests.support.traces import FOUR

SHORT = ("--segments", "4", "--device", "cpu", "--json")
COMMANDS: dict[str, tuple[str, ...]] = {
    "kick": ("kick", FOUR, "--at", "1", "--sigma", "0.7", "--module", "L", "--cells", "r1c1,5", "--seed", "3", "--times", "2"),
    "patch": ("patch", FOUR, "--at", "3", "--from", "0"), "swap": ("swap", FOUR, "--with", "1.......3....2.4", "--at", "2"),
    "freeze": ("freeze", FOUR, "--module", "H", "--at", "0"), "cut": ("cut", FOUR, "--path", "H-L", "--at", "1"),
    "drop": ("drop", FOUR), "ablate": ("ablate", FOUR, "--module", "L", "--part", "1"),
    "edit": ("edit", FOUR, "--clue", "r1c1=.", "--hold", "3,4", "--at", "2"), "depth": ("depth", FOUR, "--h-cycles", "1", "--l-cycles", "3"),
    "weights": ("weights", FOUR, "--other", "sudoku-4x4", "--at", "1"), "think-on": ("think-on", FOUR, "--start", "2"),
    "tries": ("tries", FOUR, "--starts", "2", "--noise", "0.1", "--relabel", "2", "--models", "sudoku-4x4"),
    "landscape": ("landscape", FOUR, "--side", "5"), "basin": ("basin", FOUR, "--side", "5", "--think", "3"),
    "stability": ("stability", FOUR, "--every", "2", "--iterations", "3"), "cells": ("cause", FOUR, "--what", "cells", "--think", "2"),
    "heads": ("cause", FOUR, "--what", "heads"), "clues": ("cause", FOUR),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_experiment_prints_one_object_is_kept_and_runs_again(name: str, tmp_path: Path) -> None:
    out = tmp_path / "t.h5"
    result = run("lab", *COMMANDS[name], *SHORT, "--out", out)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["experiment"] == {"cells": "patching"}.get(name, name)
    assert (found["model"], found["puzzle"], found["segments"]) == ("sudoku-4x4", FOUR, 4)
    assert found["seed"] == (3 if name == "kick" else 0)
    for one in (found["base"], *found["branches"]):
        assert {"solved", "violations", "q_halt", "differs", "solution"} <= set(one)
        assert len(one["solution"]) == 16
    base = found["base"]
    assert base["differs"] == []
    for one in found["branches"]:
        assert one["differs"] == [k for k in range(16) if one["solution"][k] != base["solution"][k]]
    check(out)
    (kept,) = read_experiments(out)
    assert kept.experiment.kind == found["experiment"]
    bare = run("lab", *COMMANDS[name], *SHORT)
    assert json.loads(bare.stdout) == found  # keeping it changes nothing
    repeated = run("lab", "again", out, "--json")
    assert repeated.exit_code == 0, repeated.stdout + repeated.stderr
    assert json.loads(repeated.stdout)["same"]


def test_branches_stand_in_the_file_with_what_was_changed(tmp_path: Path) -> None:
    out = tmp_path / "t.h5"
    run("lab", *COMMANDS["kick"], *SHORT, "--out", out)
    base, one, other = read_all(out)
    assert (one.prediction[:6] == base.prediction[:6]).all()
    with TraceReader(out) as reader:
        assert reader.version == 3
        extras = reader.extras("trace_3")
        assert (extras.parent, extras.parent_step) == ("trace", 5)
        assert extras.changes == ({"kind": "kick", "sigma": 0.7, "module": "L", "cells": [0, 5], "seed": 4},)
        assert extras.title == "kick of 0.7 on z_L of 2 cells, seed 4"
    assert len(one) == len(other) == 24


def test_nothing_changed_means_no_cell_differs() -> None:
    for command in (("kick", FOUR, "--sigma", "0"), ("patch", FOUR, "--at", "3", "--from", "3"), ("freeze", FOUR, "--at", "4")):
        found = json.loads(run("lab", *command, *SHORT).stdout)
        (branch,) = found["branches"]
        assert branch["differs"] == []
        assert branch["q_halt"] == found["base"]["q_halt"]


def test_think_on_says_what_rules_cost() -> None:
    found = json.loads(run("lab", "think-on", FOUR, "--start", "1", "--segments", "12", "--until", "unchanged:4", "--json").stdout)
    assert found["stopped_by"] == "unchanged:4"
    assert found["used"] < 12
    assert [h["rule"] for h in found["halts"]] == ["q_halt", "movement:0.01", "unchanged:8", "rules"]
    assert "Solved since segment" in found["story"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("kick", FOUR, "--sigma", "-1"), "sigma is -1.0"), (("kick", FOUR, "--at", "99"), "16 segments; it cannot branch after segment 99"),
        (("kick", FOUR, "--at", "-1"), "cannot branch after segment -1"), (("kick", FOUR, "--module", "Q"), "Unknown module 'Q'"),
        (("kick", FOUR, "--cells", "r9c1"), "no cell r9c1"), (("kick", FOUR, "--cells", "17"), "'17' is not a cell"),
        (("kick", FOUR, "--segments", "0"), "segments is 0"), (("kick", FOUR, "--seed", "-4"), "seed is -4"),
        (("kick", FOUR, "--times", "0"), "times is 0"), (("freeze", FOUR, "--module", "both"), "Choose H or L"),
        (("cut", FOUR, "--path", "x"), "Unknown injection 'x'"), (("ablate", FOUR, "--layer", "4"), "no layer 4"),
        (("edit", FOUR), "Nothing is changed"), (("edit", FOUR, "--clue", "r1c1"), "is not a clue"), (("edit", FOUR, "--clue", "0=Z"), "'Z' cannot stand"),
        (("depth", FOUR, "--h-cycles", "0"), "H_cycles is 0"), (("weights", FOUR, "--other", "sudoku-9x9"), "do not fit the other"),
        (("think-on", FOUR, "--segments", "2000"), "segments is 2000"), (("think-on", FOUR, "--until", "tired"), "Unknown halting rule 'tired'"),
        (("tries", FOUR, "--starts", "-2"), "starts is -2"), (("tries", FOUR, "--noise", "nan"), "noise is nan"),
        (("tries", FOUR, "--models", "nobody"), "nobody"), (("landscape", FOUR, "--side", "2"), "2 points a side"),
        (("basin", FOUR, "--components", "one"), "write two numbers"), (("basin", FOUR, "--zoom", "0"), "--zoom is 0"),
        (("stability", FOUR, "--count", "0"), "Stability takes"), (("cause", FOUR, "--what", "why"), "Unknown --what 'why'"),
        (("swap", FOUR, "--with", "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"), "of one kind and size"),
        (("kick", "nonsense"), ""), (("kick", FOUR, "--model", "sudoku-9x9"), "sudoku-9x9 reads sudoku-9x9"),
    ],
)  # fmt: skip
def test_bad_values_end_with_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = run("lab", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.startswith("hrm-studio: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_a_puzzle_with_several_solutions_can_be_thought_about() -> None:
    found = json.loads(run("lab", "kick", "2...............", *SHORT).stdout)
    assert found["base"]["solved"] in (True, False)


def test_people_get_a_table() -> None:
    shown = run("lab", "tries", FOUR, "--starts", "2", "--segments", "4").stdout
    assert "kicked by 1" in shown
    assert "chosen by vote" in shown
    shown = run("lab", "think-on", FOUR, "--start", "2", "--segments", "6").stdout
    assert "q_halt" in shown
    assert "every step and state" in shown


def test_numbers_that_do_not_come_again_are_named(tmp_path: Path) -> None:
    out = tmp_path / "t.h5"
    run("lab", *COMMANDS["kick"], *SHORT, "--out", out)
    with h5py.File(out, "r+") as file:
        where = file["trace/records/record_1"]
        about: dict[str, Any] = json.loads(where["about"][()])
        about["branches"][1]["q_halt"] = 12.5
        del where["about"]
        where["about"] = json.dumps(about)
    result = run("lab", "again", out)
    assert result.exit_code == 2
    assert "kick: other numbers: branches.1.q_halt" in result.stdout


def test_a_file_without_experiments_says_so(tmp_path: Path) -> None:
    run("trace", "record", FOUR, "--segments", "1", "--out", tmp_path / "t.h5")
    result = run("lab", "again", tmp_path / "t.h5")
    assert result.exit_code == 2
    assert "contains no experiment" in result.stderr


def test_mazes() -> None:
    task = task_named("maze-11x11")
    maze = task.format_line(task.generate(1, np.random.default_rng(0), min_path=10)[0][0])
    for command in (
        ("kick", maze, "--at", "1"),
        ("freeze", maze),
        ("tries", maze, "--starts", "1", "--relabel", "1"),
        ("cause", maze, "--what", "heads"),
    ):
        result = run("lab", *command, *SHORT)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["model"] == "maze"
    refused = run("lab", "cause", maze, *SHORT)
    assert refused.exit_code == 2
    assert "has no clues to add or take away" in refused.stderr


def test_a_set_with_one_parameter_varied(tmp_path: Path) -> None:
    task = task_named("sudoku-4x4")
    file = tmp_path / "four.txt"
    file.write_text("\n".join(task.format_line(g) for g in task.generate(2, np.random.default_rng(0), clues=6)[0]), encoding="utf-8")
    command = (
        "lab",
        "set",
        file,
        "--experiment",
        "freeze",
        "--vary",
        "at=0,4",
        "--set",
        "module=L",
        "--segments",
        "4",
        "--keep",
        tmp_path / "k.jsonl",
    )
    found = json.loads(run(*command, "--json").stdout)
    assert [row["label"] for row in found["results"]] == ["at=0", "at=4"]
    assert found["results"][0]["branches"]["solved"] == 0
    assert found["results"][1]["branches"] == found["results"][1]["base"]
    shown = run(*command).stdout
    assert "at=4, 2 puzzles" in shown
    for bad, words in (("force=1", "no parameter 'force'"), ("at", "is not NAME=VALUE"), ("segments=0,4", "segments is 0")):
        result = run("lab", "set", file, "--experiment", "freeze", "--vary", bad)
        assert result.exit_code == 2
        assert words in result.stderr
