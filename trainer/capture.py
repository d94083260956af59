"""Forward and backward of a small model as one CUDA graph.

A small model's step is a thousand small kernels, and a graphics card waits for Python to launch each. A captured graph launches them all
at once and computes the same. https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from hrm_model.act import Batch, Carry
from trainer.optim import SignSGD, drop_gradients

_WARM_UP = 3  # passes before the capture, in which libraries choose their kernels and allocate memory

Gradients = Callable[[Batch, Carry], tuple[Carry, dict[str, Tensor]]]


class CapturedStep:
    """Gradients of one batch as a CUDA graph. Each replay works in place, on the memory of the capture."""

    def __init__(self, gradients: Gradients, batch: Batch, carry: Carry, parameters: Iterable[nn.Parameter], table: SignSGD | None) -> None:
        """`gradients`: takes a batch and its carry, adds to the gradients of `parameters` and `table`, returns the new carry and sums.

        RuntimeError if something in it cannot be captured. No gradients are left then; nothing else has changed.
        """
        self.device, self.parameters, self.table = carry.z_H.device, list(parameters), table
        self.batch = {name: tensor.clone() for name, tensor in batch.items()}
        self.carry = Carry(**{name: tensor.clone() for name, tensor in carry.state().items()})
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self.device):
            stream = torch.cuda.current_stream()
            try:
                self.sums = self._capture(gradients)
            except BaseException:
                torch.cuda.set_stream(stream)  # a capture that fails leaves its own stream behind
                drop_gradients(self.parameters, table)
                raise
        self.collected = table.collected() if table else ([], [])
        self.gradients = [parameter.grad for parameter in self.parameters]

    def _capture(self, gradients: Gradients) -> dict[str, Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                drop_gradients(self.parameters, self.table)
                gradients(self.batch, self.carry)
        torch.cuda.current_stream().wait_stream(aside)
        # Without a gradient to add to, backward writes a new one, and so does every replay.
        drop_gradients(self.parameters, self.table)
        # thread_local: the thread that makes batches may go on allocating. The stream must be this device's; torch's default need not be.
        with torch.cuda.graph(self.graph, stream=aside, capture_error_mode="thread_local"):
            carry, sums = gradients(self.batch, self.carry)
            _copy(carry.state(), self.carry.state())
        return sums

    def replay(self, batch: Batch, carry: Carry) -> tuple[Carry, dict[str, Tensor]]:
        """What the captured function returns, and its gradients. The next replay overwrites both."""
        with torch.cuda.device(self.device):
            _copy(batch, self.batch)
            if carry is not self.carry:
                _copy(carry.state(), self.carry.state())
            self.graph.replay()
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        if self.table:
            self.table.put(*self.collected)
        return self.carry, dict(self.sums)


def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    for name, tensor in source.items():
        target[name].copy_(tensor, non_blocking=True)
