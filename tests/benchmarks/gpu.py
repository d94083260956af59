"""Speed and accuracy on a graphics card: `python -m tests.benchmarks.gpu [think] [PRESET …]`, one JSON object per line.

think: difference between the states on the card and on the CPU, in float32 and bfloat16; milliseconds per segment with a trace (batch 1) and
without (batch 128). PRESET: training steps per second over two seconds, peak memory beside the estimate, and the size of a micro-batch.
`--ways`: how to train: plain, captured (as one CUDA graph), compiled, both.

Measured on an NVIDIA H200 (torch 2.11; one thread of its Xeon beside it): the states of the bundled 9×9 model differ from the CPU's by 3e-6 in
float32 and 4e-2 in bfloat16, with equal answers at every step. A traced segment takes 4.4 ms (CPU 7.2), with 27 M 20 ms (294), in bfloat16 27. sudoku-9x9 (then
128 wide) 38 steps/s, captured 152, compiled too 175; twelve such runs at once under NVIDIA's MPS 115 to 194 each. sudoku-extreme-1k 9.8 steps/s, peak
7.5 GB, estimate 6.9. Large products: 51 TFLOP/s in float32, 790 in bfloat16.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np
import torch

from hrm_model.assets import model_dir
from hrm_model.checkpoint.format import load
from hrm_model.config import ModelConfig
from hrm_model.errors import first_line
from hrm_model.model import HRM
from hrm_model.reasoning import reason, solve_batch
from tests.benchmarks.model import seconds
from trainer.loop import Trainer
from trainer.measure import RandomBatches, memory_needs
from trainer.memory import MEMORY_SHARE, free_memory, rows_that_fit
from trainer.presets import preset

_SIZE = 8192  # of the large matrices


def say(**values: object) -> None:
    print(json.dumps(values), flush=True)


def products() -> None:
    """The card's rate with large matrices, random numbers in them."""
    for dtype in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(_SIZE, _SIZE, device="cuda", dtype=dtype) for _ in range(2))
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        a @ b
        begin.record()
        for _ in range(10):
            a @ b
        end.record()
        torch.cuda.synchronize()
        say(what="products", dtype=str(dtype), tflops=round(10 * 2 * _SIZE**3 / begin.elapsed_time(end) / 1e9, 1))


def think() -> None:
    """The bundled 9×9 model, and one of 27 M random numbers."""
    torch.manual_seed(0)
    board = np.random.default_rng(0).integers(1, 11, 81)
    for name, model in {"sudoku-9x9": load(model_dir("sudoku-9x9"), "cpu"), "27 M": HRM(ModelConfig(puzzle_emb_ndim=512)).eval()}.items():
        here = list(reason(model, board, segments=4))
        for device, dtype in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16")):
            moved = HRM(model.config.model_copy(update={"forward_dtype": dtype})).to(device).eval()
            moved.load_state_dict(model.state_dict())
            there = list(reason(moved, board, segments=4))
            away = [np.abs(a.state - b.state).max() / np.abs(a.state).max() for a, b in zip(here, there, strict=True)]
            same = [(a.prediction == b.prediction).mean() for a, b in zip(here, there, strict=True)]
            say(
                what="think", model=name, device=device, dtype=dtype, states_away=float(max(away)), answers_alike=float(np.mean(same)),
                watched_ms=round(250 * seconds(lambda m=moved: list(reason(m, board, segments=4)), 5), 2),
                unwatched_ms=None if device == "cpu" else round(250 * seconds(lambda m=moved: solve_batch(m, np.repeat(board[None], 128, 0), segments=4), 3), 2),
            )  # fmt: skip


def train(name: str, way: str, dtype: str) -> None:
    config = preset(name)
    config = config.model_copy(update={"model": config.final_model, "phases": (), "device": "cuda", "dtype": dtype})
    device = torch.device("cuda")
    told = memory_needs(config, device)
    rows = rows_that_fit(free_memory(device), fixed=told.fixed, per_row=told.per_row, batch=config.batch_size, share=MEMORY_SHARE["cuda"])
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainer = Trainer(
        config, RandomBatches(config), micro_batch=rows, compiled=way in ("compiled", "both"), captured=way in ("captured", "both")
    )
    begin = time.perf_counter()
    for _ in range(2):
        trainer.train_step()
    torch.cuda.synchronize()
    warm, begin, steps = time.perf_counter() - begin, time.perf_counter(), 0
    while steps < 3 or time.perf_counter() - begin < 2:
        trainer.train_step()
        steps += 1
        if rows < config.batch_size or steps % 10 == 0:
            torch.cuda.synchronize()
    torch.cuda.synchronize()
    each = (time.perf_counter() - begin) / steps
    trainer.prefetcher.close()
    say(
        what="train", preset=name, dtype=trainer.model.config.forward_dtype, way=way, batch=config.batch_size, at_once=trainer.micro_batch,
        steps_per_second=round(1 / each, 2), examples_per_second=round(config.batch_size / each, 1), warm_seconds=round(warm, 1),
        peak_mb=round((torch.cuda.max_memory_allocated() - before) / 1e6), worked_out_mb=round((told.fixed + trainer.micro_batch * told.per_row) / 1e6),
        notices=trainer.notices,
    )  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("what", nargs="*", default=["think"], help="think, and names of presets")
    asked.add_argument("--ways", nargs="*", default=["plain", "captured"], choices=["plain", "captured", "compiled", "both"])
    asked.add_argument("--dtype", default="auto")
    given: Any = asked.parse_args()
    warnings.filterwarnings("ignore")
    say(
        device=torch.cuda.get_device_name(0),
        memory_gb=round(torch.cuda.get_device_properties(0).total_memory / 1e9, 1),
        torch=torch.__version__,
    )
    if "think" in given.what:
        products()
        think()
    for name in (name for name in given.what if name != "think"):
        for way in given.ways:
            try:
                train(name, way, given.dtype)
            except Exception as error:  # one that fails must not hide the others
                say(what="train", preset=name, way=way, error=first_line(error)[:300])


if __name__ == "__main__":
    main()
