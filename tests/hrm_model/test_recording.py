"""One recorder for all: in memory, into a file, as a trace that grows, and as a job of the studio."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import hrm_model
from hrm_model import LoadedModel, Trace
from hrm_model.recording import growing_trace, model_info, record, recorded_steps
from hrm_model.relabel import random_relabelling
from hrm_model.tasks.read import parse_any
from hrm_model.tasks.registry import task_named
from hrm_model.trace.recorder import TraceRecorder
from hrm_model.trace_file.io import TraceWriter
from hrm_studio.services.model_jobs import trace_job
from tests.support.models import tiny
from tests.support.traces import FOUR, sudoku_info

PUZZLE = sudoku_info(FOUR)


def same(one: Trace, other: Trace) -> None:
    for name in (f.name for f in fields(one)):
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=name, strict=True)
        elif name == "model":
            assert a == b
    np.testing.assert_array_equal(one.puzzle.given, other.puzzle.given)
    assert (one.puzzle.task, one.puzzle.text) == (other.puzzle.task, other.puzzle.text)


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return hrm_model.load("sudoku-4x4", device="cpu")


def test_all_ways_to_record_give_the_same_bits(loaded: LoadedModel, tmp_path: Path) -> None:
    whole = hrm_model.record(loaded, PUZZLE, segments=3)
    same(record(loaded.model, PUZZLE, loaded.info, segments=3), whole)
    *_, grown = growing_trace(loaded.model, PUZZLE, loaded.info, segments=3)
    assert grown is not None
    same(grown, whole)
    with TraceWriter(tmp_path / "t.h5") as writer:
        writer.begin(PUZZLE, loaded.info)
        assert len(list(recorded_steps(loaded.model, PUZZLE, writer, segments=3))) == 18
    same(hrm_model.read_trace(tmp_path / "t.h5"), whole)
    *_, told = trace_job(*parse_any(FOUR), 3)(loaded)
    assert told is not None
    trace, expected = told
    same(trace, whole)
    assert expected == 18


def test_a_growing_trace_begins_at_once_and_ends_whole() -> None:
    model = tiny()
    rare = list(growing_trace(model, PUZZLE, model_info(model, "tiny"), segments=2, every=1e9))
    assert [None if trace is None else len(trace) for trace in rare] == [1, *[None] * 11, 12]
    often = list(growing_trace(model, PUZZLE, model_info(model, "tiny"), segments=2, every=-1.0))
    assert [len(trace) for trace in often if trace] == [*range(1, 13), 12]


def test_a_step_is_kept_before_it_is_handed_on() -> None:
    recorder = TraceRecorder(PUZZLE, model_info(tiny()))
    for count, step in enumerate(recorded_steps(tiny(), PUZZLE, recorder, segments=1, previews=False), 1):
        assert len(recorder) == count
        assert (step.prediction is None) == (step.level == "L")


def test_the_trace_of_a_relabelled_puzzle_is_one_of_the_original(loaded: LoadedModel) -> None:
    task, grid = parse_any(FOUR)
    relabelling = random_relabelling(task.name, np.random.default_rng(1))
    results = [found for found in trace_job(task, grid, 4, relabelling)(loaded) if found is not None]
    trace, _ = results[-1]
    np.testing.assert_array_equal(trace.puzzle.given, PUZZLE.given)
    np.testing.assert_array_equal(trace.prediction[-1], PUZZLE.solution)  # solved, and back in the words of the original
    seen = hrm_model.record(loaded, relabelling.puzzle(PUZZLE), segments=4)
    np.testing.assert_array_equal(relabelling.undone(seen).probability, trace.probability)


def test_a_job_for_another_model_says_so(loaded: LoadedModel) -> None:
    with pytest.raises(hrm_model.HRMError, match="sudoku-4x4 reads sudoku-4x4; the puzzle is maze-11x11"):
        next(trace_job(task_named("maze-11x11"), np.zeros(121, np.int8), 1)(loaded))
