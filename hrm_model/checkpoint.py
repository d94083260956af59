"""Checkpoints, own and published: read, checked, written. A checkpoint is data; nothing in one is ever executed.

Own layout: a folder with `model.safetensors` and `config.json`. Published layout: `all_config.yaml` beside `step_N` or
`checkpoint`, a torch.save of a flat state dict with a prefix before every name.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_safetensors
from torch import Tensor

from hrm_model.config import ModelConfig
from hrm_model.device import pick_device, pick_dtype
from hrm_model.model import HRM

_PREFIXES = ("_orig_mod.", "module.", "model.", "inner.")
_PUBLISHED_FILE = re.compile(r"^(step_(\d+)|checkpoint)(\.pt|\.pth)?$")
# What tensors cannot tell, and stands in a published all_config.yaml under `arch`.
_FROM_YAML = (
    "H_cycles",
    "L_cycles",
    "num_heads",
    "pos_encodings",
    "rms_norm_eps",
    "rope_theta",
    "halt_max_steps",
    "halt_exploration_prob",
)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; says which file, what is wrong with it, and what would do."""


def load(path: str | Path, device: str | None = None, dtype: str | None = None) -> HRM:
    """The model of a checkpoint folder or file, ready to reason (evaluation mode) on `device` (None: the best there is).

    dtype: 'float32' or 'bfloat16' for activations; None: what suits the device. Raises CheckpointError.
    """
    path = Path(path)
    where = pick_device(device)
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file or folder")
    config, tensors = _read(path)
    config = config.model_copy(update={"forward_dtype": dtype or pick_dtype(where)})
    model = HRM(config)
    _fill(model, tensors, path)
    return model.to(where).eval()


def save(model: HRM, folder: str | Path, extra: dict[str, Any] | None = None) -> None:
    """Write `model.safetensors` and `config.json` into a folder (made if missing). `extra` joins the JSON beside "model"."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(model.state_dict(), folder / "model.safetensors")
    text = json.dumps({"format": "hrm-model", "format_version": 1, "model": model.config.model_dump(), **(extra or {})}, indent=2)
    beside = folder / "config.json.part"
    beside.write_text(text + "\n", encoding="utf-8")
    os.replace(beside, folder / "config.json")


def write_weights(tensors: dict[str, Tensor], file: Path) -> None:
    """A safetensors file, written beside and renamed. OSError where the disk is full."""
    beside = file.with_name(file.name + ".part")
    beside.write_bytes(to_safetensors({name: t.detach().contiguous().cpu() for name, t in tensors.items()}))
    os.replace(beside, file)


def sha256(path: str | Path) -> str:
    """Hash of the weights file of a checkpoint folder (or of the file itself)."""
    file = Path(path)
    if file.is_dir():
        file = weights_file(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_file(folder: Path) -> Path:
    """The file of a checkpoint folder that holds the weights: the own one, else the published one of the highest step."""
    own = folder / "model.safetensors"
    if own.exists():
        return own
    published = [(int(m[2] or 0), f) for f in folder.iterdir() if (m := _PUBLISHED_FILE.match(f.name)) and f.is_file()]
    if not published:
        raise CheckpointError(f"{folder}: holds no checkpoint (model.safetensors with config.json, or step_N with all_config.yaml)")
    return max(published)[1]


def _read(path: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    file = weights_file(path) if path.is_dir() else path
    if file.suffix == ".safetensors":
        return _own_config(file.with_name("config.json")), _read_safetensors(file)
    tensors = _read_published(file)
    return infer_config(tensors, _published_yaml(file.with_name("all_config.yaml")), file), tensors


def _read_safetensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    except SafetensorError as error:
        raise CheckpointError(f"{file}: is not a whole safetensors file ({error}); copy or download it again") from None
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror or error})") from None


def _own_config(file: Path) -> ModelConfig:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
            raise CheckpointError(f'{file}: has no section "model" with the model\'s sizes')
        return ModelConfig.model_validate(content["model"])
    except FileNotFoundError:
        raise CheckpointError(f"{file}: is missing; model.safetensors needs its config.json beside it") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: is not JSON ({error})") from None
    except ValidationError as error:
        raise CheckpointError(f"{file}: {_first_fault(error)}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    name = ".".join(str(part) for part in fault["loc"]) or "the configuration"
    return f"{name}: {fault['msg']}"


def _read_published(file: Path) -> dict[str, Tensor]:
    """A flat state dict without its prefixes. Only tensors are unpickled; anything else in the file is refused."""
    try:
        with warnings.catch_warnings():
            # torch warns of unusual pickle protocols; what it then cannot read is refused below, in our words.
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it would run {named[1]}" if named else "it holds more than tensors"
        raise CheckpointError(f"{file}: was refused, since {what}; a checkpoint may hold tensors only") from None
    except Exception as error:  # whatever a damaged pickle makes the unpickler stumble over: AssertionError, IndexError, ...
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{file}: is not a whole checkpoint ({reason}); copy or download it again") from None
    if not isinstance(content, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items()):
        raise CheckpointError(f"{file}: is not a flat state dict of tensors")
    tensors = {}
    for name, tensor in content.items():
        short = name
        while (prefix := next((p for p in _PREFIXES if short.startswith(p)), None)) is not None:
            short = short.removeprefix(prefix)
        tensors[short] = tensor
    return tensors


def _published_yaml(file: Path) -> dict[str, Any]:
    if not file.exists():
        raise CheckpointError(f"{file}: is missing; a published checkpoint needs it for cycles, heads and position encoding")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file}: is not plain YAML ({str(error).splitlines()[0]})") from None
    arch = content.get("arch") if isinstance(content, dict) else None
    if not isinstance(arch, dict):
        raise CheckpointError(f'{file}: has no section "arch" with the model\'s settings')
    return arch


def infer_config(tensors: dict[str, Tensor], arch: dict[str, Any], file: Path) -> ModelConfig:
    """Sizes from the tensors themselves; what they cannot tell, from `arch` (the published config's section). Raises CheckpointError.

    The number of cells is in no tensor (learned positions excepted): it follows from the vocabulary, 11 a 9×9 Sudoku, 6 a
    30×30 maze, 12 ARC.
    """
    try:
        vocabulary, width = tensors["embed_tokens.embedding_weight"].shape
        swiglu = tensors["L_level.layers.0.mlp.down_proj.weight"].shape[1]
        sizes: dict[str, Any] = {"vocab_size": vocabulary, "hidden_size": width}
    except (KeyError, ValueError, IndexError) as error:
        raise CheckpointError(f"{file}: does not fit an HRM: {error} is missing or has another shape") from None
    sizes["expansion"] = 1.5 * swiglu / width
    sizes["swiglu_multiple"] = 1
    for level in "HL":
        numbers = {int(m[1]) for name in tensors if (m := re.match(rf"{level}_level\.layers\.(\d+)\.", name))}
        sizes[f"{level}_layers"] = len(numbers)
    table = tensors.get("puzzle_emb.weights")
    if table is not None and table.ndim == 2:
        sizes["num_puzzle_identifiers"], sizes["puzzle_emb_ndim"] = table.shape
    cells = {11: 81, 6: 900, 12: 900}.get(vocabulary)
    positions = tensors.get("embed_pos.embedding_weight")
    if positions is not None:
        cells = positions.shape[0] - -(-sizes.get("puzzle_emb_ndim", 0) // width)
    if cells is None:
        raise CheckpointError(f"{file}: a vocabulary of {vocabulary} belongs to no known task, so the board's size is not known")
    asked = {name: arch[name] for name in _FROM_YAML if name in arch}
    try:
        return ModelConfig.model_validate({"seq_len": cells, **sizes, **asked})
    except ValidationError as error:
        raise CheckpointError(f"{file}: {_first_fault(error)}") from None


def _fill(model: HRM, tensors: dict[str, Tensor], path: Path) -> None:
    own = model.state_dict()
    missing = [name for name in own if name not in tensors]
    unexpected = [name for name in tensors if name not in own]
    misfits = [n for n in own if n in tensors and own[n].shape != tensors[n].shape]
    if missing or unexpected or misfits:
        faults = [f"missing: {', '.join(missing[:3])}"] if missing else []
        faults += [f"unexpected: {', '.join(unexpected[:3])}"] if unexpected else []
        faults += [f"{n} is {tuple(tensors[n].shape)} and should be {tuple(own[n].shape)}" for n in misfits[:3]]
        raise CheckpointError(f"{path}: does not fit its configuration ({'; '.join(faults)})")
    broken = next((name for name, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()), None)
    if broken is not None:
        raise CheckpointError(f"{path}: {broken} holds numbers that are not finite")
    model.load_state_dict({name: t.float() for name, t in tensors.items()})


def about(path: str | Path) -> dict[str, Any]:
    """What an own checkpoint's config.json tells beside the sizes (task, q_continue, title, …); {} for others."""
    path = Path(path)
    file = (path if path.is_dir() else path.parent) / "config.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return {k: v for k, v in content.items() if k != "model"} if isinstance(content, dict) else {}
