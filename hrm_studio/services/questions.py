"""What views ask of a model (`Reasoner.ask`): each function makes a question that is answered in the worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hrm_model.trace import Array, Trace

if TYPE_CHECKING:
    from hrm_model.model import HRM

About = dict[str, Any]


@dataclass(frozen=True)
class Look:
    """Where the cells of a board looked in one layer of one module call."""

    step: int  # of the call
    layers: int  # of that module
    weights: Array  # (A, S, S) float16: heads, who looks, what is looked at; what goes to puzzle slots is missing from a row's sum


def attention_at(trace: Trace, step: int, layer: int) -> Callable[[HRM, About], Iterator[dict[str, Look]]]:
    """Attention of the last call of both modules up to a step, by 'L' and 'H'. `layer` counts from 0; too high a one means the last."""

    def question(model: HRM, about: About) -> Iterator[dict[str, Look]]:
        from hrm_model.probe import attention, call_at

        cells, found = len(trace.puzzle.given), {}
        for level, blocks in (("L", model.L_level.layers), ("H", model.H_level.layers)):
            at = call_at(trace, step, level)
            weights = attention(model, trace, at, min(layer, len(blocks) - 1))
            found[level] = Look(at, len(blocks), weights[:, -cells:, -cells:].astype(np.float16))
        yield found

    return question
