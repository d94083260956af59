"""Running a model over many puzzles, with what its state does and without keeping it.

Shapes: K segments, B puzzles, S cells, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from hrm_model.analysis.survey import LATE
from hrm_model.model import HRM
from hrm_model.trace.data import Array


@dataclass(frozen=True)
class Batch:
    """What a model made of B puzzles."""

    predictions: Array  # (K, B, S) tokens
    q_halt: Array  # (K, B)
    q_continue: Array  # (K, B)
    drift: Array  # (B,) mean ‖Δz_H‖ a segment over the last LATE segments


def run_batch(model: HRM, tokens: Array, segments: int, puzzle_ids: Sequence[int] | None = None) -> Iterator[Batch | None]:
    """Think about tokens (B, S): None after each segment, and at the end the Batch. `puzzle_ids`: numbers of their puzzle vectors, else 0."""
    inputs = torch.as_tensor(np.asarray(tokens).astype(np.int64), device=model.device)
    predictions, q_values, moves = [], [], []
    model.eval()
    with torch.inference_mode():
        ids = torch.zeros(len(inputs), dtype=torch.long) if puzzle_ids is None else torch.as_tensor(puzzle_ids)
        x = model.embed(inputs, ids.to(model.device))
        z_H, z_L = model.initial_state(len(inputs))
    for _ in range(segments):
        # Entered anew each time: a generator must not leave it switched on in its consumer.
        with torch.inference_mode():
            before = z_H
            z_H, z_L, logits, q = model.segment(z_H, z_L, x)
            predictions.append(logits.argmax(dim=-1).cpu().numpy().astype(np.int16))
            q_values.append(q.cpu().numpy())
            moves.append((z_H.float() - before.float()).flatten(1).norm(dim=1).cpu().numpy())
        yield None
    q_all = np.stack(q_values)
    yield Batch(np.stack(predictions), q_all[..., 0], q_all[..., 1], np.stack(moves[-LATE:]).mean(axis=0))
