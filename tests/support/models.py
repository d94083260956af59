"""A model that is small enough for tests, and a puzzle that it reads."""

from __future__ import annotations

import numpy as np
import torch

from hrm_model.config import ModelConfig
from hrm_model.model import HRM

TINY = ModelConfig(
    seq_len=16, vocab_size=6, hidden_size=16, num_heads=2, H_layers=1, L_layers=1, swiglu_multiple=8, puzzle_emb_ndim=16, halt_max_steps=4
)


def tiny(**changes: object) -> HRM:
    torch.manual_seed(0)
    model = HRM(ModelConfig.model_validate(TINY.model_dump() | changes))
    with torch.no_grad():
        model.q_head.weight.normal_()
    return model.eval()


def puzzle() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 6, 16)
