"""Traces that look like a model's, for tests and benchmarks of views: the answer emerges from noise. Deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hrm_model.tasks.sudoku.grid import from_tokens, to_tokens, variant_of_cells
from hrm_model.tasks.sudoku.layout import parse
from hrm_model.tasks.sudoku.solver import unique_solution
from hrm_model.trace.data import ModelInfo, PuzzleInfo, Trace

NINE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
FOUR = "2.......42.11.4."


def sudoku_info(text: str = NINE) -> PuzzleInfo:
    grid = parse(text)
    variant = variant_of_cells(len(grid))
    return PuzzleInfo(variant.task, to_tokens(grid), to_tokens(unique_solution(grid, variant)), text)


def maze_info(side: int = 30, seed: int = 0) -> PuzzleInfo:
    """A random maze with corridors at even rows and columns, and the only path from corner to corner."""
    rng = np.random.default_rng(seed)
    grid = np.full((side, side), 1)
    last = (side - 1) // 2 * 2
    stack, before = [(0, 0)], {(0, 0): (0, 0)}
    grid[0, 0] = 2
    while stack:
        row, column = stack[-1]
        ways = [(row + a, column + b) for a, b in ((0, 2), (2, 0), (0, -2), (-2, 0))]
        ways = [w for w in ways if 0 <= w[0] <= last and 0 <= w[1] <= last and w not in before]
        if not ways:
            stack.pop()
            continue
        new = ways[rng.integers(len(ways))]
        before[new] = (row, column)
        grid[new] = grid[(new[0] + row) // 2, (new[1] + column) // 2] = 2
        stack.append(new)
    solution = grid.copy()
    place = (last, last)
    while place != (0, 0):
        earlier = before[place]
        for cell in (place, ((place[0] + earlier[0]) // 2, (place[1] + earlier[1]) // 2)):
            solution[cell] = 5
        place = earlier
    for board in (grid, solution):
        board[0, 0], board[last, last] = 3, 4
    return PuzzleInfo(f"maze-{side}x{side}", grid.ravel(), solution.ravel())


def arc_info() -> PuzzleInfo:
    """A small grid on the 30×30 canvas, and the same turned upside down."""
    canvas, expected = np.zeros((30, 30), int), np.zeros((30, 30), int)
    shape = np.random.default_rng(3).integers(0, 10, (9, 12)) + 2
    for board, grid in ((canvas, shape), (expected, shape[::-1])):
        board[:9, :12] = grid
        board[9, :13] = board[:10, 12] = 1
    return PuzzleInfo("arc", canvas.ravel(), expected.ravel())


def synthetic(info: PuzzleInfo, *, segments: int = 16, width: int = 8, slots: int = 1, seed: int = 0, solves: bool = True) -> Trace:
    """A trace of 2 H-cycles of 2 L-steps whose answer becomes the solution cell by cell (or nearly, with solves=False)."""
    rng = np.random.default_rng(seed)
    assert info.solution is not None
    cells, vocabulary = len(info.given), {"sudo": int(info.solution.max()) + 1, "maze": 6, "arc": 12}[info.task[:4]]
    level = np.tile([0, 0, 1], 2 * segments)
    count = len(level)
    # From a step of its own, the solution has the highest logit in each cell.
    moment = rng.uniform(0, 0.6 * count, cells)
    moment[info.given == info.solution] = -30  # clues are right from the start
    if not solves:
        moment[np.flatnonzero(info.given != info.solution)[: cells // 20 + 1]] = 2 * count
    now = np.arange(count)[:, None, None]
    logits = rng.normal(0, 0.35, (count, cells, vocabulary)) + rng.normal(0, 1.2, (1, cells, vocabulary))
    logits += np.clip((now - moment[:, None]) * 0.4 + 1, 0, 8) * (np.arange(vocabulary) == info.solution[:, None])
    logits[..., 0] -= 4
    exact = np.exp(logits - logits.max(-1, keepdims=True))
    probability = (exact / exact.sum(-1, keepdims=True)).astype(np.float32)
    positions = cells + slots
    drift = rng.normal(size=(2, positions, width)) * 2

    def states(rows: int, pace: float) -> np.ndarray:
        settled = np.exp(-np.arange(rows) / pace)[:, None, None]
        return (drift[0] * (1 - settled) + drift[1] * settled * rng.normal(1, 0.3, (rows, positions, width))).astype(np.float32)

    h, fast = np.cumsum(level), np.cumsum(1 - level)
    right = (probability.argmax(-1) == info.solution).all(-1)[np.flatnonzero(level)[1::2]]
    q_halt = np.where(right, 2.5, -3.0) + rng.normal(0, 0.3, segments)
    return Trace(
        info, ModelInfo("made", {"H_cycles": 2, "L_cycles": 2, "vocab_size": vocabulary}),
        np.repeat(np.arange(segments), 6), np.tile([0, 0, 0, 1, 1, 1], segments), np.tile([0, 1, -1], 2 * segments), level, h, fast,
        probability.argmax(-1), probability, q_halt, -q_halt / 2 - 1, states(h[-1] + 1, 8), states(fast[-1] + 1, 16),
    )  # fmt: skip


def digits(trace: Trace, step: int) -> str:
    """A Sudoku's answer at a step as one line."""
    return "".join(map(str, from_tokens(trace.prediction[step]).tolist()))


def cut_short(trace: Trace, steps: int) -> Trace:
    """A trace as it is while its first `steps` steps are computed."""
    cut = {
        name: getattr(trace, name)[:steps]
        for name in ("segment", "h_cycle", "l_step", "level", "h_row", "l_row", "prediction", "probability")
    }
    ends = int((np.diff(trace.segment[:steps], append=99) > 0).sum()) - 1
    q = {name: getattr(trace, name)[:ends] for name in ("q_halt", "q_continue")}
    return replace(trace, **cut, **q, z_H=trace.z_H[: trace.h_row[steps - 1] + 1], z_L=trace.z_L[: trace.l_row[steps - 1] + 1])
