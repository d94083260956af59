"""`python -m trainer.data.puzzle_sets FOLDER [--against POOL.npz …]` makes the test puzzles in assets/puzzles/test
(except `hardest-known.txt`, which was collected from public lists).

They come from a random stream of their own, and none shares a symmetry class with a training puzzle. On small boards, some classes are kept
out of every pool (`Task.held_out`); otherwise the pools named by `--against` are searched. No two test puzzles share a class either. Only of
4×4 boards there are too few classes; no two of them are equal.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hrm_model.tasks.base import Grids, Task
from hrm_model.tasks.registry import task_named
from hrm_model.tasks.sudoku.rating import LEVELS, rate
from hrm_model.tasks.sudoku.task import SudokuTask

SEED = 20261124
_RATED = 4000  # puzzles to rate, to find some of each level

# Task, file, number of puzzles, and difficulty as `Task.generate` takes it.
SETS: list[tuple[str, str, int, dict[str, int | None]]] = [
    ("sudoku-4x4", "6-clues", 1000, {"clues": 6}), ("sudoku-4x4", "5-clues", 1000, {"clues": 5}), ("sudoku-4x4", "4-clues", 200, {"clues": 4}),
    ("sudoku-6x6", "14-clues", 1000, {"clues": 14}), ("sudoku-6x6", "11-clues", 1000, {"clues": 11}), ("sudoku-6x6", "9-clues", 1000, {"clues": 9}),
    ("sudoku-9x9", "36-clues", 1000, {"clues": 36}), ("sudoku-9x9", "30-clues", 1000, {"clues": 30}),
    ("sudoku-9x9", "26-clues", 1000, {"clues": 26}), ("sudoku-9x9", "minimal", 1000, {"clues": None}),
    ("maze-11x11", "path-12-to-23", 1000, {"min_path": 12, "max_path": 23}), ("maze-11x11", "path-24-to-35", 1000, {"min_path": 24, "max_path": 35}),
    ("maze-11x11", "path-36-and-more", 1000, {"min_path": 36}),
]  # fmt: skip


def chosen(task: Task, make: Callable[[], Grids], count: int, seen: set[int]) -> Grids:
    """`count` puzzles (count, S) whose classes are not in `seen`, which theirs are added to. Fewer if 50 tries bring nothing new."""
    kept: list[Grids] = []
    have = barren = 0
    while have < count and barren < 50:
        puzzles = make()
        puzzles = puzzles[task.held_out(puzzles)] if task.few_classes else puzzles
        classes = [hash(p.tobytes()) for p in puzzles] if task.name == "sudoku-4x4" else task.classes(puzzles).tolist()
        new = [k for k, code in enumerate(classes) if code not in seen and code not in classes[:k]][: count - have]
        seen.update(classes[k] for k in new)
        kept.append(puzzles[new])
        have += len(new)
        barren = 0 if new else barren + 1
    return np.concatenate(kept)


def write(folder: Path, task: Task, name: str, puzzles: Grids, description: str) -> None:
    """Write one puzzle a line, below a comment that describes them."""
    file = folder / task.name / f"{name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"# {len(puzzles)} {task.name} puzzles, {description}; seed {SEED}", *(task.format_line(p) for p in puzzles)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{file}: {len(puzzles)}", flush=True)


def rated(folder: Path, task: SudokuTask, each: int, rng: np.random.Generator, seen: set[int]) -> None:
    """Write up to `each` 9×9 puzzles of every rating level, made with 32 clues down to minimal."""
    found: dict[int, list[np.ndarray]] = {level: [] for level in range(1, len(LEVELS))}
    for k in range(_RATED // 40):
        for puzzle in chosen(task, lambda k=k: task.generate(64, rng, clues=(32, 28, 26, None)[k % 4])[0], 40, seen):  # type: ignore[misc]
            found[rate(puzzle, task.variant).level].append(puzzle)
    for level, puzzles in found.items():
        if puzzles:
            name = LEVELS[level].replace(" ", "-")
            write(folder, task, f"needs-{name}", np.stack(puzzles[:each]), f"which need the technique '{LEVELS[level]}' and no harder one")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the puzzles that models are evaluated on.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--against", type=Path, nargs="*", default=[], help="pool.npz files of training runs; puzzles of their classes are left out"
    )
    parser.add_argument("--only", default="", help="the name of the only task to make puzzles for")
    given = parser.parse_args()
    streams = np.random.SeedSequence(SEED).spawn(len(SETS) + 1)
    seen: dict[str, set[int]] = {}
    for (task_name, name, count, difficulty), stream in zip(SETS, streams, strict=False):
        if given.only not in ("", task_name):
            continue
        task, rng = task_named(task_name), np.random.default_rng(stream)
        if task_name not in seen:
            seen[task_name] = set()
            for pool in given.against:
                with np.load(pool) as stored:
                    if stored["puzzles"].shape[1] == task.cells:
                        seen[task_name].update(task.classes(stored["puzzles"]).tolist())
        puzzles = chosen(task, lambda: task.generate(256, rng, **difficulty)[0], count, seen[task_name])  # noqa: B023
        write(given.folder, task, name, puzzles, ", ".join(f"{k} {v if v is not None else 'minimal'}" for k, v in difficulty.items()))
        if name == "minimal":
            write(
                given.folder, task, "minimal-24-clues-or-fewer", puzzles[(puzzles > 0).sum(axis=1) <= 24], "minimal, with 24 clues or fewer"
            )
    nine = task_named("sudoku-9x9")
    if given.only in ("", nine.name):
        assert isinstance(nine, SudokuTask)
        rated(given.folder, nine, 200, np.random.default_rng(streams[-1]), seen[nine.name])


if __name__ == "__main__":
    main()
