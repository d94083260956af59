"""How much memory is free, and how many examples fit into it."""

from __future__ import annotations

import math

import psutil
import torch

MEMORY_SHARE = {"cuda": 0.85, "mps": 0.75, "cpu": 0.7}  # of the free memory that a run may take
_MARGIN = 1.25  # allocators keep freed blocks and kernels need room to work, so a run takes more than its tensors


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still allocate on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return int(psutil.virtual_memory().available)


def rows_that_fit(free: int, *, fixed: int, per_row: int, batch: int, share: float) -> int:
    """Examples to compute at once, so that `fixed` bytes and `per_row` bytes for each stay within `share` of the free memory.

    A batch is cut into parts of nearly equal size. 1 if not even one example seems to fit: it may still work.
    """
    most = int((free * share / _MARGIN - fixed) // max(1, per_row))
    if most >= batch:
        return batch
    parts = math.ceil(batch / max(1, most))
    return math.ceil(batch / parts)
