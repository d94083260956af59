"""What a trace file may contain beside a trace: its branch, records of experiments, attention.

Shapes: A heads, T positions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from hrm_model.errors import TraceError, TraceFileError
from hrm_model.trace.data import Array
from hrm_model.trace_file.hdf5 import (
    attribute,
    load,
    make_collection,
    member,
    member_names,
    numbers,
    read_text,
    write_attributes,
    write_text,
)

_MAX_RECORDS = 10_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True)
class Record:
    """One experiment on a run: what was done, what was found."""

    kind: str  # 'landscape', 'patching', 'relabelling' …
    about: Mapping[str, Any] = field(default_factory=dict)  # settings and single results; JSON
    arrays: Mapping[str, Array] = field(default_factory=dict)  # results, each with a name of letters, digits and _

    def __post_init__(self) -> None:
        for name in self.arrays:
            if not _NAME.fullmatch(name):
                raise TraceError(f"{name!r} cannot be the name of an array. Use letters, digits and _, and do not begin with a digit")


@dataclass(frozen=True)
class Extras:
    """Everything that belongs to one entry of a file beside its Trace."""

    title: str = ""
    parent: str = ""  # the entry of this file that it branched off, '' for none
    parent_step: int = -1  # the last step that both have in common
    records: tuple[Record, ...] = ()
    attention: Mapping[tuple[int, int], Array] = field(default_factory=dict)  # (step, layer) → (A, T, T) of the module that moved
    changes: tuple[Mapping[str, Any], ...] = ()  # what was changed where it branched off (hrm_model/lab/changes.py); JSON
    standing: tuple[Mapping[str, Any], ...] = ()  # what its parent's changes had left in force there
    note: str = ""  # a person's words about this branch

    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(a.nbytes for record in self.records for a in record.arrays.values()) + sum(a.nbytes for a in self.attention.values())


def write_extras(group: h5py.Group, extras: Extras) -> None:
    """Write into an entry's group."""
    if extras.parent:
        branch = make_collection(group, "branch")
        write_text(branch, "parent", extras.parent)
        branch.create_dataset("parent_step", data=np.int32(extras.parent_step))
        write_text(
            branch, "changes", json.dumps({"changes": list(map(dict, extras.changes)), "standing": list(map(dict, extras.standing))})
        )
        write_text(branch, "note", extras.note)
    if extras.records:
        records = make_collection(group, "records")
        for number, record in enumerate(extras.records, 1):
            one = make_collection(records, f"record_{number}")
            write_text(one, "kind", record.kind)
            write_text(one, "about", json.dumps(dict(record.about)))
            arrays = make_collection(one, "arrays")
            for name, array in record.arrays.items():
                _write_array(arrays, name, array)
    if extras.attention:
        attention = make_collection(group, "attention")
        for (step, layer), weights in sorted(extras.attention.items()):
            made = _write_array(attention, f"step_{step}_layer_{layer}", weights)
            write_attributes(made, step=step, layer=layer)


def _write_array(group: h5py.Group, name: str, array: Array) -> h5py.Dataset:
    packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
    return group.create_dataset(name, data=array, **packed if array.size and array.ndim else {})


def read_extras(group: h5py.Group, title: str, version: int, max_bytes: int) -> Extras:
    """Read from an entry's group. TraceFileError."""
    if version < 2:  # has titles only
        return Extras(title)
    parent, parent_step, changed, note = "", -1, ((), ()), ""
    branch = member(group, "branch", h5py.Group, missing_ok=True)
    if branch is not None:
        parent = read_text(branch, "parent")
        parent_step = int(numbers(branch, "parent_step", (), "iu")[()].item())
        if version >= 3:
            changed = _changes(json_object(read_text(branch, "changes", default="{}"), f"{branch.name}/changes"), branch.name)
            note = read_text(branch, "note", default="")
    budget = _Budget(max_bytes)
    records = []
    kept = member(group, "records", h5py.Group, missing_ok=True)
    for name in sorted(member_names(kept, _MAX_RECORDS), key=_by_number) if kept is not None else ():
        one = member(kept, name, h5py.Group)
        arrays = member(one, "arrays", h5py.Group)
        about = json_object(read_text(one, "about"), f"{one.name}/about")
        found = {key: budget.read(arrays, key) for key in member_names(arrays, _MAX_RECORDS) if _NAME.fullmatch(key)}
        records.append(Record(read_text(one, "kind"), about, found))
    attention: dict[tuple[int, int], Array] = {}
    kept = member(group, "attention", h5py.Group, missing_ok=True)
    for name in member_names(kept, _MAX_RECORDS) if kept is not None else ():
        dataset = numbers(kept, name, (None, None, None), "f")
        step, layer = (attribute(dataset, key) for key in ("step", "layer"))
        if not isinstance(step, int) or not isinstance(layer, int) or dataset.shape[1] != dataset.shape[2]:
            raise TraceFileError(f"{dataset.name} has no attributes step and layer, or is not heads × positions × positions")
        attention[step, layer] = budget.read(kept, name)
    return Extras(title, parent, parent_step, tuple(records), attention, *changed, note)


def _changes(content: dict[str, Any], where: str) -> Any:
    found = tuple(content.get(name, []) for name in ("changes", "standing"))
    if not all(isinstance(many, list) and all(isinstance(one, dict) for one in many) for many in found):
        raise TraceFileError(f"{where}/changes is not lists of JSON objects")
    return tuple(map(tuple, found))


class _Budget:
    def __init__(self, left: int) -> None:
        self._left = left

    def read(self, group: h5py.Group, name: str) -> Array:
        dataset = numbers(group, name, None, "iuf")
        size = math.prod(dataset.shape) * dataset.dtype.itemsize
        self._left -= size
        if self._left < 0:
            raise TraceFileError(f"{dataset.name} declares {size / 1e9:,.1f} GB, more than may be read")
        if dataset.chunks is None and size > dataset.id.get_storage_size():
            raise TraceFileError(f"{dataset.name} declares {size:,} bytes that are not in the file")
        return load(dataset) if dataset.shape else np.asarray(dataset[()])


def json_object(text: str, where: str) -> dict[str, Any]:
    """The JSON object in a text of the file. TraceFileError names its place, `where`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise TraceFileError(f"{where} is not JSON") from None
    if not isinstance(content, dict):
        raise TraceFileError(f"{where} is not a JSON object")
    return content


def _by_number(name: str) -> tuple[int, str]:
    return len(name), name
