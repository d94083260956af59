"""Derive a model's configuration from its tensors, the file beside them, and assumptions; each value says where it comes from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hrm_model.checkpoint.settings import GivenSettings
from hrm_model.config import ModelConfig

Shapes = Mapping[str, tuple[int, ...]]

# Cells of a board by its vocabulary, in the published layout. 6 is a 30×30 maze (or a 4×4 Sudoku of ours, which has a configuration).
_CELLS = {11: 81, 6: 900, 12: 900, 8: 36}
_LAYER = re.compile(r"^([HL])_level\.layers\.(\d+)\.")


@dataclass(frozen=True)
class Inferred:
    """One field of a configuration and where its value comes from."""

    name: str
    value: Any
    source: str
    assumed: bool = False  # no file gives it; the value is that of the published models


@dataclass(frozen=True)
class Inference:
    """config: None if it cannot be derived; `problem` then says why, and `asks` lists the fields that would help."""

    config: ModelConfig | None
    fields: tuple[Inferred, ...]
    notes: tuple[str, ...] = ()
    problem: str = ""
    asks: tuple[str, ...] = ()


class _Unfit(ValueError):
    """The tensors are not those of an HRM."""


def infer(shapes: Shapes, given: GivenSettings, asked: Mapping[str, Any] | None = None) -> Inference:
    """The configuration that fits these tensors. `asked`: fields that a person entered; they take precedence.

    Sizes come from the tensors if these give them; cycles, heads and encodings from the file; everything else is assumed as in the
    published models.
    """
    asked = dict(asked or {})
    file_name = given.file.name if given.file else ""
    if given.complete:
        return _validated([Inferred(n, v, file_name) for n, v in (given.values | asked).items()], (), file_name)
    try:
        found = _from_tensors(shapes)
    except _Unfit as error:
        return Inference(None, (), problem=str(error))
    fields = {f.name: f for f in found}
    notes = []
    for name, value in given.values.items():
        if name not in fields:
            fields[name] = Inferred(name, value, file_name)
        elif name in ("expansion", "H_layers", "num_puzzle_identifiers"):
            continue  # a rounded ratio; TRM writes 0; a data set's own count
        elif value != fields[name].value:
            notes.append(f"{file_name} says {name} {value}; the tensors say {fields[name].value}")
    for name, value in asked.items():
        fields[name] = Inferred(name, value, "you")
    _swiglu(shapes, fields, given)
    _assume(shapes, fields)
    _cells(shapes, fields, given)
    if "seq_len" not in fields:
        words = f"a vocabulary of {fields['vocab_size'].value} belongs to no known task, so the size of the board is unknown. Enter seq_len, the number of cells"
        return Inference(None, tuple(fields.values()), tuple(notes), words, ("seq_len",))
    result = _validated(list(fields.values()), tuple(notes), file_name)
    return result


def _validated(fields: list[Inferred], notes: tuple[str, ...], file_name: str) -> Inference:
    try:
        config = ModelConfig.model_validate({f.name: f.value for f in fields})
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        source = next((f.source for f in fields if f.name == name), file_name)
        words = f"{name or 'the configuration'}: {fault['msg']}" + (f" (from {source})" if source else "")
        return Inference(None, tuple(fields), notes, words, (name,) if name else ())
    return Inference(config, tuple(fields), notes)


def _shape(shapes: Shapes, name: str, dimensions: int) -> tuple[int, ...]:
    found = shapes.get(name)
    if found is None:
        raise _Unfit(f"does not fit an HRM: {name} is missing")
    if len(found) != dimensions or not all(found):
        raise _Unfit(f"does not fit an HRM: {name} has the shape {found}")
    return found


def _from_tensors(shapes: Shapes) -> list[Inferred]:
    """The fields that the tensors give."""
    vocabulary, width = _shape(shapes, "embed_tokens.embedding_weight", 2)
    embedding = f"embed_tokens.embedding_weight {(vocabulary, width)}"
    found = [Inferred("vocab_size", vocabulary, embedding), Inferred("hidden_size", width, embedding)]
    layers: dict[str, set[int]] = {"H": set(), "L": set()}
    for name in shapes:
        if (match := _LAYER.match(name)) is not None:
            layers[match[1]].add(int(match[2][:6]))
    if not layers["L"]:
        raise _Unfit("does not fit an HRM: it has no L_level.layers")
    shared = not layers["H"]
    if shared:
        found.append(Inferred("shared", True, "there is no H_level: one module moves both states (TRM)"))
    found.append(Inferred("L_layers", len(layers["L"]), f"L_level.layers.0 … {max(layers['L'])}"))
    source = "the shared module" if shared else f"H_level.layers.0 … {max(layers['H'])}"
    found.append(Inferred("H_layers", len(layers["L"] if shared else layers["H"]), source))
    if "L_level.layers.0.mlp_t.down_proj.weight" in shapes:
        found.append(Inferred("mixer", "mlp", "L_level.layers.0.mlp_t"))
    table = shapes.get("puzzle_emb.weights")
    if table is not None and len(table) == 2:
        found.append(Inferred("num_puzzle_identifiers", table[0], f"puzzle_emb.weights {table}"))
        found.append(Inferred("puzzle_emb_ndim", table[1], f"puzzle_emb.weights {table}"))
    else:
        found.append(Inferred("puzzle_emb_ndim", 0, "there is no puzzle_emb.weights"))
    if "embed_pos.embedding_weight" in shapes:
        found.append(Inferred("pos_encodings", "learned", f"embed_pos.embedding_weight {shapes['embed_pos.embedding_weight']}"))
    elif "embed_pos.row" in shapes:
        rows = _shape(shapes, "embed_pos.row", 2)
        found.append(Inferred("pos_encodings", "grid", f"embed_pos.row {rows}"))
        found.append(Inferred("seq_len", rows[0] ** 2, f"embed_pos.row {rows}"))
        if "embed_pos.box" in shapes:
            boxes = _shape(shapes, "embed_pos.box", 2)
            area = max(1, rows[0] ** 2 // boxes[0])
            height = next(h for h in range(math.isqrt(area), 0, -1) if area % h == 0)
            found.append(Inferred("box_height", height, f"embed_pos.box {boxes}"))
            found.append(Inferred("box_width", area // height, f"embed_pos.box {boxes}"))
    return found


def _swiglu(shapes: Shapes, fields: dict[str, Inferred], given: GivenSettings) -> None:
    """expansion and swiglu_multiple that give the inner widths found: the published pair if it fits, else the exact ratio."""
    name = "L_level.layers.0.mlp.down_proj.weight"
    found = shapes.get(name, ())
    width = fields["hidden_size"].value
    if len(found) != 2 or "expansion" in fields and fields["expansion"].source == "you":
        return
    source = f"{name} {found}"
    ratio = given.values.get("expansion", 4)
    if isinstance(ratio, int | float) and 0 < ratio < 1000 and -(-round(ratio * width * 2 / 3) // 256) * 256 == found[1]:
        fields["expansion"], fields["swiglu_multiple"] = Inferred("expansion", ratio, source), Inferred("swiglu_multiple", 256, source)
    else:
        fields["expansion"] = Inferred("expansion", 1.5 * found[1] / width, source)
        fields["swiglu_multiple"] = Inferred("swiglu_multiple", 1, source)


def _assume(shapes: Shapes, fields: dict[str, Inferred]) -> None:
    """The values of the published models for all fields that are still open."""

    def assume(name: str, value: Any, why: str) -> None:
        if name not in fields:
            fields[name] = Inferred(name, value, f"assumed: {why}", assumed=True)

    shared = "shared" in fields
    kind = "TRM" if shared else "HRM"
    width = fields["hidden_size"].value
    assume("H_cycles", 3 if shared else 2, f"as the published {kind}")
    assume("L_cycles", 6 if shared else 2, f"as the published {kind}")
    heads = width // 64 if width % 64 == 0 else 1
    if "mixer" not in fields:
        assume("num_heads", heads, "heads 64 wide, as the published models")
        assume("pos_encodings", "rope", f"as the published {kind}")
    else:
        fields.setdefault("num_heads", Inferred("num_heads", heads, "an MLP has no heads"))
        assume("pos_encodings", "none", "as the published TRM with an MLP")
    if shared and fields["puzzle_emb_ndim"].value and _positions(shapes) is None:
        assume("puzzle_slots", 16, "as the published TRM")


def _positions(shapes: Shapes) -> tuple[int, str] | None:
    """Positions T and the tensor that has this size, if there is one."""
    for name in ("embed_pos.embedding_weight", "L_level.layers.0.mlp_t.down_proj.weight"):
        if len(shapes.get(name, ())) == 2:
            return shapes[name][0], f"{name} {shapes[name]}"
    return None


def _cells(shapes: Shapes, fields: dict[str, Inferred], given: GivenSettings) -> None:
    """seq_len and, if a tensor gives the positions, puzzle_slots."""
    vocabulary = fields["vocab_size"].value
    positions = _positions(shapes)
    ndim, width = fields["puzzle_emb_ndim"].value, fields["hidden_size"].value
    slots = max(-(-ndim // width), fields["puzzle_slots"].value if "puzzle_slots" in fields else 0) if ndim else 0
    known = _CELLS.get(vocabulary)
    if "seq_len" in fields:
        known = fields["seq_len"].value
    elif positions is not None:
        # A file gives the slots, or they are the positions that the task's cells leave.
        cells = positions[0] - slots if "puzzle_slots" in fields or known is None or not 0 <= positions[0] - known <= 64 else known
        fields["seq_len"] = Inferred("seq_len", cells, positions[1])
        known = cells
    elif known is not None:
        fields["seq_len"] = Inferred("seq_len", known, f"a vocabulary of {vocabulary}: {_TASKS[vocabulary]}")
    if positions is not None and known is not None and ndim and positions[0] - known > slots:
        fields["puzzle_slots"] = Inferred("puzzle_slots", positions[0] - known, positions[1])


_TASKS = {11: "Sudoku 9×9", 6: "maze 30×30", 12: "ARC, boards padded to 30×30", 8: "Sudoku 6×6"}
