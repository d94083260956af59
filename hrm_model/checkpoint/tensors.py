"""Which tensors a weights file contains and where they are, without torch and without reading them: safetensors, and files of torch.save.

Every place and size is checked against the file before anything is read or reserved.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrm_model.checkpoint.dtypes import BY_SAFETENSORS, DTYPES, UNREAD_SAFETENSORS
from hrm_model.checkpoint.locate import DAMAGED_ZIP, begins_like_weights
from hrm_model.checkpoint.pickle import MOST_BYTES, DamagedPickle, StoredTensor, read_pickle
from hrm_model.errors import CheckpointError
from hrm_model.foreign import what_it_is

Array = NDArray[Any]

_MOST_HEADER = 16 << 20
_MOST_TENSORS = 100_000
# Names under which training loops keep the state dict in a larger dict.
_SECTIONS = ("model_state_dict", "state_dict", "model", "module")


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a weights file: its type, shape and place."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int  # byte of the file
    strides: tuple[int, ...]  # in bytes

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * DTYPES[self.dtype].nbytes


class WeightsFile:
    """An opened weights file: `tensors` by name; `read` copies one into memory, `map` leaves it in the file. Raises CheckpointError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                begin = stream.read(16)
            self._state = _state_of(path)
            self.size = self._state[0]
            if begin[8:9] != b"{" and not begin.startswith(b"PK") and (other := what_it_is(path, "a checkpoint")):
                raise CheckpointError(f"{path}: {other}")
            # By its content: safetensors with another ending, and torch.save's under the name of safetensors, are common.
            if begin[8:9] == b"{" or (path.suffix == ".safetensors" and not begin.startswith((b"PK", b"\x80"))):
                self.kind, found = "safetensors", _read_safetensors(path, self.size)
            else:
                self.kind, found = "torch", _read_torch(path, begin)
        except OSError as error:
            raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from None
        if not found:
            raise CheckpointError(f"{path}: contains no tensor")
        self.tensors = {info.name: info for info in found}

    def read(self, name: str, rows: slice = slice(None)) -> Array:
        """The tensor's numbers (bfloat16 as its bits), or evenly spaced rows of it, which are read one by one.

        Read, not mapped: if another program cuts the file short meanwhile, reading raises an error, and a map would end the process.
        """
        info = self.tensors[name]
        if not info.numel:
            return np.zeros(info.shape, DTYPES[info.dtype].numpy)
        try:
            with self.path.open("rb") as stream:
                if _state_of(self.path) != self._state:
                    raise CheckpointError(f"{self.path}: the file has changed since it was inspected. Open it again")
                if rows == slice(None):
                    return self._span(stream, info)
                one = replace(info, shape=info.shape[1:], strides=info.strides[1:])
                picked = range(*rows.indices(info.shape[0]))
                return np.stack([self._span(stream, replace(one, start=info.start + row * info.strides[0])) for row in picked])
        except OSError as error:
            raise CheckpointError(f"{self.path}: cannot be read ({error.strerror or error})") from None

    def _span(self, stream: BinaryIO, info: TensorInfo) -> Array:
        item = DTYPES[info.dtype].nbytes
        length = sum((n - 1) * s for n, s in zip(info.shape, info.strides, strict=True)) + item
        stream.seek(info.start)
        data = stream.read(length)
        if len(data) < length:
            raise CheckpointError(f"{self.path}: the file ends before {info.name} does. Copy or download it again")
        return np.ndarray(info.shape, DTYPES[info.dtype].numpy, bytearray(data), 0, info.strides)

    def map(self, name: str) -> Array:
        """The numbers as a memory map: only what is used is read. Writing to them never changes the file."""
        info = self.tensors[name]
        return np.ndarray(info.shape, DTYPES[info.dtype].numpy, np.memmap(self.path, np.uint8, "c").data, info.start, info.strides)


def _state_of(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _checked(path: Path, info: TensorInfo, begin: int, end: int) -> TensorInfo:
    """The tensor, after a check that all its numbers lie in bytes begin..end of the file."""
    item = DTYPES[info.dtype].nbytes
    last = info.start + sum((n - 1) * s for n, s in zip(info.shape, info.strides, strict=True)) + item
    if info.numel and not (begin <= info.start and last <= end and info.nbytes <= end - begin):
        raise CheckpointError(f"{path}: {info.name} {info.shape} does not fit the {end - begin:,} bytes that the file has for it")
    return info


def _contiguous(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    strides, step = [], item
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


# safetensors ---------------------------------------------------------------------------------------------------------


def _read_safetensors(path: Path, size: int) -> list[TensorInfo]:
    def damaged(why: str) -> CheckpointError:
        return CheckpointError(f"{path}: not a complete safetensors file ({why}). Copy or download it again")

    with path.open("rb") as stream:
        head = stream.read(8)
        if len(head) < 8:
            raise damaged("it has no header")
        (length,) = struct.unpack("<Q", head)
        if length > _MOST_HEADER:
            raise damaged(f"its header would take {length:,} bytes")
        text = stream.read(length)
    if len(text) < length:
        raise damaged("its header is cut short")
    try:
        header = json.loads(text, object_pairs_hook=_no_name_twice)
    except (ValueError, RecursionError) as error:
        raise damaged(str(error).splitlines()[0][:200]) from None
    if not isinstance(header, dict) or len(header) > _MOST_TENSORS:
        raise damaged("its header is not a list of tensors")
    data, found = 8 + length, []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        kind = entry.get("dtype") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind in UNREAD_SAFETENSORS:
            raise CheckpointError(f"{path}: {name[:100]} has numbers of type {kind}, which cannot be read; save it as float32 or bfloat16")
        info = _safetensors_entry(name, entry, data)
        if info is None:
            raise damaged(f"the entry {name[:100]!r} is not a tensor")
        begin, end = (data + o for o in entry["data_offsets"])
        if end > size or end - begin != info.nbytes:
            raise damaged(f"{name[:100]} does not lie inside it")
        found.append(_checked(path, info, begin, end))
    return found


def _safetensors_entry(name: str, entry: Any, data: int) -> TensorInfo | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str) or entry["dtype"] not in BY_SAFETENSORS:
        return None
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    for numbers, most in ((shape, 8), (offsets, 2)):
        if not isinstance(numbers, list) or len(numbers) > most or any(type(n) is not int or not 0 <= n < 1 << 48 for n in numbers):
            return None
    assert isinstance(shape, list)
    assert isinstance(offsets, list)
    if len(offsets) != 2 or offsets[1] < offsets[0]:
        return None
    dtype = BY_SAFETENSORS[entry["dtype"]]
    strides = _contiguous(tuple(shape), dtype.nbytes)
    return TensorInfo(name, dtype.name, tuple(shape), data + offsets[0], strides)


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


# torch.save ----------------------------------------------------------------------------------------------------------


def _read_torch(path: Path, begin: bytes) -> list[TensorInfo]:
    if not begin.startswith(b"PK"):
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES)
        try:
            # Read only for its error: a forbidden name is reported, anything else is too old or not a checkpoint.
            read_pickle(content, str(path))
        except DamagedPickle:
            if begin and not begins_like_weights(begin):
                raise CheckpointError(f"{path}: not a checkpoint; it is neither a safetensors file nor one of torch.save") from None
            raise
        raise CheckpointError(f"{path}: not an archive of tensors. If torch before 1.6 wrote it, load and save it with a newer torch")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {m.filename: m for m in archive.infolist()}
            pickles = [name for name in members if name.endswith("data.pkl") and name.count("/") <= 1]
            if len(pickles) != 1 or len(members) > _MOST_TENSORS:
                raise CheckpointError(f"{path}: a zip archive, but not one of torch.save")
            if members[pickles[0]].file_size > MOST_BYTES:
                raise CheckpointError(f"{path}: refused, because its list of tensors takes {members[pickles[0]].file_size:,} bytes")
            base = pickles[0].removesuffix("data.pkl")
            order = members.get(base + "byteorder")
            if order is not None and order.file_size < 16 and archive.read(order) != b"little":
                raise CheckpointError(f"{path}: written on a big-endian machine, which is not supported. Save it again on another machine")
            content = read_pickle(archive.read(pickles[0]), str(path))
            state = _state_dict(content)
            if state is None:
                raise CheckpointError(f"{path}: not a flat state dict of tensors")
            with path.open("rb") as stream:
                return [_torch_entry(path, stream, members, base, name, tensor) for name, tensor in state.items()]
    except CheckpointError:
        raise
    except (*DAMAGED_ZIP, KeyError, IndexError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: not a complete checkpoint ({reason}). Copy or download it again") from None


def _state_dict(content: Any) -> dict[str, StoredTensor] | None:
    """The flat dict of tensors: the content itself, or the part of it under a usual name."""
    if not isinstance(content, dict):
        return None
    tensors = {k: v for k, v in content.items() if isinstance(v, StoredTensor)}
    if content and len(tensors) == len(content) and all(isinstance(k, str) for k in content):
        return tensors
    section = next((content[name] for name in _SECTIONS if isinstance(content.get(name), dict)), None)
    return _state_dict(section) if section is not None else None


def _torch_entry(
    path: Path, stream: BinaryIO, members: dict[str, zipfile.ZipInfo], base: str, name: str, tensor: StoredTensor
) -> TensorInfo:
    storage = tensor.storage
    item = DTYPES[storage.dtype].nbytes
    record = members.get(f"{base}data/{storage.key}")
    if record is None:
        raise CheckpointError(f"{path}: not a complete checkpoint (the numbers of {name[:100]} are missing). Copy or download it again")
    if record.compress_type != zipfile.ZIP_STORED or record.file_size != record.compress_size:
        raise CheckpointError(f"{path}: refused, because the numbers of {name[:100]} are compressed, which torch.save never does")
    # The local header repeats the name and has an extra field of its own length, which pads the numbers to an even place.
    stream.seek(record.header_offset)
    local = stream.read(30)
    if len(local) < 30 or local[:4] != b"PK\x03\x04":
        raise CheckpointError(f"{path}: not a complete checkpoint (a header is missing). Copy or download it again")
    begin = record.header_offset + 30 + sum(struct.unpack("<HH", local[26:30]))
    end = begin + record.file_size
    if end > path.stat().st_size or storage.numel * item > record.file_size or len(tensor.shape) != len(tensor.strides):
        raise CheckpointError(f"{path}: {name[:100]} does not fit the {record.file_size:,} bytes that the file has for it")
    strides = tuple(s * item for s in tensor.strides)
    return _checked(path, TensorInfo(name, storage.dtype, tensor.shape, begin + tensor.offset * item, strides), begin, end)


def renamed(info: TensorInfo, name: str) -> TensorInfo:
    return replace(info, name=name)
