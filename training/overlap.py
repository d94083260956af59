"""`python -m training.overlap POOL.npz …`: how many puzzles of each shipped test set are symmetric copies of a training puzzle."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from hrm_model.assets import assets_dir
from hrm_model.tasks.puzzle_files import read_puzzles
from hrm_model.tasks.registry import task_named
from trainer.config import read_config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pools", type=Path, nargs="+", help="pool.npz of runs of one task, each in its run directory")
    given = parser.parse_args()
    pools = {}
    for file in given.pools:
        with np.load(file) as stored:
            task = task_named(read_config(file.with_name("config.yaml")).task)
            pools[file] = np.unique(task.classes(stored["puzzles"]))
    print("| set | puzzles | " + " | ".join(f"in {f.parent.name} ({len(c):,} classes)" for f, c in pools.items()) + " |")
    print("|---|---|" + "---|" * len(pools))
    for file in sorted((assets_dir() / "puzzles" / "test" / task.name).glob("*.txt")):
        classes = task.classes(read_puzzles(file, solve=False).puzzles)
        print(
            f"| {file.stem} | {len(classes)} | " + " | ".join(str(int(np.isin(classes, c).sum())) for c in pools.values()) + " |",
            flush=True,
        )


if __name__ == "__main__":
    main()
