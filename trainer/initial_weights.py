"""Initial weights whose attention already looks at neighbouring cells (`start: neighbours`).

Every rule of a maze is about a cell and its four neighbours. Attention with random weights gives each of them a share of 1 / T, and finding
them takes longer than everything learned later. So L's first four heads begin by attending to one neighbour each, and are free to change.
Attention that begins as it tends to end up is called mimetic initialisation: arXiv 2305.09828.
"""

from __future__ import annotations

import math

import torch

from hrm_model.layers import Attention
from hrm_model.model import HRM

NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # rows and columns from a cell to its neighbours
_LOGIT = 8 * math.sqrt(2)  # attention logit of that cell; others have at most about 60 % of it if wavelengths are short


@torch.no_grad()
def attend_to_neighbours(model: HRM, seed: int) -> None:
    """Change the random weights of a new model with 2-D rotary positions, so that L's heads attend to the neighbours of each cell.

    One direction of the states is reserved: every token's vector has it, so it is present at each step of every puzzle. Queries and keys
    made from it differ by the rotation from a cell to its neighbour; those made from all other directions stay random.
    """
    config = model.config
    half = config.head_dim // 2
    frequency = 1.0 / config.rope_theta ** (torch.arange(0, half, 2, dtype=torch.float32) / half)
    reserved = torch.randn(config.hidden_size, generator=torch.Generator().manual_seed(seed))
    reserved /= reserved.norm()

    def reserve(rows: torch.Tensor, along: torch.Tensor | float) -> None:
        rows -= (rows @ reserved)[:, None] * reserved
        rows += (torch.as_tensor(along) * torch.ones(len(rows)))[:, None] * reserved

    reserve(model.embed_tokens.embedding_weight, 1.0)  # as long as the random rest of a token's vector
    # In a normalised state, of length √D, this direction has about 0.7 of the length.
    gain = math.sqrt(2 * _LOGIT / math.sqrt(config.head_dim)) / (0.7 * math.sqrt(config.hidden_size))
    for layer in model.L_level.layers:
        attention = layer.self_attn
        assert isinstance(attention, Attention)
        weights = attention.qkv_proj.weight.view(3, config.num_heads, config.head_dim, config.hidden_size)
        for head, (rows, columns) in enumerate(NEIGHBOURS):
            turn = torch.cat([frequency * rows, frequency * columns])
            reserve(weights[0, head], gain * torch.cat([torch.ones(half), torch.zeros(half)]))
            reserve(weights[1, head], gain * torch.cat([turn.cos(), -turn.sin()]))
