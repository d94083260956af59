"""What a notebook or a script does with `import hrm_model`."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import hrm_model
from hrm_model import HRMError, LoadedModel, PuzzleInfo, Trace
from hrm_model.assets import model_dir
from hrm_model.checkpoint import format as checkpoint
from hrm_model.config import ModelConfig
from hrm_model.errors import CheckpointError, MismatchError, PuzzleError, TraceFileError, UsageError
from hrm_model.make import make_model
from hrm_model.model import HRM
from tests.paths import ROOT
from tests.support.traces import FOUR, NINE

DOCUMENTED = (
    "hrm_model",
    *(f"hrm_model.{name}" for name in ("api", "assets", "errors", "evaluation", "loaded", "trace.arrays", "trace.data")),
)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return hrm_model.load("sudoku-4x4", device="cpu")


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_in_docstrings_do_what_they_say(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted >= 1
    assert not found.failed


def test_each_public_name_has_a_docstring_with_an_example() -> None:
    for name in hrm_model.__all__:
        thing = getattr(hrm_model, name)
        if name != "__version__":
            assert ">>> " in thing.__doc__, name


def test_all_public_names_are_there_and_none_is_hidden_by_a_module() -> None:
    for file in (ROOT / "hrm_model").rglob("*.py"):  # importing a module sets a name in its package
        importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    assert dir(hrm_model) == sorted(hrm_model.__all__)
    for name in hrm_model.__all__:
        assert not isinstance(getattr(hrm_model, name), ModuleType), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hrm_model.nothing  # noqa: B018


def test_importing_is_quick_and_loads_nothing() -> None:
    script = "import sys, hrm_model; print(hrm_model.__version__); print(' '.join(m for m in sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=600)
    version, modules = run.stdout.splitlines()
    assert version == hrm_model.__version__
    assert not {name.partition(".")[0] for name in modules.split()} & {"torch", "numpy", "PySide6", "h5py", "pydantic"}


def test_puzzles_and_traces_need_no_torch() -> None:
    script = f"import sys, hrm_model; hrm_model.parse_puzzle({FOUR!r}), hrm_model.read_trace, hrm_model.Trace, hrm_model.LoadedModel; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True, timeout=600)
    assert run.stdout.split() == ["False"]


def test_type_checkers_see_the_public_names(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import hrm_model\n"
        'model = hrm_model.load("sudoku-4x4")\n'
        'trace = hrm_model.record(model, "…", segments=2)\n'
        "reveal_type(trace)\n"
        "reveal_type(model.sha256)\n"
        'reveal_type(hrm_model.evaluate(model, "puzzles.txt").exact)\n'
        'hrm_model.record(model, "…", segments="two")\n'
    )
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", "--follow-imports=silent", str(script)]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600).stdout
    told = told.replace("builtins.", "")
    for found in ('"hrm_model.trace.data.Trace"', 'is "str"', 'is "float"', 'argument "segments" to "record"'):
        assert found.lower() in told.lower(), told
    assert told.count("error:") == 1


def test_load_knows_what_a_checkpoint_says(model: LoadedModel, tmp_path: Path) -> None:
    path = model_dir("sudoku-4x4")
    assert (model.name, model.task, model.q_continue, model.title) == ("sudoku-4x4", "sudoku-4x4", False, "Sudoku 4×4")
    assert model.path == path
    assert model.sha256 == checkpoint.sha256(path)
    assert model.training["step"] == 1000
    assert model.parameters == sum(p.numel() for p in model.model.parameters())
    assert (model.device, model.dtype, model.assumed) == ("cpu", "float32", ())
    assert model.info.config["hidden_size"] == 64
    assert model.info.config["q_continue"] is False
    # A copy without its config.json: what no tensor shows is assumed, and the output says so.
    weights = tmp_path / "alone.safetensors"
    weights.write_bytes((path / "model.safetensors").read_bytes())
    alone = hrm_model.load(str(weights), device="cpu")
    assert (alone.name, alone.q_continue, alone.training) == ("alone.safetensors", True, {})
    assert "H_cycles=2" in alone.assumed
    assert alone.sha256 == model.sha256


def test_the_hash_is_of_the_weights_that_were_loaded(tmp_path: Path) -> None:
    """A run goes on while a notebook holds one of its models: its newest checkpoint is another one then."""
    run = tmp_path / "run"
    for step in (1, 2):
        folder = run / f"checkpoints/step_{step:06}"
        model = hrm_model.load("sudoku-4x4", device="cpu").model
        model.H_init.fill_(step)
        checkpoint.save(model, folder)
    (run / "checkpoints/last").write_text("step_000001\n")
    loaded = hrm_model.load(run, device="cpu")
    (run / "checkpoints/last").write_text("step_000002\n")
    assert loaded.sha256 == checkpoint.sha256(run / "checkpoints/step_000001") != checkpoint.sha256(run)


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="sudoku-5x5.*The bundled models are: .*sudoku-9x9"):
        hrm_model.load("sudoku-5x5")
    with pytest.raises(CheckpointError, match="nowhere"):
        hrm_model.load(tmp_path / "nowhere")
    with pytest.raises(HRMError, match="cuda:99"):
        hrm_model.load("sudoku-4x4", device="cuda:99")


def test_record_reason_and_solve_agree_with_each_other_and_the_command_line(model: LoadedModel) -> None:
    trace = hrm_model.record(model, FOUR, segments=3)
    steps = list(hrm_model.reason(model, FOUR, segments=3))
    answer = hrm_model.solve(model, FOUR, segments=3)
    assert len(trace) == len(steps) == answer.steps == 18
    np.testing.assert_array_equal(trace.prediction, [step.prediction for step in steps])
    np.testing.assert_array_equal(trace.prediction[-1], answer.tokens)
    assert trace.model == model.info
    assert trace.puzzle.text == FOUR
    run = [sys.executable, "-m", "hrm_studio", "solve", FOUR, "--segments", "3", "--device", "cpu", "--json"]
    told = json.loads(subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=True, timeout=600).stdout)
    assert (told["solution"], told["solved"], told["violations"], told["steps"]) == (
        answer.text,
        answer.solved,
        answer.violations,
        answer.steps,
    )
    halts = np.flatnonzero(trace.q_halt > 0)
    assert answer.would_halt_after == (halts[0] + 1 if len(halts) else None)


def test_how_states_are_kept(model: LoadedModel) -> None:
    full, half, none = (hrm_model.record(model, FOUR, segments=1, states=states) for states in ("full", "float16", "none"))
    assert full.z_L is not None
    assert half.z_L is not None
    assert half.z_L.dtype == np.float16
    np.testing.assert_allclose(full.z_L, half.z_L, atol=0.01)
    assert none.z_H is None
    with pytest.raises(UsageError, match="'pooled'.*full, float16, none"):
        hrm_model.record(model, FOUR, states="pooled")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="0 segments"):
        hrm_model.record(model, FOUR, segments=0)


def test_a_puzzle_of_another_size_and_a_text_without_a_puzzle(model: LoadedModel) -> None:
    for act in (hrm_model.record, hrm_model.solve, hrm_model.reason):
        with pytest.raises(MismatchError, match="sudoku-4x4 reads sudoku-4x4; the puzzle is sudoku-9x9"):
            act(model, NINE)
    with pytest.raises(MismatchError):
        hrm_model.evaluate(model, [FOUR, NINE])
    with pytest.raises(PuzzleError):
        hrm_model.parse_puzzle("good morning")
    with pytest.raises(PuzzleError, match="several solutions"):
        hrm_model.parse_puzzle("." * 16)


@pytest.mark.parametrize(
    "puzzle", [5, None, b"2.......42.11.4.", [[2, 0], [0, 1]], Path("puzzle.txt")], ids=lambda puzzle: type(puzzle).__name__
)
def test_a_puzzle_of_another_type_is_refused(model: LoadedModel, puzzle: object) -> None:
    with pytest.raises(PuzzleError, match=f"must be a text.* of type {type(puzzle).__name__}"):
        hrm_model.parse_puzzle(puzzle)  # type: ignore[arg-type]
    for act in (hrm_model.record, hrm_model.solve, hrm_model.reason):
        with pytest.raises(PuzzleError, match="must be a text"):
            act(model, puzzle)
    with pytest.raises(PuzzleError, match="must be a text"):
        hrm_model.evaluate(model, [puzzle])  # type: ignore[list-item]


def test_puzzles_of_all_kinds() -> None:
    nine = hrm_model.parse_puzzle(NINE)
    assert nine.task == "sudoku-9x9"
    assert nine.solution is not None
    assert (nine.solution[nine.given > 1] == nine.given[nine.given > 1]).all()
    maze = hrm_model.parse_puzzle("S.#\n.##\n..G")
    assert (maze.task, maze.text) == ("maze-3x3", "S # ##  G")
    arc = hrm_model.parse_puzzle("123/456")
    assert (arc.task, arc.solution) == ("arc", None)


def test_an_arc_grid_has_no_verdict(tmp_path: Path) -> None:
    config = ModelConfig(seq_len=900, vocab_size=12, hidden_size=16, num_heads=2, H_layers=1, L_layers=1, swiglu_multiple=16)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"")  # a trace keeps the checksum of the weights
    loaded = LoadedModel(HRM(config), "tiny", tmp_path, weights, "arc", True, 0, "cpu", "float32", "sdpa")
    answer = hrm_model.solve(loaded, "123/456", segments=1)
    assert (answer.solved, answer.violations, answer.steps) == (None, None, 6)


def test_evaluate_a_file_and_a_list(model: LoadedModel) -> None:
    file = ROOT / "assets/puzzles/test/sudoku-4x4/6-clues.txt"
    whole = hrm_model.evaluate(model, file, segments=4)
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    listed = hrm_model.evaluate(model, [lines[0], hrm_model.parse_puzzle(lines[1])], segments=4, batch=1)
    assert whole.puzzles == len(lines)
    assert whole.interval[0] <= whole.exact <= whole.interval[1]
    assert listed.puzzles == 2
    assert len(listed.exact_by_segment) == 4
    with pytest.raises(UsageError, match="no puzzles"):
        hrm_model.evaluate(model, [])
    symmetric = ModelConfig(mixer="units", hidden_size=8, H_layers=1, L_layers=1, pos_encodings="none")
    several = LoadedModel(
        make_model(symmetric), "any", Path("any"), Path("any/model.safetensors"), "sudoku-9x9", True, 0, "cpu", "float32", ""
    )
    assert hrm_model.evaluate(several, [FOUR, ".3..1.4....2..3."], segments=1).puzzles == 2
    with pytest.raises(UsageError, match="several sizes"):
        hrm_model.evaluate(several, [FOUR, NINE])
    with pytest.raises(UsageError, match="known solution"):
        hrm_model.evaluate(model, [PuzzleInfo("sudoku-4x4", hrm_model.parse_puzzle(FOUR).given)])


def test_traces_are_written_and_read(model: LoadedModel, tmp_path: Path) -> None:
    first, second = (hrm_model.record(model, FOUR, segments=k) for k in (1, 2))
    hrm_model.write_trace([first, second], tmp_path / "both.h5")
    for which, wanted in ((0, first), ("trace_2", second), (-1, second)):
        found = hrm_model.read_trace(tmp_path / "both.h5", which, trusted=which == -1)
        assert isinstance(found, Trace)
        np.testing.assert_array_equal(found.z_H, wanted.z_H)
        assert found.model == wanted.model
    with pytest.raises(TraceFileError, match="both.h5"):
        hrm_model.read_trace(tmp_path / "both.h5", 2)


def test_text_of_each_object(model: LoadedModel) -> None:
    trace = hrm_model.record(model, FOUR, segments=1)
    assert repr(trace) == "Trace of sudoku-4x4 by 'sudoku-4x4': 1 segment, 6 steps, solved, states of 17 positions × 64"
    assert repr(model) == "LoadedModel('sudoku-4x4', task='sudoku-4x4', 108,162 parameters, float32 on cpu)"
    step = next(hrm_model.reason(model, FOUR))
    assert repr(step) == "Step(segment=0, h_cycle=0, l_step=0, level='L', q_halt=None, q_continue=None)"
    assert str(hrm_model.solve(model, FOUR, segments=4)).splitlines()[0] == "2 4 | 1 3"
