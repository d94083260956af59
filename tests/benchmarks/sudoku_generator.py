"""`python -m tests.benchmarks.sudoku_generator`: unique puzzles a second."""

from __future__ import annotations

import time

import numpy as np

from hrm_model.tasks.sudoku.generator import generate
from hrm_model.tasks.sudoku.grid import SUDOKU_4, SUDOKU_6, SUDOKU_9

if __name__ == "__main__":
    for variant, clues, count in (
        (SUDOKU_4, 6, 2000),
        (SUDOKU_6, 14, 1000),
        (SUDOKU_9, 36, 1000),
        (SUDOKU_9, 30, 1000),
        (SUDOKU_9, 26, 300),
        (SUDOKU_9, None, 200),
    ):
        begin = time.perf_counter()
        generate(variant, count, clues, np.random.default_rng(0))
        print(f"{variant.task}, {clues or 'minimal'} clues: {count / (time.perf_counter() - begin):,.0f} puzzles/s")
