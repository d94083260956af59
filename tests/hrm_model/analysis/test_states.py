from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hrm_model.analysis import core as analysis
from hrm_model.analysis.core import pca
from hrm_model.analysis.states import (
    distance_to_end,
    fit_basis,
    fit_trace,
    fits,
    movement,
    paths_in,
    rotated,
    row_at,
    states_of,
    step_of_rows,
)
from tests.support.traces import FOUR, sudoku_info, synthetic


@pytest.mark.parametrize("shape", [(9, 40), (60, 7), (12, 500)])
def test_three_components_agree_with_a_singular_value_decomposition_in_blocks(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "_BLOCK", 64)
    points = np.random.default_rng(0).normal(size=shape).astype(np.float32) * np.linspace(1, 3, shape[1]) + 5
    found = pca(points, 3)
    centred = points - points.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.explained, values[:3] ** 2 / (values**2).sum(), rtol=1e-3)
    np.testing.assert_allclose(np.abs((found.components * axes[:3]).sum(axis=1)), 1, atol=1e-3)
    np.testing.assert_allclose(np.abs(found(points)), np.abs(centred @ axes[:3].T), atol=3e-2)


def test_paths_are_projections_and_a_kept_basis_fits_another_trace() -> None:
    one, other = synthetic(sudoku_info(FOUR), segments=3), synthetic(sudoku_info(FOUR), segments=2, seed=1)
    basis = fit_trace(one)
    own, its = paths_in(basis, one), paths_in(basis, other)
    flat = one.z_L.reshape(len(one.z_L), -1)
    np.testing.assert_allclose(own.apart["L"], (flat - flat.mean(axis=0)) @ basis.whole["L"].components.T, atol=1e-3)
    assert own.together["H"].shape == (len(one.z_H), 3)
    assert its.apart["H"].shape == (len(other.z_H), 3)
    assert fits(basis, other)
    assert not fits(basis, synthetic(sudoku_info(), segments=1))
    assert not fits(basis, replace(other, z_H=None, z_L=None))
    with pytest.raises(ValueError, match="without states"):
        states_of(replace(other, z_H=None), "H")
    named = fit_basis("a set", {"H": one.z_H, "L": one.z_L}, 16)
    np.testing.assert_allclose(named.whole["H"].components, basis.whole["H"].components)


def test_turning_keeps_lengths_and_starts_from_the_front() -> None:
    points = np.random.default_rng(1).normal(size=(20, 3))
    np.testing.assert_allclose(rotated(points, 0, 0), points)
    turned = rotated(points, 0.7, -0.4)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(points, axis=1))
    np.testing.assert_allclose(turned @ turned.T, points @ points.T, atol=1e-12)
    np.testing.assert_allclose(rotated(np.array([[0.0, 0, 1]]), np.pi / 2, 0), [[1, 0, 0]], atol=1e-12)


def test_rows_steps_and_distances() -> None:
    trace = synthetic(sudoku_info(FOUR), segments=2)
    assert step_of_rows(trace, "H").tolist() == [-1, 2, 5, 8, 11]
    assert step_of_rows(trace, "L").tolist() == [-1, 0, 1, 3, 4, 6, 7, 9, 10]
    assert (row_at(trace, 1, "H"), row_at(trace, 2, "H"), row_at(trace, 3, "L")) == (0, 1, 3)
    assert movement(trace, 1, "H").tolist() == [0] * 16
    wanted = np.linalg.norm(trace.z_L[3, 1:] - trace.z_L[2, 1:], axis=1)
    np.testing.assert_allclose(movement(trace, 3, "L"), wanted, rtol=1e-5)
    assert distance_to_end(trace, 11, "H").tolist() == [0] * 16
    assert (distance_to_end(trace, 0, "H") > 0).all()
