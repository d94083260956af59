"""Helpers to write and read HDF5. Reading trusts nothing: links, sizes and types are checked."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np

from hrm_model.errors import TraceError, TraceFileError
from hrm_model.trace.data import Array

MAX_CHUNK = 256 << 20  # bytes
MAX_TEXT = 1 << 20
_MOST_AXES = 8
_PIECE = 4 << 20  # bytes that are read or written at once
# Those of HDF5 itself and LZF, which h5py brings; no other filter's code is ever looked for.
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_SZIP,
    h5py.h5z.FILTER_NBIT, h5py.h5z.FILTER_SCALEOFFSET, h5py.h5z.FILTER_LZF,
}  # fmt: skip


# Writing ---------------------------------------------------------------------------------------------------------------


def write_attributes(where: Any, **values: str | int | Sequence[str]) -> None:
    """Attributes. Text is written as UTF-8 of fixed length, which every reader knows."""
    for name, value in values.items():
        if isinstance(value, int):
            where.attrs[name] = value
        else:
            encoded = [v.encode() for v in ([value] if isinstance(value, str) else value)]
            kind = h5py.string_dtype("utf-8", max(1, *(len(e) for e in encoded)))
            where.attrs.create(name, np.array(encoded[0] if isinstance(value, str) else encoded, kind), dtype=kind)


def write_text(group: h5py.Group, name: str, value: str) -> None:
    """A text as a scalar dataset of fixed length in UTF-8."""
    encoded = value.encode()
    if len(encoded) > MAX_TEXT:
        raise TraceError(f"{name} is a text of {len(encoded):,} bytes; up to {MAX_TEXT:,} are kept")
    kind = h5py.string_dtype("utf-8", max(1, len(encoded)))
    group.create_dataset(name, data=np.array(encoded, kind), dtype=kind)


def make_collection(group: h5py.Group, name: str) -> h5py.Group:
    """A plain group (NeXus calls it NXcollection)."""
    made = group.create_group(name)
    write_attributes(made, NX_class="NXcollection")
    return made


def row_sums(array: Array) -> Array:
    """The CRC-32 of each row's bytes, little end first, (rows,)."""
    stored = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return np.array([zlib.crc32(row) for row in stored], np.uint32)


# Reading ---------------------------------------------------------------------------------------------------------------


def member(group: h5py.Group, name: str, kind: type, *, missing_ok: bool = False) -> Any:
    """A member of a group, if it is in this file at this place and not behind a link."""
    there = name.encode() in group.id
    link = group.id.links.get_info(name.encode()).type if there else None
    if link == h5py.h5l.TYPE_HARD:
        found = group[name]
        if isinstance(found, kind):
            return found
    if missing_ok:
        return None
    where = f"{group.name.rstrip('/')}/{name}"
    if not there:
        raise TraceFileError(f"{where} is missing")
    raise TraceFileError(
        f"{where} is a link to another place" if link != h5py.h5l.TYPE_HARD else f"{where} is not a {kind.__name__.lower()}"
    )


def member_names(group: h5py.Group, most: int) -> list[str]:
    """The members of a group. TraceFileError if there are more than `most`."""
    count = group.id.get_num_objs()
    if count > most:
        raise TraceFileError(f"{group.name} has {count} members; at most {most} are read")
    return [group.id.get_objname_by_idx(k).decode("utf-8", "replace") for k in range(count)]


def numbers(group: h5py.Group, name: str, shape: tuple[int | None, ...] | None, kinds: str, *, optional: bool = False) -> Any:
    """A dataset of numbers that can safely be read, of this shape (None: any); None if it is optional and missing."""
    if optional and name.encode() not in group.id:
        return None
    found = _dataset(group, name)
    if found.dtype.kind not in kinds or found.dtype.itemsize > 8:
        raise TraceFileError(f"{found.name} has type {found.dtype}; {'integers' if 'i' in kinds else 'floating-point numbers'} are needed")
    if shape == () and math.prod(found.shape) == 1:
        return found  # other programs keep single numbers as arrays
    if shape is not None and (
        len(found.shape) != len(shape) or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True))
    ):
        wanted = " × ".join("any" if s is None else str(s) for s in shape)
        raise TraceFileError(f"{found.name} has shape {found.shape}; {wanted} is needed")
    return found


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    found = member(group, name, h5py.Dataset)
    plan = found.id.get_create_plist()
    if plan.get_external_count() or plan.get_layout() == h5py.h5d.VIRTUAL:
        raise TraceFileError(f"{found.name} keeps its data in other files")
    if found.shape is None:
        raise TraceFileError(f"{found.name} is empty")
    filters = {plan.get_filter(k)[0] for k in range(plan.get_nfilters())}
    unread = {number for number in filters if number not in _FILTERS or not h5py.h5z.filter_avail(number)}
    if unread:
        raise TraceFileError(
            f"{found.name} is packed by filter {max(unread)}, which is not supported. `h5repack -f GZIP=4` makes a file that is"
        )
    if found.chunks is not None and math.prod(found.chunks) * found.dtype.itemsize > MAX_CHUNK:
        raise TraceFileError(f"{found.name} has chunks of {found.chunks}, larger than {MAX_CHUNK >> 20} MB")
    return found


def pieces(dataset: h5py.Dataset, rows: int) -> list[slice]:
    """The first rows in whole chunks, of some megabytes each."""
    a_row = max(1, math.prod(dataset.shape[1:]) * dataset.dtype.itemsize)
    chunk = dataset.chunks[0] if dataset.chunks else 1
    size = max(chunk, _PIECE // a_row // chunk * chunk)
    return [slice(start, min(rows, start + size)) for start in range(0, rows, size)]


def load(dataset: h5py.Dataset, end: int | None = None, first: int = 0) -> Array:
    """The rows from `first` to before `end` (all of them) in the machine's byte order."""
    rows = (len(dataset) if end is None else end) - first
    found = np.empty((rows, *dataset.shape[1:]), dataset.dtype.newbyteorder("="))
    for piece in pieces(dataset, rows) if found.size else ():
        dataset.read_direct(found, np.s_[first + piece.start : first + piece.stop], piece)
    return found


def scalar(group: h5py.Group, name: str, *, default: int) -> int:
    found = numbers(group, name, (), "iu", optional=True)
    return default if found is None else int(found[()].item())


def read_text(group: h5py.Group, name: str, *, default: str | None = None) -> str:
    if default is not None and name.encode() not in group.id:
        return default
    found = _dataset(group, name)
    kind = h5py.check_string_dtype(found.dtype)
    if math.prod(found.shape) != 1 or len(found.shape) > _MOST_AXES or kind is None:
        raise TraceFileError(f"{found.name} is not a text")
    if (kind.length or 0) > MAX_TEXT:
        raise TraceFileError(f"{found.name} is a text of {kind.length} bytes; up to {MAX_TEXT} are read")
    return _decoded(_single(found[()]), found.name)


def attribute(where: Any, name: str) -> str | int | None:
    """A text or an integer; None if there is no such attribute, or one of another type.

    Other programs write them as arrays of one element, and whole numbers as floating-point numbers.
    """
    if not h5py.h5a.exists(where.id, name.encode()):
        return None
    attribute = where.attrs.get_id(name)
    shape = attribute.shape
    if shape is None or math.prod(shape) != 1 or len(shape) > _MOST_AXES or attribute.get_storage_size() > MAX_TEXT:
        return None
    value = _single(where.attrs[name])
    if h5py.check_string_dtype(attribute.dtype) is not None:
        return _decoded(value, f"{where.name}, attribute {name}")
    return int(value) if attribute.dtype.kind in "iuf" and value == value // 1 else None


def _single(value: Any) -> Any:
    """The one element of an array of one; else the value itself."""
    return value.reshape(-1)[0] if isinstance(value, np.ndarray) else value


def _decoded(value: Any, where: str) -> str:
    encoded = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    if len(encoded) > MAX_TEXT:
        raise TraceFileError(f"{where} is a text of {len(encoded)} bytes; up to {MAX_TEXT} are read")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise TraceFileError(f"{where} is not text in UTF-8") from None
