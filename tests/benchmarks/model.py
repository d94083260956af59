"""`python -m tests.benchmarks.model`: one segment of the 27 M model against the machine's matrix rate, and what tracing costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from hrm_model.config import ModelConfig
from hrm_model.model import HRM
from hrm_model.reasoning import reason, solve_batch


def seconds(work: Callable[[], object], times: int = 7) -> float:
    work()
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return median(found)


def main() -> None:
    torch.manual_seed(0)
    model = HRM(ModelConfig(puzzle_emb_ndim=512)).eval()
    puzzle = np.random.default_rng(0).integers(1, 11, 81)
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    rate = 2 * 2048**3 / seconds(lambda: a @ b)
    config = model.config
    weights = 4 * config.hidden_size**2 + 3 * config.hidden_size * config.swiglu_size
    per_call = config.H_layers * config.positions * (2 * weights + 4 * config.positions * config.hidden_size)
    work = config.steps_per_segment * per_call
    untraced = seconds(lambda: solve_batch(model, puzzle[None], segments=4)) / 4
    traced = seconds(lambda: list(reason(model, puzzle, segments=4, previews=False))) / 4
    previews = seconds(lambda: list(reason(model, puzzle, segments=4))) / 4
    print(f"large matrix product: {rate / 1e9:.0f} GFLOP/s")
    print(
        f"one segment, 27 M, float32, batch 1: {untraced * 1000:.1f} ms = {work / untraced / 1e9:.0f} GFLOP/s = {work / untraced / rate:.0%} of that rate"
    )
    print(f"traced without previews: {traced / untraced - 1:+.1%}; with previews: {previews / untraced - 1:+.1%}")


if __name__ == "__main__":
    main()
