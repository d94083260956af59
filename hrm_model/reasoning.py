"""Running a model: `reason` on one puzzle, step by step; `reason_batch` on many, segment by segment.

Shapes: B batch, K segments, T positions, S cells, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hrm_model.errors import MismatchError, UsageError
from hrm_model.model import HRM, Call, Level
from hrm_model.trace.data import Array, Step


def reason(
    model: HRM,
    puzzle: ArrayLike,
    *,
    segments: int = 16,
    previews: bool = True,
    states: bool = True,
    puzzle_id: int = 0,
) -> Iterator[Step]:
    """Reason about one puzzle (S,), yielding a Step after each module call.

    At an L step the prediction is the paper's preview f_O(f_H(z_H, z_L)), one extra H pass that is not kept; `previews=False`
    leaves those steps without a prediction. At an H step it is lm_head(z_H). What is computed does not depend on what is
    recorded: a traced run gives the answer of an untraced one bit for bit. All segments run; "would halt" is read off the Q values.
    """
    inputs = tokens_for(model, np.asarray(puzzle)[None])
    if segments < 1:
        raise UsageError(f"{segments} segments were asked for; at least 1 is needed")
    if not 0 <= puzzle_id < model.config.num_puzzle_identifiers:
        raise MismatchError(f"puzzle {puzzle_id} was asked for; the model has vectors of {model.config.num_puzzle_identifiers}")
    return _steps(model, inputs, segments, previews, states, puzzle_id)


def _steps(model: HRM, inputs: Tensor, segments: int, previews: bool, states: bool, puzzle_id: int) -> Iterator[Step]:
    model.eval()
    with torch.inference_mode():
        x = model.embed(inputs, torch.full((1,), puzzle_id, device=model.device))
        z_H, z_L = model.initial_state(1, inputs.shape[1])
    yield from steps_from(model, x, Place(z_H, z_L), segments=segments, previews=previews, states=states)


class Thinker(Protocol):
    """What thinking needs of a model: an `HRM`, or one of which something was changed (`hrm_model.lab`)."""

    def calls(self) -> tuple[Call, ...]: ...

    def call(self, level: Level, z_H: Tensor, z_L: Tensor, x: Tensor) -> Tensor: ...

    def logits(self, z_H: Tensor, x: Tensor) -> Tensor: ...

    def q_logits(self, z_H: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Place:
    """Where a run stands: its states (B, T, D), the segment that is next or under way, and how many of its calls were made."""

    z_H: Tensor
    z_L: Tensor
    segment: int = 0
    call: int = 0


Nudge = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # z_H, z_L before a segment → those that it begins with


def steps_from(
    model: Thinker,
    x: Tensor,
    place: Place,
    *,
    segments: int,
    previews: bool = True,
    states: bool = True,
    row: int = 0,
    nudge: Nudge | None = None,
) -> Iterator[Step]:
    """The steps from a place on, until `segments` segments are complete, those before the place counted.

    x (B, T, D): what is injected. All rows are computed; `row` is the one whose steps are yielded. The first step brings the states
    of the place. `nudge` moves the states before each segment. Nothing of the loop depends on what is recorded.
    """
    # inference_mode is entered anew for each step: a generator must not leave it switched on in its consumer.
    z_H, z_L = place.z_H, place.z_L
    initial = (_array(z_H[row]), _array(z_L[row])) if states else None
    calls = model.calls()
    for segment in range(place.segment, segments):
        done = place.call if segment == place.segment else 0
        for at, call in enumerate(calls[done:], done):
            with torch.inference_mode():
                if nudge is not None and at == 0:
                    z_H, z_L = nudge(z_H, z_L)
                z = model.call(call.level, z_H, z_L, x)
                if call.level == "L":
                    z_L = z
                    answering = model.call("H", z_H, z_L, x) if previews else None
                else:
                    answering = z_H = z
                probability = None if answering is None else model.logits(answering, x)[row].float().softmax(dim=-1)
                ends = call is calls[-1]
                q = model.q_logits(z_H)[row].tolist() if ends else (None, None)
                step = Step(
                    segment=segment,
                    h_cycle=call.h_cycle,
                    l_step=call.l_step,
                    level=call.level,
                    state=_array(z[row]) if states else None,
                    prediction=None if probability is None else _array(probability.argmax(dim=-1)),
                    probability=None if probability is None else _array(probability),
                    q_halt=q[0],
                    q_continue=q[1],
                    initial=initial,
                )
            initial = None
            yield step


@dataclass(frozen=True)
class BatchAnswers:
    """What a model answers to B puzzles after each of K segments."""

    predictions: Array  # (K, B, S) int16 tokens
    q_halt: Array  # (K, B)
    q_continue: Array  # (K, B)
    moved: Array  # (K, B) ‖Δz_H‖ of the segment
    size: Array  # (K, B) ‖z_H‖ before it

    @staticmethod
    def joined(segments: Sequence[BatchAnswers]) -> BatchAnswers:
        """Segments one after the other."""
        return BatchAnswers(*(np.concatenate([getattr(s, f.name) for s in segments]) for f in fields(BatchAnswers)))


def reason_batch(
    model: HRM, puzzles: ArrayLike, *, segments: int = 16, puzzle_ids: Sequence[int] | None = None, begin: Nudge | None = None
) -> Iterator[BatchAnswers]:
    """Reason about many puzzles (B, S) at once, without states or previews: the answers of one segment (K = 1) after each segment.

    `puzzle_ids`: the number of each puzzle's vector, else 0. `begin`: makes other initial states of the model's own.
    """
    inputs = tokens_for(model, puzzles)
    ids = torch.zeros(len(inputs), dtype=torch.long) if puzzle_ids is None else torch.as_tensor(puzzle_ids)
    return _segments(model, inputs, ids.to(model.device), segments, begin)


def _segments(model: HRM, inputs: Tensor, ids: Tensor, segments: int, begin: Nudge | None) -> Iterator[BatchAnswers]:
    model.eval()
    with torch.inference_mode():
        x = model.embed(inputs, ids)
        z_H, z_L = model.initial_state(len(inputs), inputs.shape[1])
        if begin is not None:
            z_H, z_L = begin(z_H, z_L)
    for _, answers in segments_from(model, x, Place(z_H, z_L), segments=segments):
        yield answers


def segments_from(
    model: Thinker, x: Tensor, place: Place, *, segments: int, nudge: Nudge | None = None
) -> Iterator[tuple[Place, BatchAnswers]]:
    """The same as `steps_from`, a segment at a time for all rows: where they stand after it, and their answers (K = 1)."""
    calls = model.calls()
    for segment in range(place.segment, segments):
        done = place.call if segment == place.segment else 0
        with torch.inference_mode():
            z_H, z_L, before = place.z_H, place.z_L, place.z_H
            if nudge is not None and not done:
                z_H, z_L = nudge(z_H, z_L)
            if isinstance(model, HRM) and not done:
                z_H, z_L, logits, q = model.segment(z_H, z_L, x)
            else:
                for call in calls[done:]:
                    z = model.call(call.level, z_H, z_L, x)
                    z_H, z_L = (z_H, z) if call.level == "L" else (z, z_L)
                logits, q = model.logits(z_H, x), model.q_logits(z_H)
            predictions, q_values = _array(logits.argmax(dim=-1)).astype(np.int16), _array(q)
            moved, size = (_array(z.flatten(1).norm(dim=1)) for z in (z_H.float() - before.float(), before.float()))
            place = Place(z_H, z_L, segment + 1)
        yield place, BatchAnswers(predictions[None], q_values[None, :, 0], q_values[None, :, 1], moved[None], size[None])


def solve_batch(model: HRM, puzzles: ArrayLike, *, segments: int = 16, puzzle_ids: Sequence[int] | None = None) -> BatchAnswers:
    """All segments of `reason_batch`."""
    return BatchAnswers.joined(list(reason_batch(model, puzzles, segments=segments, puzzle_ids=puzzle_ids)))


def tokens_for(model: HRM, puzzles: ArrayLike) -> Tensor:
    """(B, S) on the model's device; MismatchError if they do not fit the model."""
    tokens = np.asarray(puzzles)
    vocabulary = model.vocabulary(tokens.shape[1] if tokens.ndim == 2 else 0)
    if tokens.size and (tokens.min() < 0 or tokens.max() >= vocabulary):
        raise MismatchError(f"tokens of this model go from 0 to {vocabulary - 1}; the puzzle has {tokens.min()} to {tokens.max()}")
    return torch.as_tensor(tokens.astype(np.int64), device=model.device)


def _array(tensor: Tensor) -> Array:
    """A NumPy copy, bfloat16 as float32."""
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return tensor.cpu().numpy().copy()
