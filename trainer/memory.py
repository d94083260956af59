"""How much memory is free, and how many examples fit into it."""

from __future__ import annotations

import math
from pathlib import Path

import psutil
import torch

from hrm_model.config import ModelConfig

MEMORY_SHARE = {"cuda": 0.85, "mps": 0.75, "cpu": 0.7}  # of the free memory that a run may take
_CPU_WORK = 30e9  # multiplications and additions of one block for the rows at once: a second on one core
MARGIN = 1.25  # allocators keep freed blocks and kernels need room to work, so a run takes more than its tensors


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still allocate on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return int(psutil.virtual_memory().available)


def peak_memory() -> int:
    """The most bytes that this process has had in memory so far; 0 if the system does not tell. (getrusage's is inherited from the parent.)"""
    try:
        return int(Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) << 10
    except (OSError, ValueError, IndexError):
        return 0


def cpu_rows(model: ModelConfig) -> int:
    """Examples at once that keep one core busy for about a second in each block, so that a run obeys soon. More are not faster there.

    It depends on the model alone, so that equal configurations give equal losses.
    """
    positions, width = model.state_shape()
    block = 2 * positions * (4 * width**2 + 3 * width * model.swiglu_size) + 4 * positions**2 * width
    return max(1, int(_CPU_WORK / block))


def rows_that_fit(free: int, *, fixed: int, per_row: int, batch: int, share: float) -> int:
    """Examples to compute at once, so that `fixed` bytes and `per_row` bytes for each stay within `share` of the free memory.

    A batch is cut into parts of nearly equal size. 1 if not even one example seems to fit: it may still work.
    """
    most = int((free * share / MARGIN - fixed) // max(1, per_row))
    if most >= batch:
        return batch
    parts = math.ceil(batch / max(1, most))
    return math.ceil(batch / parts)
