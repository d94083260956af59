"""Compute a recorded step again, from the states that the trace holds, to look inside it.

Shapes: B batch, T positions (puzzle slots, then S cells), D width, A heads.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hrm_model.config import ModelConfig
from hrm_model.errors import MismatchError, TraceError, UsageError
from hrm_model.layers import Block, rms_norm
from hrm_model.model import HRM
from hrm_model.symmetric import MessageSizes, SymmetricHRM, UnitBlock
from hrm_model.trace.data import LEVEL_NAMES, Array, Trace

_SAME = 0.05  # relative distance below which a state counts as the recorded one; float16 states come to 0.001


def call_input(model: HRM, trace: Trace, step: int) -> tuple[Tensor, Tensor]:
    """What the module that moved at `step` was called with: its state and what was injected, (1, T, D) each.

    HRMError if the trace has no states, or the model has other sizes.
    """
    if trace.z_H is None or trace.z_L is None:
        raise TraceError("this trace was recorded without states; record it again with states")
    config, model = model.config, model.on(trace.puzzle.task)
    positions, width = config.state_shape(len(trace.puzzle.given))
    if trace.z_H.shape[1:] != (positions, width):
        raise MismatchError(f"this trace's states are {trace.z_H.shape[1]} × {trace.z_H.shape[2]}, this model's {positions} × {width}")

    def state(states: Array, row: int) -> Tensor:
        return torch.as_tensor(np.array(states[row], np.float32), device=model.device).to(model.dtype)[None]

    h, fast = int(trace.h_row[step]), int(trace.l_row[step])
    if LEVEL_NAMES[trace.level[step]] == "H":
        return state(trace.z_H, h - 1), state(trace.z_L, fast)
    given = torch.as_tensor(np.asarray(trace.puzzle.given).astype(np.int64), device=model.device)[None]
    identifier = trace.puzzle.identifier
    if identifier >= config.num_puzzle_identifiers:
        raise MismatchError(f"this trace is of puzzle {identifier}; this model has vectors of {config.num_puzzle_identifiers}")
    x = model.embed(given, torch.tensor([identifier], device=model.device))
    return state(trace.z_L, fast - 1), state(trace.z_H, h) + x


def attention(model: HRM, trace: Trace, step: int, layer: int) -> Array:
    """(A, T, T) float32: the attention weights in a layer of the module that moved at `step`; a row is the position that looks.

    The step is computed again from the trace's states. HRMError if another model recorded the trace.
    """
    level = LEVEL_NAMES[trace.level[step]]
    blocks = model.H_level.layers if level == "H" else model.L_level.layers
    if not 0 <= layer < len(blocks):
        raise UsageError(f"module {level} has {len(blocks)} layers; there is no layer {layer + 1}")
    if model.config.mixer != "attention":
        raise MismatchError(
            f"this model has no attention: its positions are mixed by {'an MLP' if model.config.mixer == 'mlp' else 'rows, columns and boxes'}"
        )
    model.eval()
    with torch.inference_mode():
        state, injected = call_input(model, trace, step)
        rotary: Any = None if model.rotary_cos is None else (model.rotary_cos, model.rotary_sin)
        x, found = state + injected, None
        for index, block in enumerate(blocks):
            assert isinstance(block, Block)
            if index == layer:
                found = _weights(*block.self_attn.queries_keys_values(x, rotary)[:2])
            x = rms_norm(x + block.self_attn(x, rotary), block.eps)
            x = rms_norm(x + block.mlp(x), block.eps)
        _check_same(x[0], trace.state_after(step, level))
        assert found is not None
        return found[0].float().cpu().numpy().copy()


def messages(model: HRM, trace: Trace, step: int, layer: int = -1) -> MessageSizes:
    """How much each unit's message moves a cell, in a layer of the module that moved at `step`, of a symmetric model. HRMError as of `attention`."""
    level = LEVEL_NAMES[trace.level[step]]
    net = model.on(trace.puzzle.task)
    if not isinstance(net, SymmetricHRM):
        raise MismatchError("Only a symmetric model sends messages from rows, columns and boxes.")
    blocks = list(net.H_level.layers if level == "H" else net.L_level.layers)
    if not -len(blocks) <= layer < len(blocks):
        raise UsageError(f"module {level} has {len(blocks)} layers; there is no layer {layer + 1}")
    net.eval()
    with torch.inference_mode():
        state, injected = call_input(net, trace, step)
        x, found = state + injected, None
        for index, block in enumerate(blocks):
            assert isinstance(block, UnitBlock)
            if index == layer % len(blocks):
                found = block.message_sizes(x, net.size)
            x = block(x, net.size)
        _check_same(x[0], trace.state_after(step, level))
    assert found is not None
    return found


def attention_bytes(config: ModelConfig, *, segments: int) -> int:
    """Bytes of `attention_of_all` for a trace of this many segments."""
    calls = segments * config.H_cycles * (config.L_cycles * config.L_layers + config.H_layers)
    return 2 * calls * config.num_heads * config.seq_len**2


def attention_of_all(model: HRM, trace: Trace) -> dict[tuple[int, int], Array]:
    """By (step, layer): (A, S, S) float16, `attention` of every layer at every step, cells only. HRMError as there."""
    cells, found = len(trace.puzzle.given), {}
    for step in range(len(trace)):
        blocks = model.H_level.layers if LEVEL_NAMES[trace.level[step]] == "H" else model.L_level.layers
        for layer in range(len(blocks)):
            found[step, layer] = attention(model, trace, step, layer)[:, -cells:, -cells:].astype(np.float16)
    return found


def _weights(q: Tensor, k: Tensor) -> Tensor:
    """Queries and keys (B, T, A, K) → softmax weights (B, A, T, T) in float32."""
    scores = torch.einsum("btak,bsak->bats", q.float(), k.float()) / q.shape[-1] ** 0.5
    return scores.softmax(dim=-1)


def _check_same(state: Tensor, recorded: Array) -> None:
    wanted = torch.as_tensor(np.array(recorded, np.float32), device=state.device)
    apart = float((state.float() - wanted).norm() / wanted.norm().clamp(min=1e-12))
    if apart > _SAME:
        raise MismatchError("another model recorded this trace; open that model to compute it again")
