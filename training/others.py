"""`python -m training.others MODEL FILE …`: compares a model on other people's 9×9 puzzles and on the bundled test puzzles of the same rating.

A puzzle's rating is the hardest technique that it needs (hrm_model/tasks/sudoku/rating.py). The column `as many of ours` is the share that the
model solves of `assets/puzzles/test/sudoku-9x9/needs-*.txt`, with each rating weighted as in the file. `boards to try` is for puzzles rated
'search': the median number of boards in the whole tree of guesses, with singles filled in after each guess; in brackets, the same for ours.

`--make dokusan FILE` and `--make py-sudoku FILE` write new files, with puzzles of two generators on PyPI
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

from hrm_model.analysis.puzzle_results import wilson
from hrm_model.assets import assets_dir, find_model
from hrm_model.checkpoint.format import load
from hrm_model.evaluation import evaluate, evaluate_batches
from hrm_model.tasks.base import Grids
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.sudoku.grid import SUDOKU_9
from hrm_model.tasks.sudoku.hard import guesses
from hrm_model.tasks.sudoku.rating import LEVELS, rate
from hrm_model.tasks.sudoku.solver import count_solutions

OURS = assets_dir() / "puzzles" / "test" / "sudoku-9x9"


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
    """Write the puzzles of a generator to a new file. FileExistsError if the file exists."""
    if file.exists():
        raise FileExistsError(f"{file} already exists; choose another name")
    lines = [line for line in MAKERS[name]() if count_solutions([int(c) for c in line], SUDOKU_9) == 1]
    file.write_text("\n".join(lines) + "\n")
    print(f"{file}: {len(lines)} puzzles")


def ours_by_level(model: Any, segments: int) -> dict[int, float]:
    """Rating level: share solved of the puzzles that ship. Levels without such puzzles are missing."""
    found = {}
    for level, name in enumerate(LEVELS):
        file = OURS / f"needs-{name.replace(' ', '-')}.txt"
        if file.is_file():
            read = read_puzzles(file, solve=True)
            found[level] = evaluate(model, read.puzzles, read.solutions, segments=segments).exact  # type: ignore[arg-type]
    return found


def search_needed(puzzles: Grids) -> str:
    """The median number of guesses; a dash for no puzzles."""
    return f"{np.median(guesses(puzzles, SUDOKU_9)[0]):.0f}" if len(puzzles) else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", help="a bundled model's name or a checkpoint")
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument(
        "--make", nargs=2, metavar=("GENERATOR", "FILE"), help=f"only write puzzles of this generator: {' or '.join(MAKERS)}"
    )
    parser.add_argument("--segments", type=int, default=64)
    given = parser.parse_args()
    if given.make:
        make(given.make[0], Path(given.make[1]))
        return
    if not given.files:
        parser.error("name a model and files of puzzles")
    model = load(find_model(given.model))
    model.eval()
    ours = ours_by_level(model, given.segments)
    of_ours = search_needed(read_puzzles(OURS / "needs-search.txt").puzzles)
    print(
        "| set | puzzles | "
        + " | ".join(LEVELS[1:])
        + " | solved | 95 % | as many of ours | boards to try |\n"
        + "|---" * (len(LEVELS) + 5)
        + "|"
    )
    for file in given.files:
        read = read_puzzles(file, solve=True)
        levels = np.array([rate(p, SUDOKU_9).level for p in read.puzzles])
        parts = evaluate_batches(model, read.puzzles, read.solutions, segments=given.segments)  # type: ignore[arg-type]
        right = np.concatenate([part.exact[-1] for part in parts])
        low, high = wilson(int(right.sum()), len(right))
        cells = []
        for level in range(1, len(LEVELS)):
            of = right[levels == level]
            cells.append(f"{of.sum()} of {len(of)}" if len(of) else "–")
        count = Counter(levels.tolist())
        expected = sum(count[level] * ours[level] for level in count) / len(levels)
        shown = " | ".join(cells)
        search = f"{search_needed(read.puzzles[levels == len(LEVELS) - 1])} ({of_ours})"
        print(
            f"| {file.stem} | {len(right)} | {shown} | {right.mean():.1%} | {low:.1%} – {high:.1%} | {expected:.1%} | {search} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
