"""`python -m tests.benchmarks.others MODEL FILE …`: other people's 9×9 puzzles against those that ship, of the same rating.

A puzzle's rating is the hardest technique that it needs (hrm_model/tasks/sudoku_rating.py). `as many of ours` is what the model solves of
`assets/puzzles/test/sudoku-9x9/needs-*.txt`, each rating counted as often as it is among the others' puzzles.

`--make dokusan FILE` and `--make py-sudoku FILE` write puzzles of two generators on PyPI
(`pip install dokusan==0.1.0 py-sudoku==2.0.0`): of dokusan seeds 0 to 199, wanted ranks of 50, 100, … 250 in turn; of py-sudoku those of seeds
1 to 600, shares of blanks of 0.45, 0.55 and 0.62 in turn, that have one solution.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hrm_model.analysis_survey import wilson
from hrm_model.assets import assets_dir, find_model
from hrm_model.checkpoint import load
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.sudoku import SUDOKU_9
from hrm_model.tasks.sudoku_rating import LEVELS, rate
from hrm_model.tasks.sudoku_solver import count_solutions
from trainer.evaluate import evaluate, judge


def dokusan_puzzles() -> Iterator[str]:
    from dokusan import generators

    for seed in range(200):
        random.seed(seed)
        yield str(generators.random_sudoku(avg_rank=50 + 50 * (seed % 5)))


def py_sudoku_puzzles() -> Iterator[str]:
    from sudoku import Sudoku

    for seed in range(1, 601):
        random.seed(seed)  # which cells are emptied
        board = Sudoku(3, seed=seed).difficulty((0.45, 0.55, 0.62)[seed % 3]).board
        yield "".join(str(cell or 0) for row in board for cell in row)


MAKERS = {"dokusan": dokusan_puzzles, "py-sudoku": py_sudoku_puzzles}


def make(name: str, file: Path) -> None:
    lines = [line for line in MAKERS[name]() if count_solutions([int(c) for c in line], SUDOKU_9) == 1]
    file.write_text("\n".join(lines) + "\n")
    print(f"{file}: {len(lines)} puzzles")


def ours_by_level(model: Any, segments: int) -> dict[int, float]:
    """Rating level: share solved of the puzzles that ship."""
    found = {}
    for level, name in enumerate(LEVELS):
        file = assets_dir() / "puzzles" / "test" / "sudoku-9x9" / f"needs-{name.replace(' ', '-')}.txt"
        if file.is_file():
            read = read_puzzles(file, solve=True)
            found[level] = evaluate(model, read.puzzles, read.solutions, segments=segments).exact  # type: ignore[arg-type]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a bundled model's name or a checkpoint")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--make", choices=list(MAKERS), help="write such puzzles into the file first")
    parser.add_argument("--segments", type=int, default=64)
    given = parser.parse_args()
    if given.make:
        make(given.make, given.files[0])
    model = load(find_model(given.model))
    model.eval()
    ours = ours_by_level(model, given.segments)
    print("| set | puzzles | " + " | ".join(LEVELS[1:]) + " | solved | 95 % | as many of ours |\n" + "|---" * (len(LEVELS) + 4) + "|")
    for file in given.files:
        read = read_puzzles(file, solve=True)
        levels = np.array([rate(p, SUDOKU_9).level for p in read.puzzles])
        parts = judge(model, read.puzzles, read.solutions, segments=given.segments)  # type: ignore[arg-type]
        right = np.concatenate([part.exact[-1] for part in parts])
        low, high = wilson(int(right.sum()), len(right))
        cells = []
        for level in range(1, len(LEVELS)):
            of = right[levels == level]
            cells.append(f"{of.sum()} of {len(of)}" if len(of) else "–")
        count = Counter(levels.tolist())
        expected = sum(count[level] * ours.get(level, 1.0) for level in count) / len(levels)
        shown = " | ".join(cells)
        print(f"| {file.stem} | {len(right)} | {shown} | {right.mean():.1%} | {low:.1%} – {high:.1%} | {expected:.1%} |", flush=True)


if __name__ == "__main__":
    main()
