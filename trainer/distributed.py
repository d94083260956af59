"""One run on several devices: `torchrun --nproc-per-node N -m trainer RUN_DIR`.

Each process computes its rows of each batch, DistributedDataParallel sums the gradients, and only the first process writes events and
checkpoints. A checkpoint holds the carry of the whole batch, so a run can be resumed with another number of processes.
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

_TIMEOUT = datetime.timedelta(hours=6)  # the others wait while the first process evaluates


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one run. In a group of one, nothing is sent and nothing costs time."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes events and checkpoints."""
        return self.rank == 0

    def rows(self, count: int) -> tuple[int, int]:
        """First and last + 1 of this process's rows of a batch. ConfigError if the batch cannot be divided evenly."""
        if count % self.size:
            raise ConfigError(f"batch_size {count} cannot be divided evenly among {self.size} processes")
        share = count // self.size
        return self.rank * share, (self.rank + 1) * share

    def wrap(self, module: nn.Module) -> nn.Module:
        """A module whose backward gives the mean of all processes' gradients."""
        return module if self.size == 1 else DistributedDataParallel(module, broadcast_buffers=False)

    def no_sync(self, module: nn.Module) -> AbstractContextManager[None]:
        """Keep a wrapped module's gradients to this process, until the last part of a batch."""
        return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()

    def all_reduce(self, tensors: Iterable[Tensor]) -> None:
        """Make each tensor the sum over all processes, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.all_reduce(tensor)

    def all_gather(self, tensor: Tensor) -> Tensor:
        """The rows of all processes, in the order of their ranks."""
        if self.size == 1:
            return tensor
        content = tensor.contiguous().view(torch.uint8)  # gloo does not support every dtype
        parts = [torch.empty_like(content) for _ in range(self.size)]
        dist.all_gather(parts, content)
        return torch.cat([part.view(tensor.dtype) for part in parts])

    def broadcast(self, value: Any) -> Any:
        """The first process's value, in every process. Plain Python values only."""
        if self.size == 1:
            return value
        holder = [value]
        dist.broadcast_object_list(holder, src=0, device=torch.device("cpu"))
        return holder[0]

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def join_process_group(device: str) -> tuple[ProcessGroup, str]:
    """The group that torchrun made, and this process's device ('auto' and 'cuda' become a card of its own).

    A process that torchrun did not start is a group of one. RunError if there are more processes than cards.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ProcessGroup(), device
    if device in ("auto", "cuda") and torch.cuda.is_available():
        cards, here = torch.cuda.device_count(), int(os.environ.get("LOCAL_WORLD_SIZE", size))
        # (Some launchers show each process its own card and no other.)
        if here > cards and not (cards == 1 and os.environ.get("CUDA_VISIBLE_DEVICES")):
            raise RunError(
                f"{here} processes need a graphics card each; this machine has {cards}. "
                f"Start {cards} (--nproc-per-node {cards}), or set device: cpu in config.yaml."
            )
        device = f"cuda:{int(os.environ['LOCAL_RANK']) % cards}"
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    elif device == "auto":
        device = "cpu"
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo", timeout=_TIMEOUT)
    return ProcessGroup(dist.get_rank(), size), device
