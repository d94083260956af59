"""Running a model for looking at it, and for judging it: the only ways to do so.

Shapes: B batch, T positions, S cells, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hrm_model.errors import MismatchError, UsageError
from hrm_model.model import HRM
from hrm_model.trace.data import Array, ModelInfo, PuzzleInfo, Step, Trace
from hrm_model.trace.recorder import TraceRecorder


def reason(
    model: HRM,
    puzzle: ArrayLike,
    *,
    segments: int = 16,
    previews: bool = True,
    states: bool = True,
    puzzle_id: int = 0,
) -> Iterator[Step]:
    """Think about one puzzle (S,) for so many segments, yielding a Step after each module call.

    At an L step the prediction is the paper's preview f_O(f_H(z_H, z_L)), one extra H pass that is not kept; `previews=False`
    leaves those steps without a prediction. At an H step it is lm_head(z_H). What is computed never depends on what is looked
    at: a traced run gives the answer of an untraced one bit for bit. All segments run; "would halt" is read off the Q values.
    """
    inputs = _tokens(model, np.asarray(puzzle)[None])
    if segments < 1:
        raise UsageError(f"{segments} segments were asked for; at least 1 is needed")
    if not 0 <= puzzle_id < model.config.num_puzzle_identifiers:
        raise MismatchError(f"puzzle {puzzle_id} was asked for; the model has vectors of {model.config.num_puzzle_identifiers}")
    return _steps(model, inputs, segments, previews, states, puzzle_id)


def _steps(model: HRM, inputs: Tensor, segments: int, previews: bool, states: bool, puzzle_id: int) -> Iterator[Step]:
    # inference_mode is entered anew for each step: a generator must not leave it switched on in its consumer.
    model.eval()
    with torch.inference_mode():
        x = model.embed(inputs, torch.full((1,), puzzle_id, device=model.device))
        z_H, z_L = model.initial_state(1)
        initial = (_array(z_H[0]), _array(z_L[0])) if states else None
    calls = model.calls()
    for segment in range(segments):
        for call in calls:
            with torch.inference_mode():
                z = model.call(call.level, z_H, z_L, x)
                if call.level == "L":
                    z_L = z
                    answering = model.call("H", z_H, z_L, x) if previews else None
                else:
                    answering = z_H = z
                probability = None if answering is None else model.logits(answering)[0].float().softmax(dim=-1)
                ends = call is calls[-1]
                q = model.q_logits(z_H)[0].tolist() if ends else (None, None)
                step = Step(
                    segment=segment,
                    h_cycle=call.h_cycle,
                    l_step=call.l_step,
                    level=call.level,
                    state=_array(z[0]) if states else None,
                    prediction=None if probability is None else _array(probability.argmax(dim=-1)),
                    probability=None if probability is None else _array(probability),
                    q_halt=q[0],
                    q_continue=q[1],
                    initial=initial,
                )
            initial = None
            yield step


def model_info(model: HRM, name: str = "", *, q_continue: bool = True, sha256: str = "") -> ModelInfo:
    """What a trace tells of its model. `q_continue`: whether it learned the continue value; `sha256`: of its file, where it came from one."""
    return ModelInfo(name, model.config.model_dump() | {"q_continue": q_continue}, sha256)


def record(
    model: HRM,
    puzzle: PuzzleInfo,
    *,
    name: str = "",
    q_continue: bool = True,
    segments: int = 16,
    previews: bool = True,
    state_dtype: str | None = "float32",
) -> Trace:
    """The whole Trace of one puzzle; `reason` step by step where it is to be watched.

    `name` and `q_continue` (whether the model learned the continue value) are what the trace tells of the model.
    """
    info = model_info(model, name, q_continue=q_continue)
    recorder = TraceRecorder(puzzle, info, state_dtype=state_dtype, capacity=segments * len(model.calls()))
    looking = {"previews": previews, "states": state_dtype is not None}
    for step in reason(model, puzzle.given, segments=segments, puzzle_id=puzzle.identifier, **looking):
        recorder.add(step)
    return recorder.trace()


@dataclass(frozen=True)
class BatchAnswers:
    """What a model answers after every segment. predictions (segments, B, S), q_halt and q_continue (segments, B)."""

    predictions: Array
    q_halt: Array
    q_continue: Array


def solve_batch(model: HRM, puzzles: ArrayLike, *, segments: int = 16, puzzle_ids: Sequence[int] | None = None) -> BatchAnswers:
    """Answers to many puzzles (B, S) at once after each segment, without states or previews."""
    inputs = _tokens(model, puzzles)
    ids = torch.zeros(len(inputs), dtype=torch.long) if puzzle_ids is None else torch.as_tensor(puzzle_ids)
    answers, halts = [], []
    model.eval()
    with torch.inference_mode():
        x = model.embed(inputs, ids.to(model.device))
        z_H, z_L = model.initial_state(len(inputs))
        for _ in range(segments):
            z_H, z_L, logits, q = model.segment(z_H, z_L, x)
            answers.append(_array(logits.argmax(dim=-1)).astype(np.int16))
            halts.append(_array(q))
    q_all = np.stack(halts)
    return BatchAnswers(np.stack(answers), q_all[..., 0], q_all[..., 1])


def _tokens(model: HRM, puzzles: ArrayLike) -> Tensor:
    """(B, S) on the model's device; MismatchError where they do not fit it."""
    tokens = np.asarray(puzzles)
    config = model.config
    if tokens.ndim != 2 or tokens.shape[1] != config.seq_len:
        cells = tokens.shape[-1] if tokens.ndim else 0
        raise MismatchError(f"this model reads boards of {config.seq_len} cells; the puzzle has {cells}")
    if tokens.size and (tokens.min() < 0 or tokens.max() >= config.vocab_size):
        raise MismatchError(f"tokens of this model go from 0 to {config.vocab_size - 1}; the puzzle has {tokens.min()} to {tokens.max()}")
    return torch.as_tensor(tokens.astype(np.int64), device=model.device)


def _array(tensor: Tensor) -> Array:
    """A NumPy copy, bfloat16 as float32."""
    tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    return tensor.cpu().numpy().copy()
