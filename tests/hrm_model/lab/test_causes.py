"""What caused what, and where states lead: maps agree with branches, singular values with the whole Jacobian."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import hrm_model
from hrm_model import LoadedModel, Trace
from hrm_model.errors import MismatchError
from hrm_model.lab.basins import SETTLED, SOLVED, WANDERING, basin
from hrm_model.lab.batch import starts
from hrm_model.lab.branch import branch, last
from hrm_model.lab.causes import clues, knock_outs, patching_map
from hrm_model.lab.changes import Patch
from hrm_model.lab.jacobian import stability
from hrm_model.lab.landscapes import landscape
from hrm_model.lab.outcome import violations
from hrm_model.lab.planes import Plane, filled, grid, plane_of_components, sharpening
from hrm_model.reasoning import solve_batch
from hrm_model.recording import record
from tests.support.lab import KINDS, lab_model, lab_puzzle
from tests.support.traces import FOUR, sudoku_info


@pytest.fixture(scope="module")
def four() -> LoadedModel:
    return hrm_model.load("sudoku-4x4", device="cpu")


@pytest.fixture(scope="module")
def solved(four: LoadedModel) -> Trace:
    return hrm_model.record(four, sudoku_info(FOUR), segments=6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_patching_map_of_nothing_is_empty_and_of_much_is_not(kind: str) -> None:
    model = lab_model(kind)
    trace = record(model.model, lab_puzzle(model), model.info, segments=2)
    cells = len(trace.puzzle.given)
    still = last(patching_map(model, trace, 5, sigma=0.0, segments=2))
    assert still.done == cells
    assert not still.changed.any()
    first, again = (last(patching_map(model, trace, 5, sigma=50.0, segments=3)) for _ in range(2))
    np.testing.assert_array_equal(first.changed, again.changed)
    assert first.changed.max() >= 1
    assert ((first.ends == 0) | (first.changed > 0)).all()  # what differs at the end has changed before


@pytest.mark.parametrize("kind", KINDS)
def test_knock_outs_say_what_each_part_does(kind: str) -> None:
    model = lab_model(kind)
    trace = record(model.model, lab_puzzle(model), model.info, segments=2)
    if kind == "trm":
        with pytest.raises(MismatchError, match="neither heads nor messages"):
            next(knock_outs(model, trace))
        return
    found = list(knock_outs(model, trace))
    assert len(found) == {"published": 2 * 2 + 2, "symmetric": 6, "maze": 8}[kind]
    assert any(k.outcome.differs for k in found)


def test_clues_that_a_solved_puzzle_needs(four: LoadedModel, solved: Trace) -> None:
    found = last(clues(four, sudoku_info(FOUR), segments=6))
    assert found.solved
    assert found.cells == tuple(k for k, c in enumerate(FOUR) if c != ".")
    given = np.asarray(solved.puzzle.given)
    for cell, matters in zip(found.cells, found.matters, strict=True):
        fewer = given.copy()
        fewer[cell] = 1
        answer = solve_batch(four.model, fewer[None], segments=6).predictions[-1, 0]
        assert matters == bool((answer != solved.puzzle.solution).any())
    assert any(found.matters)


def test_clues_that_would_help_a_failed_one() -> None:
    nine = hrm_model.load("sudoku-9x9", device="cpu")
    puzzle = sudoku_info()
    found = last(clues(nine, puzzle, segments=1))  # one segment does not solve it
    assert not found.solved
    assert len(found.cells) == 51
    assert "would have helped" in found.words
    maze = lab_model("maze")
    with pytest.raises(MismatchError, match="has no clues"):
        next(clues(maze, lab_puzzle(maze)))


def test_a_landscape_s_centre_is_the_run_s_own_state(four: LoadedModel, solved: Trace) -> None:
    pictures = [p.done for p in landscape(four, solved, side=9)]
    assert pictures == sorted(pictures)
    assert pictures[-1] == 1
    found = last(landscape(four, solved, side=9, zoom=0.2))
    assert found.error[40] == violations(solved.puzzle, solved.prediction[-1:])[0] == 0
    assert np.abs(found.arrows[40]).max() < 0.5  # it has settled
    assert found.error.max() > 0


def test_a_basin_map_agrees_with_thinking_from_a_point(four: LoadedModel, solved: Trace) -> None:
    found = last(basin(four, solved, side=5, segments=8))
    assert set(found.end.tolist()) <= {SOLVED, SETTLED, WANDERING}
    assert found.end[12] == SOLVED
    assert found.soon[12] == 1
    for index in (0, 7, 24):
        run = branch(four, solved, len(solved) - 1, [Patch("H", None, "a point", z_H=found.start(index))], segments=14, previews=False)
        assert bool((run.trace.prediction[-1] == solved.puzzle.solution).all()) == (found.end[index] == SOLVED)


@pytest.mark.parametrize("kind", KINDS)
def test_singular_values_are_those_of_the_jacobian(kind: str) -> None:
    model = lab_model(kind)
    trace = record(model.model, lab_puzzle(model), model.info, segments=2)
    found = last(stability(model, trace, count=2, iterations=60, every=2))
    assert found.segments.tolist() == [0, 2]
    place, x = starts(model, trace, len(trace) - 1)
    with torch.inference_mode(False):
        inside = torch.cat([place.z_H.clone().flatten(), place.z_L.clone().flatten()])
        shape, half, x = place.z_H.shape, inside.numel() // 2, x.clone()

        def segment(z: torch.Tensor) -> torch.Tensor:
            z_H, z_L = z[:half].view(shape), z[half:].view(shape)
            for call in model.model.calls():
                moved = model.model.call(call.level, z_H, z_L, x)
                z_H, z_L = (z_H, moved) if call.level == "L" else (moved, z_L)
            return torch.cat([z_H.flatten(), z_L.flatten()])

        jacobian = torch.autograd.functional.jacobian(segment, inside)
    exact = torch.linalg.svdvals(jacobian)[:2].numpy()
    np.testing.assert_allclose(found.values[-1], exact, rtol=0.03)


def test_planes() -> None:
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(12, 2)))[0].T.astype(np.float32)
    plane = Plane(rng.normal(size=(3, 4)).astype(np.float32), axes, ("a", "b"))
    at = rng.normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_allclose(plane.coordinates(plane.states(at)), at, atol=1e-5)
    order = np.concatenate(sharpening(41))
    assert sorted(order.tolist()) == list(range(41 * 41))
    assert 41 * 20 + 20 in sharpening(41)[0].tolist()
    assert len(sharpening(41)[0]) < 40
    picture = np.full(25, np.nan)
    picture[12] = 3.0
    assert (filled(picture, 5) == 3).all()
    assert grid(5, 2.0)[12].tolist() == [0, 0]


def test_a_plane_needs_states(four: LoadedModel) -> None:
    bare = hrm_model.record(four, sudoku_info(FOUR), segments=2, states="none")
    with pytest.raises(hrm_model.HRMError, match="without full states"):
        plane_of_components(bare)
