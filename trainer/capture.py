"""A small model's step is a thousand small kernels, and a graphics card waits for Python to ask for each. Captured as one CUDA graph,
forward and backward are asked for all at once; they compute the same. https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrm_model.act import Batch, Carry

if TYPE_CHECKING:
    from trainer.loop import Trainer

_WARM = 3  # passes before the capture, in which libraries choose their kernels and memory


class Captured:
    """Forward and backward of a whole batch at one phase's depth. Replayed, they work in place on the memory of the capture."""

    def __init__(self, trainer: Trainer, batch: Batch) -> None:
        """RuntimeError where something cannot be captured; the trainer goes on as before then."""
        self.device = trainer.device
        self.batch = {name: tensor.clone() for name, tensor in batch.items()}
        self.phase, self.rows = trainer.phase, trainer.micro_batch
        self.graph = torch.cuda.CUDAGraph()
        carry = trainer.carry
        self.carry = trainer.carry = Carry(**{name: tensor.clone() for name, tensor in carry.state().items()})
        with torch.cuda.device(self.device):
            stream = torch.cuda.current_stream()
            try:
                self.sums = self._capture(trainer)
            except BaseException:
                torch.cuda.set_stream(stream)  # a capture that breaks leaves its own
                trainer.carry = carry
                trainer.forget_gradients()
                raise
        self.collected = trainer.sign_sgd.collected() if trainer.sign_sgd else ([], [])
        self.gradients = [(p, p.grad) for p in trainer.model.parameters()]

    def _capture(self, trainer: Trainer) -> dict[str, Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM):
                trainer.forget_gradients()
                trainer.backward(self.batch)
        torch.cuda.current_stream().wait_stream(aside)
        # Without a gradient to add to, backward writes new ones, and so does every replay.
        trainer.forget_gradients()
        # thread_local: the thread that makes batches may go on asking for memory. The stream is of this device, torch's own need not be.
        with torch.cuda.graph(self.graph, stream=aside, capture_error_mode="thread_local"):
            carry, sums = trainer.backward(self.batch)
            for name, tensor in carry.state().items():
                self.carry.state()[name].copy_(tensor)
        return sums

    def fits(self, trainer: Trainer) -> bool:
        """Whether this is still what the trainer would compute."""
        return self.carry is trainer.carry and (self.phase, self.rows) == (trainer.phase, trainer.micro_batch)

    def replay(self, trainer: Trainer, batch: Batch) -> tuple[Carry, dict[str, Tensor]]:
        """What `Trainer.backward` gives, and its gradients; both are overwritten by the next replay."""
        with torch.cuda.device(self.device):
            for name, tensor in batch.items():
                self.batch[name].copy_(tensor, non_blocking=True)
            self.graph.replay()
        for parameter, gradient in self.gradients:
            parameter.grad = gradient
        if trainer.sign_sgd:
            trainer.sign_sgd.put(*self.collected)
        return self.carry, dict(self.sums)
