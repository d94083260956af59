"""Convert a checkpoint to safetensors in our own layout, with a model card if wanted. Without torch, in bounded memory."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hrm_model.checkpoint.dtypes import DTYPES
from hrm_model.checkpoint.inspect import Inspection
from hrm_model.checkpoint.settings import own_config
from hrm_model.checkpoint.tensors import TensorInfo
from hrm_model.config import EVERY_SIZE
from hrm_model.errors import CheckpointError
from hrm_model.files import atomic_write, write_json

_PIECE = 16 << 20  # bytes written at once


def convert(inspection: Inspection, folder: str | Path) -> Path:
    """Write `model.safetensors` and `config.json` into a folder; every number stays as it is, names become ours.

    Raises CheckpointError if the checkpoint has a fault, if the folder already contains one, or if it cannot be written.
    """
    folder = Path(folder)
    if inspection.fault or inspection.config is None:
        raise CheckpointError(f"{inspection.files.asked}: {inspection.fault}")
    weights, config = folder / "model.safetensors", folder / "config.json"
    for file in (weights, config):
        if file.exists():
            raise CheckpointError(f"{file}: already exists. Choose another folder")
    origin = {"file": inspection.files.weights.name, "sha256": file_sha256(inspection.files.weights)}
    about = own_config(inspection.config, {"task": inspection.config.task, "converted_from": origin, **inspection.given.extra})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(weights) as stream:
            stream.writelines(_safetensors(inspection))
        write_json(config, about, indent=2, default=str)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written ({error.strerror or error})") from None
    return folder


def export(inspection: Inspection, folder: str | Path, license: str = "") -> Path:
    """`convert`, and a README.md: the checkpoint's own card if it has one, else what the inspection found."""
    folder = convert(inspection, folder)
    try:
        with atomic_write(folder / "README.md") as stream:
            stream.write(model_card(inspection, license).encode())
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be written ({error.strerror or error})") from None
    return folder


def keep_settings(inspection: Inspection) -> Path:
    """Write the configuration beside the weights, as NAME.json, where it is found the next time. CheckpointError."""
    assert inspection.config is not None
    file = inspection.files.weights.with_name(inspection.files.weights.name + ".json")
    content = own_config(inspection.config, inspection.given.extra)
    try:
        write_json(file, content, indent=2, default=str)
    except OSError as error:
        raise CheckpointError(
            f"{file}: cannot be written ({error.strerror or error}). Export the model to another folder instead"
        ) from None
    return file


def file_sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _safetensors(inspection: Inspection) -> Iterator[bytes]:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    place = 0
    for tensor in inspection.tensors:
        header[tensor.name] = {
            "dtype": DTYPES[tensor.dtype].safetensors,
            "shape": list(tensor.shape),
            "data_offsets": [place, place + tensor.nbytes],
        }
        place += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for tensor in inspection.tensors:
        yield from _numbers(inspection, tensor)


def _numbers(inspection: Inspection, tensor: TensorInfo) -> Iterator[bytes]:
    array = inspection.file.map(inspection.names[tensor.name])
    rows = array.reshape(1) if array.ndim == 0 else array
    per_row = max(1, tensor.nbytes // max(1, len(rows)))
    step = max(1, _PIECE // per_row)
    for first in range(0, len(rows), step):
        yield np.ascontiguousarray(rows[first : first + step]).tobytes()


def model_card(inspection: Inspection, license: str = "") -> str:
    """Markdown with the Hub's front matter: the checkpoint's own card, else one made from the inspection."""
    front = ["---", *([f"license: {license}"] if license else []), "library_name: hrm-studio", "tags:", "- hierarchical-reasoning-model"]
    front += [f"- {inspection.config.task}"] if inspection.config else []
    front += ["---", ""]
    own = inspection.files.card.read_text(encoding="utf-8", errors="replace") if inspection.files.card else ""
    if own.startswith("---\n"):
        return own
    return "\n".join(front) + (own or _described(inspection))


def _described(inspection: Inspection) -> str:
    config = inspection.config
    assert config is not None
    assumed = [f"{f.name} {f.value}" for f in inspection.inferred if f.assumed]
    lines = [
        f"# {inspection.files.name}",
        "",
        "| | |",
        "|---|---|",
        f"| kind | {inspection.kind}{', one module for both states' if config.shared else ', slow module H and fast module L'} |",
        f"| reads | {', '.join(config.tasks)}; trained on {config.seq_len} cells, {config.vocab_size} tokens |"
        if config.mixer in EVERY_SIZE
        else f"| reads | {config.task}: {config.seq_len} cells, {config.vocab_size} tokens |",
        f"| parameters | {inspection.parameters:,}{f', and {inspection.puzzle_numbers:,} in the puzzle table' if inspection.puzzle_numbers else ''} |",
        f"| width, heads | {config.hidden_size}, {config.num_heads} |",
        f"| layers | {config.L_layers} shared |" if config.shared else f"| layers | H {config.H_layers}, L {config.L_layers} |",
        f"| a segment | {config.H_cycles} H-cycles of {config.L_cycles} L-steps |",
        f"| positions | {config.pos_encodings} |",
        f"| weights | `{inspection.files.weights.name}`, SHA-256 `{file_sha256(inspection.files.weights)}` |",
        "",
    ]
    if assumed:
        lines += [f"Not given in any file; assumed as in the published models: {', '.join(assumed)}.", ""]
    lines += ["Accuracy: not measured here.", "", "Inspect it with `hrm-studio models inspect FOLDER`; solve puzzles with `hrm-studio solve PUZZLE --model FOLDER`.", ""]  # fmt: skip
    return "\n".join(lines)
