"""What cells of a maze are taught, against an independent count cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hrm_model.maze_loss import asked_cells, cell_losses, cell_targets, most_segments
from hrm_model.tasks.maze import grid as maze
from hrm_model.tasks.maze.varied import distances_from_ends, generate_varied, preferred_paths

REACH = 5.0


@pytest.fixture(scope="module")
def mazes() -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Puzzles (B, S), distances (B, 2, S) and labels (B, S)."""
    puzzles, _ = generate_varied((4, 8), 6, np.random.default_rng(3), side=9)
    away = distances_from_ends(puzzles)
    labels = np.where(preferred_paths(puzzles, *away), maze.PATH, np.where(puzzles == maze.OUTSIDE, -100, puzzles))
    return puzzles, torch.from_numpy(np.stack(away, axis=1)), torch.from_numpy(labels.astype(np.int64))


def test_targets_and_questions_are_those_of_a_plain_count(mazes: tuple[np.ndarray, torch.Tensor, torch.Tensor]) -> None:
    puzzles, distances, labels = mazes
    inputs = torch.from_numpy(puzzles.astype(np.int64))
    targets = cell_targets(distances, labels).numpy()
    known = 15
    asked = asked_cells(distances, inputs, torch.full((len(puzzles),), float(known))).numpy()
    counted = 0
    for b, puzzle in enumerate(puzzles):
        to_goal, from_start = distances[b].numpy().astype(int)
        moves = to_goal[puzzle == maze.START][0]
        for cell in range(81):
            row, column = divmod(cell, 9)
            assert targets[b, cell, 0] == (labels[b, cell] == maze.PATH)
            if to_goal[cell] >= 0:
                counted += 1
                for k, (r, c) in enumerate(((row - 1, column), (row, column - 1), (row, column + 1), (row + 1, column))):
                    near = 0 <= r < 9 and 0 <= c < 9 and to_goal[r * 9 + c] == to_goal[cell] - 1 and to_goal[r * 9 + c] >= 0
                    assert targets[b, cell, 1 + k] == near
                assert targets[b, cell, 5:].tolist() == [to_goal[cell] % 3 == k for k in range(3)]
            assert asked[b, cell, 1] == (0 <= to_goal[cell] <= known)
            assert asked[b, cell, 0] == (puzzle[cell] == maze.OPEN and moves + max(0, from_start[cell]) <= known)
    assert counted > 80


def test_the_loss_is_a_mean_over_the_cells_asked_and_rises_with_what_can_be_known(
    mazes: tuple[np.ndarray, torch.Tensor, torch.Tensor],
) -> None:
    puzzles, distances, labels = mazes
    inputs = torch.from_numpy(puzzles.astype(np.int64))
    answers = torch.randn((*puzzles.shape, 8), generator=torch.Generator().manual_seed(0))
    segments = torch.tensor([1, 2, 3, 4, 20, 20])
    found = cell_losses(answers, distances, inputs, labels, segments, REACH)
    targets = cell_targets(distances, labels).float()
    for b in range(len(puzzles)):
        asked = asked_cells(distances[b : b + 1], inputs[b : b + 1], segments[b : b + 1] * REACH)[0]
        wanted = 0.0
        for k in range(8):
            cells = asked[:, min(k, 1)]
            if cells.any():
                wanted += (1.0 if k == 0 else 0.5) * float(F.binary_cross_entropy_with_logits(answers[b, cells, k], targets[b, cells, k]))
        assert float(found[b]) == pytest.approx(wanted, rel=1e-5)
    right = torch.where(targets > 0, 30.0, -30.0)
    assert float(cell_losses(right, distances, inputs, labels, segments, REACH).max()) < 1e-6


def test_a_row_may_take_as_long_as_a_wave_to_the_start_and_back(mazes: tuple[np.ndarray, torch.Tensor, torch.Tensor]) -> None:
    puzzles, distances, _ = mazes
    length = maze.shortest_paths(puzzles).length
    found = most_segments(distances, torch.from_numpy(puzzles.astype(np.int64)), REACH, 64)
    assert found.tolist() == [min(64, int(np.ceil(2 * n / REACH)) + 8) for n in length]
