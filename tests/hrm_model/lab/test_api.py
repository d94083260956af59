"""`hrm_model.lab`: functions with the names of the command line, and experiments as one JSON object."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest
import typer

import hrm_model
from hrm_model import LoadedModel, lab
from hrm_model.errors import UsageError
from hrm_studio.cli.lab import app
from tests.support.lab import lab_model
from tests.support.traces import FOUR


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return hrm_model.load("sudoku-4x4", device="cpu")


CALLS: dict[str, dict[str, object]] = {
    "kick": {"sigma": 1.0, "times": 2, "at": 2}, "patch": {"source": 1, "at": 3}, "swap": {"other": "1.......3....2.4", "at": 2}, "freeze": {},
    "cut": {"path": "H-L"}, "drop": {}, "ablate": {"part": "0"}, "edit": {"clues": {0: "."}, "at": 1}, "depth": {"H_cycles": 1},
    "weights": {"other": "sudoku-4x4", "at": 2}, "think_on": {"start": 1}, "tries": {"starts": 1}, "landscape": {"side": 5},
    "basin": {"side": 5, "think": 2}, "stability": {"every": 4, "iterations": 2}, "cause": {},
}  # fmt: skip


@pytest.mark.parametrize("name", lab.__all__)
def test_each_function_gives_what_the_shell_prints(model: LoadedModel, name: str) -> None:
    found = getattr(lab, name)(model, FOUR, segments=4, **CALLS[name])
    about = found.about()
    assert json.loads(json.dumps(about)) == about
    assert about["segments"] == 4
    assert found.base.solved
    assert found.base_trace is not None


def test_the_shell_has_the_same_names() -> None:
    commands = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert commands - {"again", "set"} == {name.replace("_", "-") for name in lab.__all__}


def test_no_function_has_a_module_s_name() -> None:
    assert not [name for name in lab.__all__ if importlib.util.find_spec(f"hrm_model.lab.{name}")]
    with pytest.raises(AttributeError, match="no attribute 'hug'"):
        lab.hug  # noqa: B018
    assert set(lab.__all__) <= set(dir(lab))


def test_importing_it_loads_no_torch() -> None:
    script = "import sys, hrm_model.lab\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_bad_values_are_refused(model: LoadedModel) -> None:
    with pytest.raises(UsageError, match="segments is 0"):
        lab.kick(model, FOUR, segments=0)
    with pytest.raises(UsageError, match="no parameter 'force'"):
        lab.kick(model, FOUR, force=1)
    with pytest.raises(UsageError, match="Unknown cause 'why'"):
        lab.cause(model, FOUR, "why")


def test_relabelling_for_a_symmetric_model_says_why_it_is_refused() -> None:
    with pytest.raises(UsageError, match="answers relabelled copies of a puzzle alike"):
        lab.tries(lab_model("symmetric"), FOUR, relabel=2, starts=0, segments=2)
