"""`python -m tests.benchmarks.trace_file`: time to write a trace, compared with its raw bytes; its size; time to read one step.

The traces have the shapes of the 27 M model (D = 512, 2 × (2 + 1) steps a segment, 16 segments); their numbers are noise, which
cannot be compressed: the worst case.

Measured on two shared cores and a fast disk: a 30×30 maze with full states (183 MB) takes 1.7 to 1.9 times as long as its raw bytes; with float16
3.9 times, because rounding takes longer than this disk. A Sudoku (17 MB) takes 56 to 65 ms, its bytes 13 to 17: about 25 ms go into the 50 small
datasets and plots, whatever the size, and 13 into the plane of the states.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from hrm_model.trace.data import ModelInfo, PuzzleInfo, Trace
from hrm_model.trace_file.io import STATES, TraceReader, check, read, size_estimate, write

TIMES = 7


def noise(task: str, cells: int, positions: int, vocabulary: int, width: int = 512, segments: int = 16) -> Trace:
    """A trace of these shapes."""
    rng = np.random.default_rng(0)
    n = 6 * segments
    level = np.tile([0, 0, 1], 2 * segments).astype(np.int8)
    probability = rng.dirichlet(np.ones(vocabulary) * 0.3, size=(n, cells)).astype(np.float32)
    h, fast = np.cumsum(level, dtype=np.int32), np.cumsum(1 - level, dtype=np.int32)
    states = [rng.standard_normal((int(rows[-1]) + 1, positions, width), np.float32) for rows in (h, fast)]
    return Trace(
        PuzzleInfo(task, rng.integers(1, vocabulary, cells), rng.integers(2, vocabulary, cells)), ModelInfo("noise"),
        np.repeat(np.arange(segments), 6).astype(np.int32), np.tile([0, 0, 0, 1, 1, 1], segments).astype(np.int32),
        np.tile([0, 1, -1], 2 * segments).astype(np.int32), level, h, fast, probability.argmax(-1).astype(np.int16), probability,
        rng.normal(size=segments).astype(np.float32), rng.normal(size=segments).astype(np.float32), *states,
    )  # fmt: skip


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock and of processor time; the second hardly depends on what else the machine does."""
    begin, computed = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - begin) * 1000, (time.process_time() - computed) * 1000


def write_raw(path: Path, data: bytes) -> None:
    """Time to write the raw bytes to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        path, plain = Path(folder) / "t.h5", Path(folder) / "raw"
        for task, cells, vocabulary in (("sudoku-9x9", 81, 11), ("maze-30x30", 900, 6)):
            trace = noise(task, cells, cells + 1, vocabulary)
            for states in STATES:
                written, copied, loaded = [], [], []
                for _ in range(TIMES):
                    # New files: freeing the space of an old file takes as long, and is not part of writing.
                    path.unlink(missing_ok=True)
                    plain.unlink(missing_ok=True)
                    written.append(timed(partial(write, path, trace, states=states)))
                    data = path.read_bytes()
                    copied.append(timed(partial(write_raw, plain, data)))
                    loaded.append(timed(partial(read, path, guard=False)))
                estimated = size_estimate(
                    h_steps=32, l_steps=64, positions=cells + 1, cells=cells, width=512, vocabulary=vocabulary, states=states
                )
                (w, w_cpu), (r, r_cpu), (_, l_cpu) = (np.median(found, axis=0) for found in (written, copied, loaded))
                print(
                    f"{task:11} {states:8} {len(data) / 1e6:7.2f} MB (estimated {estimated / 1e6:7.2f})   written {w:5.0f} ms, raw {r:5.0f} ms: {w / r:4.1f} ×"
                    f"   computing {w_cpu:4.0f} and {r_cpu:4.0f} ms: {w_cpu / r_cpu:4.1f} ×   read, computing {l_cpu:4.0f} ms"
                )
            write(path, trace)
            begin = time.perf_counter()
            check(path)
            print(f"{task:11} checked by a child process in {(time.perf_counter() - begin) * 1000:.0f} ms")
            with TraceReader(path) as reader:
                times = [timed(partial(reader.step, "trace", step)) for step in range(0, 96, 5)]
            clock, computing = (sorted(found) for found in zip(*times, strict=True))
            print(
                f"{task:11} one step (z_H, z_L, answer, probabilities): median {median(clock):.2f} ms, worst {clock[-1]:.2f} ms"
                f"   computing: median {median(computing):.2f} ms, worst {computing[-1]:.2f} ms"
            )


if __name__ == "__main__":
    main()
