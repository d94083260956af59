"""Small untrained models of every kind, as the Lab meets them, and a puzzle for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hrm_model import LoadedModel, PuzzleInfo, Trace, parse_puzzle
from hrm_model.config import ModelConfig
from hrm_model.make import make_model
from tests.support.models import TINY
from tests.support.traces import FOUR

KINDS = ("published", "trm", "symmetric", "maze")
_CHANGES: dict[str, dict[str, object]] = {
    "published": {"puzzle_emb_ndim": 16, "H_layers": 2},
    "trm": {"shared": True, "mixer": "mlp", "pos_encodings": "none", "puzzle_emb_ndim": 16},
    "symmetric": {"mixer": "units", "pos_encodings": "none", "puzzle_emb_ndim": 0, "hidden_size": 8},
    "maze": {"mixer": "neighbours", "pos_encodings": "none", "puzzle_emb_ndim": 0, "hidden_size": 8, "vocab_size": 6, "seq_len": 25},
}
# A maze of 4 × 4 has the sizes of a 4×4 Sudoku, so this one is a size larger.
_MAZE = "S  # \n #   \n   # \n#    \n  # G"


def lab_model(kind: str, seed: int = 0) -> LoadedModel:
    """An untrained model whose answers depend on its states."""
    torch.manual_seed(seed)
    config = ModelConfig.model_validate(TINY.model_dump() | _CHANGES[kind])
    model = make_model(config)
    with torch.no_grad():
        model.q_head.weight.normal_()
        for name in ("answer", "puzzle_emb"):
            part = getattr(model, name, None)
            for tensor in () if part is None else [part] if isinstance(part, torch.Tensor) else [*part.parameters(), *part.buffers()]:
                tensor.normal_()
    weights = Path(__file__)  # any file: its hash stands for the weights
    return LoadedModel(model.eval(), kind, weights, weights, config.task, False, 0, "cpu", "float32", "none")


def lab_puzzle(model: LoadedModel) -> PuzzleInfo:
    return parse_puzzle(_MAZE if model.task.startswith("maze") else FOUR)


def same_run(one: Trace, other: Trace) -> None:
    """All numbers of both, bit for bit."""
    for name in (
        "segment",
        "h_cycle",
        "l_step",
        "level",
        "h_row",
        "l_row",
        "prediction",
        "probability",
        "q_halt",
        "q_continue",
        "z_H",
        "z_L",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name, strict=True)
