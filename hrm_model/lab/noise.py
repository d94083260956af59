"""Noise that comes out the same each time: one generator for each row of a batch, on the CPU.

Shapes: B batch, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Noise:
    """A stream of Gaussian noise for each row. What a row gets depends on its seed alone, not on the other rows."""

    def __init__(self, seeds: Sequence[Sequence[int]]) -> None:
        self._streams = [
            torch.Generator("cpu").manual_seed(int(np.random.SeedSequence(list(s)).generate_state(1, np.uint64)[0] >> 1)) for s in seeds
        ]

    def on(self, z: Tensor, sigma: Sequence[float] | float) -> Tensor:
        """z (B, T, D) with noise of sigma times the root mean square of each position's vector; rows whose sigma is 0 stay as they are."""
        sigmas = [sigma] * len(self._streams) if isinstance(sigma, int | float) else list(sigma)
        drawn = torch.stack([torch.randn(z.shape[1:], generator=stream) for stream in self._streams]).to(z.device)
        moving = torch.tensor([s > 0 for s in sigmas], device=z.device)[:, None, None]
        size = z.float().square().mean(dim=-1, keepdim=True).sqrt() * torch.tensor(sigmas, device=z.device)[:, None, None]
        return torch.where(moving, (z.float() + size * drawn).to(z.dtype), z)
