"""Load and save checkpoints, our own and published ones. A checkpoint is data; nothing in one is ever executed.

Own layout: a folder with `model.safetensors` and `config.json`. Published layout: `all_config.yaml` beside `step_N` or
`checkpoint`, a torch.save of a flat state dict with a prefix before every name. `checkpoint/inspect.py` finds out which it
is and whether it fits; here its tensors become a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from hrm_model.checkpoint.dtypes import as_float32
from hrm_model.checkpoint.inspect import MAPPED_ABOVE, Inspection, inspect
from hrm_model.checkpoint.locate import find
from hrm_model.checkpoint.settings import own_config
from hrm_model.device import pick_device, pick_dtype
from hrm_model.errors import CheckpointError
from hrm_model.files import atomic_write, write_json
from hrm_model.make import make_model
from hrm_model.model import HRM

__all__ = ["CheckpointError", "load", "load_inspected", "save", "sha256", "write_weights"]


def load(path: str | Path, device: str | None = None, dtype: str | None = None, asked: Mapping[str, Any] | None = None) -> HRM:
    """The model of a checkpoint folder or file, ready to reason (evaluation mode) on `device` (None: the best there is).

    dtype: 'float32' or 'bfloat16' for activations; None: what suits the device. asked: fields of the configuration that a person
    named. Raises CheckpointError.
    """
    return load_inspected(inspect(path, asked), device, dtype)


def load_inspected(inspection: Inspection, device: str | None = None, dtype: str | None = None) -> HRM:
    """The model of an inspected checkpoint. Its weights become float32 in memory; a large puzzle table stays in its file."""
    path = inspection.files.asked
    if inspection.fault or inspection.config is None:
        at_fault = inspection.given.file if inspection.problem and inspection.given.complete else path
        raise CheckpointError(f"{at_fault}: {inspection.fault}")
    where = pick_device(device)
    config = inspection.config.model_copy(update={"forward_dtype": dtype or pick_dtype(where)})
    with torch.device("meta"):  # sizes only: no numbers are drawn that would be overwritten
        model = make_model(config)
    state = {}
    for name in model.state_dict():
        mapped = name == "puzzle_emb.weights" and inspection.file.tensors[inspection.names[name]].nbytes > MAPPED_ABOVE
        state[name] = _mapped(inspection, name) if mapped else _in_memory(inspection, name)
        if mapped and model.puzzle_emb is not None:
            model.puzzle_emb.on_disk = True
    model.load_state_dict(state, assign=True)
    return model.to(where).requires_grad_(True).eval()


def _in_memory(inspection: Inspection, name: str) -> Tensor:
    info = inspection.file.tensors[inspection.names[name]]
    tensor = torch.from_numpy(np.ascontiguousarray(as_float32(inspection.file.read(info.name), info.dtype)))
    # NaN or infinity make the sum non-finite, at a tenth of the cost of checking each number. Huge ones may too, so then each is checked.
    if not tensor.sum().isfinite() and not tensor.isfinite().all():
        raise CheckpointError(
            f"{inspection.files.asked}: {name} contains NaN or infinity. The checkpoint is damaged, or its training diverged"
        )
    return tensor


def _mapped(inspection: Inspection, name: str) -> Tensor:
    """The table as a memory map: only rows that are used are read."""
    info = inspection.file.tensors[inspection.names[name]]
    array = inspection.file.map(info.name)
    if info.dtype == "bfloat16":
        return torch.from_numpy(array.view("<i2")).view(torch.bfloat16)
    return torch.from_numpy(array)


def save(model: HRM, folder: str | Path, extra: dict[str, Any] | None = None) -> None:
    """Write `model.safetensors` and `config.json` into a folder (made if missing). `extra` is added to the JSON beside "model"."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(model.state_dict(), folder / "model.safetensors")
    write_json(folder / "config.json", own_config(model.config, extra or {}), indent=2)


def write_weights(tensors: dict[str, Tensor], file: Path) -> None:
    """Write tensors to a safetensors file. WriteError if that fails, for example on a full disk."""
    with atomic_write(file) as stream:
        stream.write(to_safetensors({name: t.detach().contiguous().cpu() for name, t in tensors.items()}))


def sha256(path: str | Path) -> str:
    """Hash of the weights file of a checkpoint (folder, run, zip or the file itself)."""
    with find(path).weights.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
