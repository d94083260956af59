"""Many variations of one run side by side: rows of a batch that differ in a state, in the puzzle, or in what is changed.

Shapes: B rows, S cells, T positions, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from hrm_model.lab.branch import begin_at
from hrm_model.lab.changes import Change
from hrm_model.lab.touched import Touched, injected
from hrm_model.loaded import LoadedModel
from hrm_model.reasoning import BatchAnswers, Place, segments_from, tokens_for
from hrm_model.trace.data import Array, Trace

ROWS = 96  # at once: a 9×9 board's cells and the base beside them


def starts(model: LoadedModel, trace: Trace, at: int, standing: Sequence[Change] = ()) -> tuple[Place, Tensor]:
    """Where a run stands after a step, and what is injected; one row. TraceError, MismatchError, UsageError as `branch`."""
    place, _, x = begin_at(model, trace, at, (), standing)
    return place, x


def answers_to(
    model: LoadedModel, task: str, puzzles: Array, identifier: int, segments: int, standing: Sequence[Change] = ()
) -> Iterator[tuple[Place, BatchAnswers]]:
    """Puzzles (B, S) of a task, in tokens, from their initial states on: places and answers, a segment at a time."""
    net = model.model.eval().on(task)
    with torch.inference_mode():
        tokens = tokens_for(net, puzzles)
        x = injected(net, tokens, torch.full((len(tokens),), identifier, device=net.device), standing)
        z_H, z_L = net.initial_state(len(tokens), tokens.shape[1])
    yield from segments_from(Touched(net, standing), x, Place(z_H, z_L), segments=segments)


def last_answers(
    model: LoadedModel, task: str, puzzles: Array, identifier: int, segments: int, standing: Sequence[Change] = ()
) -> Iterator[tuple[int, int, BatchAnswers | None]]:
    """Puzzles (N, S) in pieces: (start, end, answers after the last segment), with None after each segment before."""
    for start in range(0, len(puzzles), ROWS):
        some = np.asarray(puzzles[start : start + ROWS])
        for place, found in answers_to(model, task, some, identifier, segments, standing):
            yield start, start + len(some), found if place.segment == segments else None
