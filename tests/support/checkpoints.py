"""Checkpoints in the published layout, written by tests."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from hrm_model.config import ModelConfig, tensor_shapes

SMALL: dict[str, Any] = {"hidden_size": 64, "num_heads": 1, "H_layers": 1, "L_layers": 1}
ARCH = {
    "H_cycles": 2, "L_cycles": 2, "H_layers": 4, "L_layers": 4, "hidden_size": 512, "num_heads": 8, "expansion": 4, "pos_encodings": "rope",
    "puzzle_emb_ndim": 512, "halt_max_steps": 16, "halt_exploration_prob": 0.1,
}  # fmt: skip


def published(folder: Path, config: ModelConfig, prefix: str = "_orig_mod.model.inner.", arch: dict[str, Any] | None = None) -> Path:
    """A folder as the published trainers leave one. Its random weights are small: large ones make the recurrence chaotic."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    torch.save({prefix + n: torch.randn(s) * 0.03 for n, s in tensor_shapes(config).items()}, folder / "step_10")
    if arch is not None:
        (folder / "all_config.yaml").write_text(yaml.safe_dump({"arch": arch}))
    return folder


def hollow(folder: Path, config: ModelConfig) -> Path:
    """A safetensors file of a model's sizes that takes no room on the disk: its numbers are a hole."""
    header, place = {}, 0
    for name, shape in tensor_shapes(config).items():
        size = 4 * int(np.prod(shape))
        header["_orig_mod.model.inner." + name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    folder.mkdir()
    with (folder / "checkpoint.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place)
    (folder / "all_config.yaml").write_text(yaml.safe_dump({"arch": ARCH}))
    return folder


def torch_zip(file: Path, pickled: bytes, records: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a/data.pkl", pickled)
        for key, content in (records or {}).items():
            archive.writestr(f"a/data/{key}", content)
