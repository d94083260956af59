"""The types of numbers that a checkpoint may contain, and their names in NumPy, safetensors and torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DType:
    """One type of numbers."""

    name: str  # torch's
    numpy: np.dtype[Any]  # how its bytes are read; bfloat16, which numpy lacks, as its bits
    safetensors: str
    storage: str  # torch's class, as a pickle names it

    @property
    def nbytes(self) -> int:
        """Bytes of one number."""
        return self.numpy.itemsize


DTYPES = {
    name: DType(name, np.dtype(numpy), safetensors, f"torch {storage}")
    for name, numpy, safetensors, storage in (
        ("float32", "<f4", "F32", "FloatStorage"),
        ("float64", "<f8", "F64", "DoubleStorage"),
        ("float16", "<f2", "F16", "HalfStorage"),
        ("bfloat16", "<u2", "BF16", "BFloat16Storage"),
        ("int64", "<i8", "I64", "LongStorage"),
        ("int32", "<i4", "I32", "IntStorage"),
        ("int16", "<i2", "I16", "ShortStorage"),
        ("int8", "i1", "I8", "CharStorage"),
        ("uint8", "u1", "U8", "ByteStorage"),
        ("bool", "?", "BOOL", "BoolStorage"),
    )
}
BY_SAFETENSORS = {dtype.safetensors: dtype for dtype in DTYPES.values()}
UNREAD_SAFETENSORS = {"F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "U16", "U32", "U64", "C64"}
BY_STORAGE = {dtype.storage: dtype for dtype in DTYPES.values()}


def as_float32(array: NDArray[Any], dtype: str) -> NDArray[np.float32]:
    """An array that was read as `DTYPES[dtype].numpy`, as float32."""
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)
