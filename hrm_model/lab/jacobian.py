"""Local stability: by how much one segment stretches small differences of (z_H, z_L), by power iteration with vector products.

Shapes: T positions, D width, C singular values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from hrm_model.analysis.cells import segment_ends
from hrm_model.errors import UsageError
from hrm_model.lab.batch import starts
from hrm_model.loaded import LoadedModel
from hrm_model.model import HRM
from hrm_model.trace.data import Array, Trace


@dataclass(frozen=True)
class Stability:
    """Along a run: the largest singular values of one segment's Jacobian at the states after each segment. Above 1, differences can grow."""

    segments: Array  # (K,) counted from 1; 0: at the initial states
    values: Array  # (K, C) the largest first


def stability(
    model: LoadedModel, trace: Trace, *, count: int = 2, iterations: int = 12, every: int = 1, seed: int = 0
) -> Iterator[Stability]:
    """The values at one segment's end after the other. The Jacobian is never formed: J v and Jᵀ v are one forward and one backward pass each.

    `count`: how many singular values; `iterations`: of the power iteration; `every`: only every so many segments. TraceError without states.
    """
    if not 1 <= count <= 8 or not 1 <= iterations <= 200 or every < 1:
        raise UsageError("Stability takes 1 to 8 values, 1 to 200 iterations, and every 1st segment or fewer.")
    ends = segment_ends(trace)[: len(trace.q_halt)]
    places = [(-1, 0), *((int(end), k + 1) for k, end in enumerate(ends.tolist()) if (k + 1) % every == 0)]
    found: list[tuple[int, Array]] = []
    vectors: tuple[Tensor, Tensor] | None = None
    for at, segment in places:
        place, x = starts(model, trace, at)
        if vectors is None:
            generator = torch.Generator("cpu").manual_seed(seed)
            vectors = tuple(  # type: ignore[assignment]
                torch.randn((count, *z.shape[1:]), generator=generator).to(z.device) for z in (place.z_H, place.z_L)
            )
        assert vectors is not None
        # The vectors of the last place are a good start for the next one.
        values, vectors = _power(model.model.on(trace.puzzle.task), place.z_H, place.z_L, x, vectors, iterations)
        found.append((segment, values))
        yield Stability(np.array([s for s, _ in found]), np.stack([v for _, v in found]))


def _power(
    model: HRM, z_H: Tensor, z_L: Tensor, x: Tensor, vectors: tuple[Tensor, Tensor], iterations: int
) -> tuple[Array, tuple[Tensor, Tensor]]:
    """Subspace iteration on JᵀJ: singular values (C,), and the vectors they belong to."""
    count = len(vectors[0])
    sizes = torch.zeros(count)
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        # The fast kernels of attention have no second derivative, which J v needs here.
        inputs = [z.detach().clone().float().repeat(count, 1, 1).requires_grad_() for z in (z_H, z_L)]
        dual = [torch.zeros_like(z).requires_grad_() for z in inputs]
        outputs = _segment(model, inputs[0], inputs[1], x.detach().clone().expand(count, -1, -1))
        # Jᵀ u is linear in u, so its derivative along v is J v.
        pulled = torch.autograd.grad(outputs, inputs, dual, create_graph=True)
        now = _orthonormal([v.detach().clone() for v in vectors])
        for _ in range(iterations):
            pushed = torch.autograd.grad(pulled, dual, now, retain_graph=True)
            sizes = _flat(list(pushed)).norm(dim=1)
            back = torch.autograd.grad(outputs, inputs, pushed, retain_graph=True)
            now = _orthonormal(list(back))
    values, order = sizes.detach().cpu().sort(descending=True)
    return values.numpy().copy(), tuple(v.detach()[order.to(v.device)] for v in now)  # type: ignore[return-value]


def _segment(model: HRM, z_H: Tensor, z_L: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """All calls with gradient, whatever training does."""
    for call in model.calls():
        z = model.call(call.level, z_H, z_L, x)
        z_H, z_L = (z_H, z) if call.level == "L" else (z, z_L)
    return z_H, z_L


def _flat(parts: list[Tensor]) -> Tensor:
    return torch.cat([p.flatten(1) for p in parts], dim=1)


def _orthonormal(parts: list[Tensor]) -> list[Tensor]:
    """Rows of both parts together, made orthonormal."""
    q = torch.linalg.qr(_flat(parts).mT)[0].mT
    pieces = q.split([p[0].numel() for p in parts], dim=1)
    return [piece.reshape(p.shape) for piece, p in zip(pieces, parts, strict=True)]
