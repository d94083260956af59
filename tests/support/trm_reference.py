"""TRM written as simply as in its paper (arXiv 2510.04871), to check the model's `shared` and `mlp`."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def norm(x: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def swiglu(x: Tensor, w: dict[str, Tensor], name: str) -> Tensor:
    gate, up = (x @ w[name + ".gate_up_proj.weight"].T).chunk(2, -1)
    return (gate * gate.sigmoid() * up) @ w[name + ".down_proj.weight"].T


def turned(x: Tensor) -> Tensor:
    """Rotary positions of x (B, A, T, K)."""
    t, k = x.shape[-2:]
    angle = torch.arange(t)[:, None] / 10000.0 ** (torch.arange(0, k, 2) / k)
    a, b = x[..., : k // 2], x[..., k // 2 :]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


def module(z: Tensor, injected: Tensor, w: dict[str, Tensor], layers: int, heads: int) -> Tensor:
    x = z + injected
    for layer in range(layers):
        block = f"L_level.layers.{layer}."
        if block + "mlp_t.down_proj.weight" in w:
            across = x.transpose(1, 2)
            x = norm(across + swiglu(across, w, block + "mlp_t")).transpose(1, 2)
        else:
            batch, t, d = x.shape
            qkv = (x @ w[block + "self_attn.qkv_proj.weight"].T).view(batch, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
            q, k, v = turned(qkv[0]), turned(qkv[1]), qkv[2]
            seen = (q @ k.transpose(-1, -2) / math.sqrt(d // heads)).softmax(-1) @ v
            x = norm(x + seen.transpose(1, 2).reshape(batch, t, d) @ w[block + "self_attn.o_proj.weight"].T)
        x = norm(x + swiglu(x, w, block + "mlp"))
    return x


def answers(w: dict[str, Tensor], inputs: Tensor, *, slots: int, heads: int, layers: int, cycles: tuple[int, int], segments: int) -> Tensor:
    """Logits (B, S, V) after so many segments."""
    d = w["H_init"].shape[0]
    x = w["embed_tokens.embedding_weight"][inputs]
    puzzle = torch.zeros(len(inputs), slots * d)
    puzzle[:, : w["puzzle_emb.weights"].shape[1]] = w["puzzle_emb.weights"][0]
    x = torch.cat([puzzle.view(len(inputs), slots, d), x], 1) * math.sqrt(d)
    z_H, z_L = w["H_init"].expand_as(x), w["L_init"].expand_as(x)
    for _ in range(segments):
        for _ in range(cycles[0]):
            for _ in range(cycles[1]):
                z_L = module(z_L, z_H + x, w, layers, heads)
            z_H = module(z_H, z_L, w, layers, heads)
    return (z_H @ w["lm_head.weight"].T)[:, slots:]
