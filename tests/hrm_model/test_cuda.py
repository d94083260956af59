"""A model computes the same on a graphics card as on the CPU. Skipped without CUDA."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hrm_model.assets import assets_dir, bundled_models, model_dir
from hrm_model.checkpoint.format import load
from hrm_model.device import describe, pick_device, pick_dtype
from hrm_model.reasoning import reason, solve_batch
from hrm_model.tasks.base import Task
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA here")

SETS = {"sudoku-9x9": "26-clues", "sudoku-6x6": "11-clues", "sudoku-4x4": "5-clues", "maze-11x11": "path-24-to-35"}


def boards(task: Task, count: int) -> np.ndarray:
    """Tokens (count, S) of the first puzzles of a set that ships."""
    file = assets_dir() / "puzzles" / "test" / task.name / f"{SETS[task.name]}.txt"
    return task.to_tokens(read_puzzles(file, limit=count).puzzles)


@pytest.mark.parametrize("name", [model.name for model in bundled_models()])
def test_every_step_is_that_of_the_processor(name: str) -> None:
    here, there = (load(model_dir(name), device, "float32") for device in ("cpu", "cuda"))
    puzzle = boards(task_named(here.config.task), 1)[0]
    for one, other in zip(reason(here, puzzle, segments=6), reason(there, puzzle, segments=6), strict=True):
        assert one.state is not None
        assert one.probability is not None
        np.testing.assert_allclose(other.state, one.state, rtol=0, atol=2e-3 * float(np.abs(one.state).max()))
        np.testing.assert_allclose(other.probability, one.probability, rtol=0, atol=5e-3)
        np.testing.assert_array_equal(other.prediction, one.prediction)


def test_as_many_puzzles_are_solved_in_bfloat16() -> None:
    right = {}
    for device, dtype in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16")):
        model = load(model_dir("sudoku-9x9"), device, dtype)
        found = solve_batch(model, boards(task_named("sudoku-9x9"), 64), segments=16)
        right[device, dtype] = int((found.q_halt[-1] > 0).sum())
    assert right["cpu", "float32"] > 50
    assert abs(right["cuda", "float32"] - right["cpu", "float32"]) <= 2
    assert abs(right["cuda", "bfloat16"] - right["cpu", "float32"]) <= 6


def test_the_card_is_chosen_and_named() -> None:
    assert pick_device("auto").type == "cuda"
    assert pick_dtype(pick_device("cuda:0")) == ("bfloat16" if torch.cuda.is_bf16_supported() else "float32")
    assert pick_dtype(pick_device("cuda:0"), trained_in="float32") == "float32"
    told = describe(load(model_dir("sudoku-4x4"), "cuda"))
    assert told["device"] == torch.cuda.get_device_name(0)
