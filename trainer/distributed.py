"""One run on several devices: `torchrun --nproc-per-node N -m trainer RUN_DIR`.

Every process works on its rows of each batch, DistributedDataParallel adds the gradients up, and the first process alone writes
events and checkpoints. Checkpoints hold the whole batch's carry, so a run goes on with any number of processes.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hrm_model.errors import ConfigError, RunError

# An evaluation by the first process keeps the others waiting.
_PATIENCE = datetime.timedelta(hours=6)


@dataclass(frozen=True)
class World:
    """The processes of one run. A world of one does nothing and costs nothing."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes events and checkpoints."""
        return self.rank == 0

    def rows(self, count: int) -> tuple[int, int]:
        """First and last + 1 of this process's rows of a batch. ConfigError where they cannot be dealt out evenly."""
        if count % self.size:
            raise ConfigError(f"batch_size {count} cannot be dealt out evenly to {self.size} processes")
        share = count // self.size
        return self.rank * share, (self.rank + 1) * share

    def wrap(self, module: nn.Module) -> nn.Module:
        """A module whose backward gives the mean of all processes' gradients."""
        return module if self.size == 1 else DistributedDataParallel(module, broadcast_buffers=False)

    def unsynchronised(self, module: nn.Module) -> AbstractContextManager[None]:
        """While only part of a batch went through a wrapped module."""
        return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Each tensor becomes the sum over all processes."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def all_rows(self, tensor: Tensor) -> Tensor:
        """All processes' rows, one process after the other."""
        if self.size == 1:
            return tensor
        content = tensor.contiguous().view(torch.uint8)  # gloo does not know every dtype
        parts = [torch.empty_like(content) for _ in range(self.size)]
        dist.all_gather(parts, content)
        return torch.cat([part.view(tensor.dtype) for part in parts])

    def from_first(self, value: Any) -> Any:
        """What the first process has there; plain Python values."""
        if self.size == 1:
            return value
        holder = [value]
        dist.broadcast_object_list(holder, src=0, device=torch.device("cpu"))
        return holder[0]

    def leave(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join(device: str) -> tuple[World, str]:
    """The world that torchrun made, and this process's device in it ('auto' and 'cuda' become a card of its own).

    A process that torchrun did not start is alone. RunError where there are more processes than cards.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(), device
    if device in ("auto", "cuda") and torch.cuda.is_available():
        cards, here = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", size))
        # (Some launchers show each process its own card and no other.)
        if here > cards and not (cards == 1 and os.environ.get("CUDA_VISIBLE_DEVICES")):
            raise RunError(
                f"{here} processes were started on this machine, which has {cards} graphics card{'s' if cards > 1 else ''}, and each needs "
                f"one of its own. Start {cards} (--nproc-per-node {cards}), or set device: cpu in config.yaml."
            )
        device = f"cuda:{int(os.environ['LOCAL_RANK']) % cards}"
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    elif device == "auto":
        device = "cpu"
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo", timeout=_PATIENCE)
    return World(dist.get_rank(), size), device
