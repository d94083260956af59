"""Where a model begins: with random weights, or knowing which cells lie beside each other.

On a maze every rule is about the four cells beside one. Attention that begins at random gives each of them a share of 1 / T, and to find
them takes longer than all that follows. So L's first four heads may begin by looking at one of them each, and are free to turn
elsewhere. Attention that begins as it tends to end up: mimetic initialisation, arXiv 2305.09828.
"""

from __future__ import annotations

import math

import torch

from hrm_model.layers import Attention
from hrm_model.model import HRM

NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # rows and columns from a cell to those beside it
_LOGIT = 8 * math.sqrt(2)  # of attention to that cell; others are at most about 60 % of it, where wavelengths are short


@torch.no_grad()
def attend_to_neighbours(model: HRM, seed: int) -> None:
    """Turn the random weights of a new model with 2-D rotary positions into ones whose L heads look at the cells beside each cell.

    One direction of the states is set apart: every token's vector has it, so that it is there at each step whatever the puzzle is. Of
    it queries and keys are made that differ by the turn from a cell to the next; of all other directions they stay random.
    """
    config = model.config
    half = config.head_dim // 2
    frequency = 1.0 / config.rope_theta ** (torch.arange(0, half, 2, dtype=torch.float32) / half)
    apart = torch.randn(config.hidden_size, generator=torch.Generator().manual_seed(seed))
    apart /= apart.norm()

    def set_apart(rows: torch.Tensor, along: torch.Tensor | float) -> None:
        rows -= (rows @ apart)[:, None] * apart
        rows += (torch.as_tensor(along) * torch.ones(len(rows)))[:, None] * apart

    set_apart(model.embed_tokens.embedding_weight, 1.0)  # as long as the random rest of a token's vector
    # In a normed state the direction has about 0.7 of the length, which is √D.
    gain = math.sqrt(2 * _LOGIT / math.sqrt(config.head_dim)) / (0.7 * math.sqrt(config.hidden_size))
    for layer in model.L_level.layers:
        attention = layer.self_attn
        assert isinstance(attention, Attention)
        weights = attention.qkv_proj.weight.view(3, config.num_heads, config.head_dim, config.hidden_size)
        for head, (rows, columns) in enumerate(NEIGHBOURS):
            turn = torch.cat([frequency * rows, frequency * columns])
            set_apart(weights[0, head], gain * torch.cat([torch.ones(half), torch.zeros(half)]))
            set_apart(weights[1, head], gain * torch.cat([turn.cos(), -turn.sin()]))
