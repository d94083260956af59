"""How fast a recipe trains, against how fast this machine multiplies matrices: `python -m tests.benchmarks.train_step [PRESET …] [--rows N]`.

Each line is one way to train: dtype, compiled or not, in C++ where there is code for the model, with or without the second forward. Steps, and products of two large square
matrices in the same dtype, are timed in turn on one thread and by processor time, so that other work on the machine falls on both; their
medians are printed. What a step computes is counted from its matrix products, backward included; everything else is overhead.

Measured for sudoku-9x9 when it was 128 wide (48 examples, gradient through all calls) on one core of a Xeon with AVX-512 and AMX, torch 2.13, without
and with the second forward: float32 2.4 and 1.8 steps/s (44 % of 170 GFLOP/s), compiled 2.7 and 2.1 (50 and 53 %); bfloat16 4.3 and 3.3
(15 % of 1,000), compiled 6.1 and 4.9 (21 and 23 %). The faster a core multiplies, the smaller the share that a narrow model can use.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from hrm_model.native.units import usable
from hrm_model.symmetric import SymmetricHRM
from trainer.config import RunConfig
from trainer.loop import Trainer
from trainer.machine import keep_memory
from trainer.measure import RandomBatches
from trainer.presets import preset

_SIZE = 2048  # of the large matrices


def product_seconds(dtype: torch.dtype) -> float:
    a, b = (torch.randn(_SIZE, _SIZE, dtype=dtype) for _ in range(2))
    a @ b
    begin = time.process_time()
    a @ b
    return time.process_time() - begin


def flops_of(config: RunConfig) -> int:
    """Of the matrix products of one step (the optimizer's own, Muon's say, counted)."""
    trainer = Trainer(config.model_copy(update={"compile": "off"}), RandomBatches(config))
    if isinstance(trainer.model, SymmetricHRM):
        trainer.model.in_native_code = False  # which cannot be counted; it computes the same and the forward once more
    with FlopCounterMode(display=False) as counter:
        trainer.train_step()
    trainer.prefetcher.close()
    return counter.get_total_flops()


def measured(config: RunConfig, repeats: int, *, in_native_code: bool) -> dict[str, Any]:
    """Medians over steps and products in turn."""
    flops = flops_of(config)
    begin = time.process_time()
    trainer = Trainer(config, RandomBatches(config))
    if isinstance(trainer.model, SymmetricHRM) and not in_native_code:
        trainer.model.in_native_code = False
        if config.compile == "on":
            trainer.model.compile_segment()
    for _ in range(3):
        trainer.train_step()
    warm = time.process_time() - begin
    dtype = trainer.model.dtype
    steps, products = [], []
    for _ in range(repeats):
        begin = time.process_time()
        trainer.train_step()
        steps.append(time.process_time() - begin)
        products.append(product_seconds(dtype))
    trainer.prefetcher.close()
    step, product = statistics.median(steps), statistics.median(products)
    rate, peak = flops / step, 2 * _SIZE**3 / product
    return {
        "rows": config.batch_size, "dtype": trainer.model.config.forward_dtype, "compile": config.compile, "native": in_native_code, "second_forward": config.q_continue,
        "gradient": trainer.model.config.gradient, "ms_per_step": round(1e3 * step, 2), "steps_per_second": round(1 / step, 3),
        "examples_per_second": round(config.batch_size / step, 1), "gflop_per_step": round(flops / 1e9, 3), "gflops": round(rate / 1e9, 1),
        "large_matrix_gflops": round(peak / 1e9, 1), "share": round(rate / peak, 3), "seconds_until_warm": round(warm, 1),
    }  # fmt: skip


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("presets", nargs="*", default=["sudoku-9x9"])
    asked.add_argument("--rows", type=int, help="examples of a batch, in place of the preset's")
    asked.add_argument("--repeats", type=int, default=9)
    asked.add_argument("--dtype", nargs="*", default=["float32", "bfloat16"])
    asked.add_argument("--no-compile", action="store_true", help="only without torch.compile")
    given = asked.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    keep_memory()  # as the trainer does
    for name in given.presets:
        config = preset(name)
        config = config.model_copy(
            update={"model": config.final_model, "phases": (), "threads": 1, "device": "cpu", "batch_size": given.rows or config.batch_size}
        )
        for dtype in given.dtype:
            for compiled in ("off",) if given.no_compile else ("off", "on"):
                for second in (False, True):
                    way = config.model_copy(update={"dtype": dtype, "compile": compiled, "q_continue": second})
                    print(json.dumps({"preset": name, **measured(way, given.repeats, in_native_code=False)}), flush=True)
            if dtype == "float32" and usable(config.model, torch.device("cpu")):
                print(json.dumps({"preset": name, **measured(config, given.repeats, in_native_code=True)}), flush=True)


if __name__ == "__main__":
    main()
