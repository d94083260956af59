"""Building the published Sudoku dataset of 1,000 puzzles × 1,001, and reading batches of it: `python -m tests.benchmarks.datasets [FOLDER]`."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from hrm_model.tasks.registry import task_named
from trainer.data.build import GridSource, build
from trainer.data.published import Split


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        task = task_named("sudoku-9x9")
        begin = time.perf_counter()
        puzzles, solutions = task.generate(1000, np.random.default_rng(0), clues=30)
        print(f"1,000 puzzles made         {time.perf_counter() - begin:7.2f} s")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        begin, cpu = time.perf_counter(), time.process_time()
        for _ in build(Path(folder) / "sudoku", {"train": GridSource(task, puzzles, solutions, 1000)}, {"made by": "benchmark"}):
            pass
        seconds, busy = time.perf_counter() - begin, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"1,001,000 examples written {seconds:7.2f} s ({busy:.2f} s of one core), {peak - before:.0f} MB above the {before:.0f} MB before"
        )
        split = Split(Path(folder) / "sudoku" / "train")
        begin = time.perf_counter()
        split.check()
        print(f"every token checked        {time.perf_counter() - begin:7.2f} s")
        begin, cpu = time.perf_counter(), time.process_time()
        for step in range(200):
            split.rows(split.draw(0, step, 384))
        busy = (time.process_time() - cpu) / 200
        print(f"a batch of 384             {(time.perf_counter() - begin) / 200 * 1e3:7.2f} ms ({busy * 1e3:.2f} ms of one core)")


if __name__ == "__main__":
    main()
