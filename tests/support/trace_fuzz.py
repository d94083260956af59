"""Damaged trace files: `python -m tests.support.trace_fuzz [COUNT]` reads so many of them, each in a process of its own.

It prints the outcome of each: refused with a message, read (the damage hit nothing that matters), crashed the HDF5 library, or took too long.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

SECONDS = 5


def old_format(path: Path) -> Path:
    """A copy in HDF5's first format, whose metadata carries no checksums: damage reaches the library's insides."""
    copy = path.with_suffix(".old.h5")
    with h5py.File(path) as source, h5py.File(copy, "w", libver=("earliest", "v108")) as target:

        def visit(name: str, found: h5py.Group | h5py.Dataset) -> None:
            if isinstance(found, h5py.Group):
                made = target.require_group(name)
            else:
                chunks = tuple(min(c, n) for c, n in zip(found.chunks, found.shape, strict=True)) if found.chunks else None
                kept = {"chunks": chunks, "compression": found.compression, "shuffle": found.shuffle, "fletcher32": found.fletcher32}
                made = target.create_dataset(name, data=found[()], dtype=found.dtype, **kept if chunks else {})
            for attribute, value in found.attrs.items():
                if attribute not in ("REFERENCE_LIST", "DIMENSION_LIST"):
                    made.attrs.create(attribute, value, dtype=found.attrs.get_id(attribute).dtype)

        source.visititems(visit)
        for name, value in source.attrs.items():
            target.attrs.create(name, value, dtype=source.attrs.get_id(name).dtype)
    return copy


def mutations(good: bytes, seed: int) -> Iterator[bytes]:
    """Endless ways to damage a file: bits, bytes, numbers, cuts, gaps, doubled and exchanged stretches; mostly where metadata is."""
    rng = np.random.default_rng(seed)
    metadata = np.flatnonzero(np.frombuffer(good, np.uint8) != 0)
    while True:
        data, kind = bytearray(good), int(rng.integers(8))
        at = int(rng.choice(metadata)) if rng.random() < 0.8 else int(rng.integers(len(data)))
        for _ in range(int(rng.integers(1, 4))):
            if kind == 0:
                data[at % len(data)] ^= 1 << int(rng.integers(8))
            elif kind == 1:
                data[at % len(data)] = int(rng.choice([0, 1, 127, 128, 255, rng.integers(256)]))
            elif kind == 2:
                size = int(rng.choice([2, 4, 8]))
                data[at : at + size] = bytes([255] * size) if rng.random() < 0.5 else rng.bytes(size)
            elif kind == 3:
                del data[int(rng.integers(len(data))) :]
            elif kind == 4:
                del data[at : at + int(rng.integers(1, 64))]
            elif kind == 5:
                data[at:at] = rng.bytes(int(rng.integers(1, 64)))
            elif kind == 6:
                other, size = int(rng.choice(metadata)), int(rng.integers(4, 512))
                data[at : at + size] = good[other : other + size]
            else:
                data[at : at + int(rng.integers(8, 4096))] = bytes(int(rng.integers(8, 4096)))
            if not data:
                break
            at = int(rng.choice(metadata)) if rng.random() < 0.8 else at + int(rng.integers(1, 32))
        yield bytes(data)


def _read(path: str) -> None:
    """In a process of its own. Exit code 0: read, 3: refused."""
    import resource

    from hrm_model.errors import TraceFileError
    from hrm_model.trace_file.io import TraceReader

    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with TraceReader(path) as reader:
            for name in reader.names:
                reader.scan(name)
    except TraceFileError:
        os._exit(3)
    os._exit(0)


def outcome(path: Path) -> str:
    """'read', 'refused', 'signal 11', 'too long' …"""
    process = multiprocessing.get_context("fork").Process(target=_read, args=(str(path),))
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        process.join()
        return "too long"
    return {0: "read", 3: "refused"}.get(process.exitcode or 0, f"exit code {process.exitcode}")


def main(count: int) -> None:
    from hrm_model.trace_file.io import write
    from tests.benchmarks.trace_file import noise

    with tempfile.TemporaryDirectory() as folder:
        new = write(Path(folder) / "good.h5", noise("sudoku-4x4", 16, 17, 6, width=8, segments=2))
        for name, good in (("as written", new), ("first format", old_format(new))):
            assert outcome(good) == "read", name
            found: Counter[str] = Counter()
            slowest = 0.0
            for k, data in zip(range(count), mutations(good.read_bytes(), 1), strict=False):
                bad = Path(folder) / "bad.h5"
                bad.write_bytes(data)
                begin = time.perf_counter()
                told = outcome(bad)
                slowest = max(slowest, time.perf_counter() - begin)
                found[told] += 1
                if told not in ("read", "refused") and len(sys.argv) > 2:
                    (Path(sys.argv[2]) / f"{name.replace(' ', '_')}_{k}.h5").write_bytes(data)
            print(f"{name}: {count} damaged files, slowest {slowest:.2f} s: {dict(found)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
