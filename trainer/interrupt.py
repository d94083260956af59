"""Lets a long computation look up: between micro-batches, and before each block of a forward or backward pass.

A step of a large model takes minutes on a CPU, a block of it a second. What the look raises ends the computation there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from hrm_model.layers import ReasoningModule

_EVERY = 0.2  # seconds between two looks


class Cancelled(Exception):
    """Raised by a look to leave a step or an evaluation. Nothing of it counts; a resumed run begins with it."""


class Lookout:
    """Calls `look` from within a computation, a few times a second."""

    def __init__(self) -> None:
        self.look: Callable[[], None] = lambda: None
        self.spent = 0.0  # seconds in looks so far, such as a pause
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        try:
            self.look()
        finally:
            end = time.monotonic()
            self.spent += end - now
            self._next = end + _EVERY

    def watch(self, model: nn.Module) -> None:
        """Look before each block of this model, forward and backward."""

        def before(module: nn.Module, inputs: Any) -> None:
            self()

        def after(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if output.requires_grad:
                output.register_hook(lambda gradient: self())

        for module in model.modules():
            if isinstance(module, ReasoningModule):
                for block in module.layers:
                    block.register_forward_pre_hook(before)
                    block.register_forward_hook(after)
