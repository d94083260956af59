"""The parts of a reasoning module.

Shapes: B batch, T positions, S cells, D width, A heads, K width of a head, V vocabulary, F inner SwiGLU width.
Formulas: arXiv 2506.21734; RMSNorm 1910.07467, SwiGLU 2002.05202, RoPE 2104.09864.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hrm_model.config import ModelConfig

Rotary = tuple[Tensor, Tensor]


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill with a normal cut at ±2σ and widened so that the result's standard deviation *is* `std` (0 fills zeros)."""
    if std == 0:
        return tensor.zero_()
    # The variance of a unit normal cut at ±2 is 1 - 4φ(2) / (2Φ(2) - 1).
    inside = math.erf(math.sqrt(2))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    sigma = std / math.sqrt(1 - 4 * density / inside)
    return nn.init.trunc_normal_(tensor, std=sigma, a=-2 * sigma, b=2 * sigma)


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """x / root mean square of its last axis, without a learned gain; computed in float32."""
    return F.rms_norm(x.float(), (x.shape[-1],), eps=eps).to(x.dtype)


class CastLinear(nn.Module):
    """A linear map whose weights stay float32 and are cast to the input's dtype. (…, in) → (…, out)."""

    def __init__(self, n_in: int, n_out: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(truncated_normal_(torch.empty(n_out, n_in), std=n_in**-0.5))
        self.bias = nn.Parameter(torch.zeros(n_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return F.linear(x, self.weight.to(x.dtype), bias)


class Embedding(nn.Module):
    """A table of vectors, cast on the way out. (…) indices → (…, D)."""

    def __init__(self, rows: int, width: int, std: float) -> None:
        super().__init__()
        self.embedding_weight = nn.Parameter(truncated_normal_(torch.empty(rows, width), std=std))

    def forward(self, index: Tensor, dtype: torch.dtype) -> Tensor:
        return F.embedding(index, self.embedding_weight.to(dtype))


def _angles(index: Tensor, width: int, theta: float) -> Tensor:
    """Rotation angles (T, width / 2) of positions (T,)."""
    # Not theta ** -(…): float32 rounds that differently, and after 81 positions the states differ.
    frequency = 1.0 / theta ** (torch.arange(0, width, 2, dtype=torch.float32, device="cpu") / width)
    return index.float()[:, None] * frequency[None, :]


def rotary_tables(config: ModelConfig) -> Rotary | None:
    """cos and sin, each (T, K), for rope and rope2d; None for encodings that are added instead.

    rope counts positions in reading order, puzzle slots first. rope2d turns one half of a head by the cell's row and the
    other by its column; rows and columns count from 1, so that the puzzle slots (0, 0) are no cell.
    """
    # "cpu": the tables need values even if the model is made on "meta", to be filled from a checkpoint.
    if config.pos_encodings == "rope":
        angles = _angles(torch.arange(config.positions, device="cpu"), config.head_dim, config.rope_theta)
    elif config.pos_encodings == "rope2d":
        cell = torch.arange(config.seq_len, device="cpu")
        slots = torch.zeros(config.puzzle_emb_len, dtype=torch.long, device="cpu")
        row = torch.cat([slots, cell // config.side + 1])
        column = torch.cat([slots, cell % config.side + 1])
        half = config.head_dim // 2
        angles = torch.cat([_angles(row, half, config.rope_theta), _angles(column, half, config.rope_theta)], dim=-1)
    else:
        return None
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, rotary: Rotary) -> Tensor:
    """Turn pairs (k, k + K/2) of x (B, T, A, K) by their position's angle; computed in float32."""
    cos, sin = (table[:, None, :] for table in rotary)
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return (x.float() * cos + turned * sin).to(x.dtype)


@cache
def flash_attention() -> Callable[..., Tensor] | None:
    """flash-attn's function if that package is installed (extra `flash`), else None."""
    if importlib.util.find_spec("flash_attn") is None:
        return None
    from flash_attn import flash_attn_func

    return flash_attn_func


def attention_backend(device: torch.device, dtype: torch.dtype) -> str:
    """Which attention answers on this device and dtype: 'flash-attn', 'sdpa' or 'matmul'.

    flash-attn knows half precision on CUDA only. torch's own is slow in half precision on a CPU: its backward took 40 ms where two
    plain matrix products took 6 (82 positions, batch 48, one thread with AMX, torch 2.13).
    """
    half = dtype in (torch.float16, torch.bfloat16)
    if half and device.type == "cpu":
        return "matmul"
    return "flash-attn" if device.type == "cuda" and half and flash_attention() is not None else "sdpa"


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention without a mask; all (B, T, A, K)."""
    backend = attention_backend(q.device, q.dtype)
    if backend == "flash-attn":
        flash = flash_attention()
        assert flash is not None
        return flash(q, k, v, causal=False)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if backend == "matmul":
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        return (scores.softmax(dim=-1) @ v).transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention over all positions. (B, T, D) → (B, T, D)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.head_dim = config.num_heads, config.head_dim
        self.qkv_proj = CastLinear(config.hidden_size, 3 * config.hidden_size)
        self.o_proj = CastLinear(config.hidden_size, config.hidden_size)

    def queries_keys_values(self, x: Tensor, rotary: Rotary | None) -> tuple[Tensor, Tensor, Tensor]:
        """Three (B, T, A, K), queries and keys already rotated."""
        q, k, v = self.qkv_proj(x).unflatten(-1, (3, self.heads, self.head_dim)).unbind(dim=-3)
        if rotary is not None:
            q, k = rotate(q, rotary), rotate(k, rotary)
        return q, k, v

    def forward(self, x: Tensor, rotary: Rotary | None) -> Tensor:
        return self.o_proj(attend(*self.queries_keys_values(x, rotary)).flatten(-2))


class SwiGLU(nn.Module):
    """down(silu(gate(x)) · up(x)). (…, outer) → (…, outer)."""

    def __init__(self, outer: int, inner: int) -> None:
        super().__init__()
        self.gate_up_proj = CastLinear(outer, 2 * inner)
        self.down_proj = CastLinear(inner, outer)

    def forward(self, x: Tensor) -> Tensor:
        # Two products, not one that is cut in two: the gradients of the halves need not be joined again (3 to 7 % of a training step).
        gate, up = self.gate_up_proj.weight.to(x.dtype).chunk(2)
        return self.down_proj(F.silu(F.linear(x, gate)) * F.linear(x, up))


class Block(nn.Module):
    """One post-norm block: norm(x + mixing of positions), then norm(x + SwiGLU). The mixer is attention, or TRM's SwiGLU over positions."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        if config.mixer == "attention":
            self.self_attn = Attention(config)
        else:
            self.mlp_t = SwiGLU(config.positions, config.inner_size(config.positions))
        self.mlp = SwiGLU(config.hidden_size, config.swiglu_size)

    def forward(self, x: Tensor, rotary: Rotary | None) -> Tensor:
        if hasattr(self, "mlp_t"):
            over_positions = x.transpose(1, 2)  # (B, D, T); TRM norms over positions here
            x = rms_norm(over_positions + self.mlp_t(over_positions), self.eps).transpose(1, 2)
        else:
            x = rms_norm(x + self.self_attn(x, rotary), self.eps)
        return rms_norm(x + self.mlp(x), self.eps)


class ReasoningModule(nn.Module):
    """A stack of blocks that is called again and again on its own state, with something injected. (B, T, D) → (B, T, D).

    `positions`: what a block's mixer knows about positions, such as rotary tables.
    """

    def __init__(self, config: ModelConfig, layers: int, block: Callable[[ModelConfig], nn.Module] = Block) -> None:
        super().__init__()
        self.layers = nn.ModuleList(block(config) for _ in range(layers))

    def forward(self, state: Tensor, injected: Tensor, positions: Any) -> Tensor:
        x = state + injected
        for layer in self.layers:
            x = layer(x, positions)
        return x
