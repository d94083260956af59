"""A run's own figures between two metrics events."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

from hrm_model.evaluation import Evaluation
from trainer.distributed import ProcessGroup

_SHARED = ("lr", "grad_norm")  # equal in all processes, so never summed over them
_RATE_SECONDS = 2.0  # seconds of computing that a rate is taken over, at least


class MetricsWindow:
    """Sums over the steps since the last metrics event."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps = 0

    def add(self, sums: dict[str, Tensor]) -> None:
        """Add a step's sums. They are copied: a replayed CUDA graph overwrites its own."""
        for name, value in sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value.clone()
        self.steps += 1

    def take(self, batch_size: int, processes: ProcessGroup) -> tuple[dict[str, Any], int]:
        """Means under the published names, and how many examples ended; the window is empty then.

        Losses are means over all examples, the other figures over those that ended (None if none did).
        """
        processes.all_reduce(total for name, total in self.sums.items() if name not in _SHARED)
        totals, steps = {name: float(total) for name, total in self.sums.items()}, self.steps
        self.clear()
        ended = totals.pop("count")
        means: dict[str, Any] = {name: totals.pop(name) / steps for name in _SHARED}
        for name, total in totals.items():
            count = steps * batch_size if name.endswith("loss") else ended
            means[name] = total / count if count else None
        return means, int(ended)

    def state_dict(self, processes: ProcessGroup) -> dict[str, Any]:
        """The sums over all processes, and the number of steps. All processes call it together."""
        sums = {name: tensor.clone() for name, tensor in self.sums.items()}
        processes.all_reduce(total for name, total in sums.items() if name not in _SHARED)
        return {"window": sums, "window_steps": self.steps}

    def load_state_dict(self, state: dict[str, Any], device: torch.device, processes: ProcessGroup) -> None:
        """Go on from `state_dict`; the first process takes over what all had summed."""
        self.sums = {name: tensor.to(device) for name, tensor in state["window"].items()}
        self.steps = state["window_steps"]
        if "grad_norm" not in self.sums:  # nothing yet, or written before gradients were recorded
            self.clear()
        if not processes.is_first:
            self.sums = {name: tensor if name in _SHARED else tensor * 0 for name, tensor in self.sums.items()}


class Rate:
    """Examples per second of computing, over the last two seconds or more."""

    def __init__(self, seconds: float = 0.0, examples: int = 0) -> None:
        """`seconds`, `examples`: where the run stands, so that only what comes later counts."""
        self._points = deque([(seconds, examples)])

    def update(self, seconds: float, examples: int) -> float | None:
        """The rate at this point of the run; evaluations and pauses are not in `seconds` and do not count."""
        while len(self._points) > 1 and seconds - self._points[1][0] >= _RATE_SECONDS:
            self._points.popleft()
        before = self._points[0]
        self._points.append((seconds, examples))
        took = seconds - before[0]
        return round((examples - before[1]) / took, 2) if took > 0 else None


def set_figures(found: Evaluation) -> dict[str, Any]:
    """What an evaluation event says of one set of puzzles."""
    return {
        "puzzles": found.puzzles, "exact": found.exact, "low": found.interval[0], "high": found.interval[1], "cells": found.cells,
        "mean_segments": found.mean_segments, "exact_by_segment": list(found.exact_by_segment), "q_halt_accuracy": found.q_halt_accuracy,
    }  # fmt: skip
