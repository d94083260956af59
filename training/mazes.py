"""`python -m training.mazes MODEL [--hard FILE.csv] [--only NAME …]`: how many mazes of every size a model solves, with 95 % intervals.

A maze counts if the answer is the puzzle with exactly one of its shortest paths marked, whichever: judged by rules, not by a label.
One forward pass, no search, no vote. The sets of our own come from a random stream that no preset uses. With `--json FILE`, results are also kept.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import hrm_model
from hrm_model.assets import assets_dir
from hrm_model.evaluation import evaluate
from hrm_model.tasks.base import Grids
from hrm_model.tasks.maze.grid import shortest_paths
from hrm_model.tasks.maze.varied import generate_varied
from hrm_model.tasks.puzzle_files import read_puzzles

SEED = 20261130
SHOWN = (4, 8, 16, 32, 64, 128, 256)
# Name: sides, fewest moves, mazes, segments.
OWN: dict[str, tuple[tuple[int, int], int | None, int, int]] = {
    "11×11": ((11, 11), 22, 100, 64),
    "15×15": ((15, 15), 30, 100, 64),
    "21×21": ((21, 21), 42, 100, 64),
    "29×29": ((29, 29), 58, 60, 64),
    "sides 5 to 30": ((5, 30), None, 60, 64),
    "30×30, path ≥ 110": ((30, 30), 110, 40, 64),
    "41×41, path ≥ 123": ((41, 41), 123, 12, 128),
    "60×60, path ≥ 180": ((60, 60), 180, 6, 256),
}


def own(name: str) -> tuple[Grids, Grids]:
    """Mazes and answers of one of our own sets; the same every time."""
    sides, least, count, _ = OWN[name]
    return generate_varied(sides, count, np.random.default_rng([SEED, *sides, least or 0]), min_path=least)


def of_file(file: Path, limit: int) -> tuple[Grids, Grids]:
    found = read_puzzles(file, solve=True, limit=limit)
    assert found.solutions is not None
    return found.puzzles, found.solutions


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", help="a bundled model's name or a checkpoint")
    parser.add_argument("--hard", type=Path, help="a file of other people's mazes")
    parser.add_argument("--hard-segments", type=int, default=128, help="segments for that file")
    parser.add_argument("--limit", type=int, default=1000, help="only the first so many mazes of each file")
    parser.add_argument("--only", nargs="*", default=[], help="only the sets whose names begin so")
    parser.add_argument("--json", type=Path, help="append each result to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = hrm_model.load(given.model, device="cpu").model
    files = {file.stem: file for file in sorted((assets_dir() / "puzzles" / "test" / "maze-11x11").glob("*.txt"))}
    sets: list[tuple[str, int]] = [(f"shipped 11×11, {name}", 64) for name in files] + [(name, OWN[name][3]) for name in OWN]
    if given.hard:
        sets.append((given.hard.stem, given.hard_segments))
    shown = " | ".join(map(str, SHOWN))
    print(f"| set | mazes | moves | {shown} | 95 % | by q_halt | seconds |")
    print("|" + "---|" * (len(SHOWN) + 6))
    for name, segments in sets:
        if given.only and not any(name.startswith(start) for start in given.only):
            continue
        if name in OWN:
            puzzles, answers = own(name)
        else:
            file = given.hard if given.hard and name == given.hard.stem else files[name.removeprefix("shipped 11×11, ")]
            puzzles, answers = of_file(file, given.limit)
        begin = time.process_time()
        # About 30,000 cells at once: their states stay in the cache.
        found = evaluate(model, puzzles, answers, segments=segments, batch=max(1, 30_000 // puzzles.shape[1]))
        seconds = time.process_time() - begin
        moves = shortest_paths(puzzles).length
        shares = [f"{found.exact_by_segment[k - 1]:.1%}" if k <= segments else "" for k in SHOWN]
        low, high = found.interval
        print(
            f"| {name} | {len(puzzles)} | {moves.min()} to {moves.max()} | {' | '.join(shares)} | {low:.1%} – {high:.1%} "
            f"| {found.exact_at_halt:.1%} after {found.mean_segments:.1f} | {seconds:.0f} |",
            flush=True,
        )
        if given.json:
            with given.json.open("a", encoding="utf-8") as stream:
                record = {"model": given.model, "set": name, "segments": segments, "puzzles": len(puzzles), "exact": found.exact}
                stream.write(json.dumps(record | {"interval": found.interval, "by_segment": found.exact_by_segment}) + "\n")


if __name__ == "__main__":
    main()
