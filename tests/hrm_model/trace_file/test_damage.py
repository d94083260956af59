"""Files that are not traces, are damaged or are malicious: each is refused with a sentence that names it, in bounded time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hrm_model.errors import TraceFileError
from hrm_model.trace.data import Trace
from hrm_model.trace_file import guard as trace_guard
from hrm_model.trace_file.io import TraceReader, check, info, read, write
from tests.paths import ROOT
from tests.support.trace_fuzz import mutations, old_format, outcome

MANY = 60  # damaged files of each kind; `python -m tests.support.trace_fuzz 5000` reads many more
Change = Callable[[h5py.File, Path], object]


@pytest.fixture
def path(trace: Trace, tmp_path: Path) -> Path:
    return write(tmp_path / "t.h5", trace)


def refused(path: Path, words: str) -> None:
    """By each way in, with the name and without a second line."""
    for way in (info, check):
        begin = time.perf_counter()
        with pytest.raises(TraceFileError) as caught:
            way(path)
        told = str(caught.value)
        assert told.startswith(f"{path}: "), told
        assert words in told
        assert "\n" not in told
        assert time.perf_counter() - begin < 200


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"hello", "not an HDF5 file"),
        (b"PK\x03\x04" + bytes(100), "a zip archive, not a trace"),
        (b"\x89HDF\r\n\x1a\n", "corrupt"),
        (b"\x89HDF\r\n\x1a\n" + bytes(5000), "corrupt"),
        (None, "no such file"),
    ],
)
def test_files_that_are_not_traces(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "t.h5"
    if content is not None:
        path.write_bytes(content)
    refused(path, words)


def test_a_folder_and_a_pipe(tmp_path: Path) -> None:
    refused(tmp_path, "not a file")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "not a file")


def test_cut_anywhere(path: Path) -> None:
    whole = path.read_bytes()
    for size in np.linspace(1, len(whole) - 1, 40, dtype=int).tolist():
        path.write_bytes(whole[:size])
        with pytest.raises(TraceFileError, match="t.h5: "):
            info(path)
    refused(path, "corrupt")


def _replace(file: h5py.File, where: str, **how: object) -> None:
    del file[where]
    file.create_dataset(where, **how)


def _attribute(file: h5py.File, where: str, name: str, value: object) -> None:
    file[where].attrs[name] = value


CHANGES: dict[str, tuple[Change, str]] = {
    "another program's file": (lambda f, _: f.attrs.__delitem__("format"), "an HDF5 file, but not a trace"),
    "another format": (lambda f, _: _attribute(f, "/", "format", "NeXus"), "an HDF5 file, but not a trace"),
    "a format that is a list": (lambda f, _: _attribute(f, "/", "format", ["hrm-trace"] * 3), "an HDF5 file, but not a trace"),
    "a newer version": (lambda f, _: _attribute(f, "/", "format_version", 99), "is of format version 99; this version of HRM Studio reads up to 3. Update HRM Studio."),
    "a version that is none": (lambda f, _: _attribute(f, "/", "format_version", "one"), "format version 'one', which does not exist"),
    "no trace in it": (lambda f, _: f.__delitem__("trace"), "contains no trace"),
    "no steps": (lambda f, _: f.__delitem__("trace/steps"), "/trace/steps is missing"),
    "no levels": (lambda f, _: f.__delitem__("trace/steps/level"), "/trace/steps/level is missing"),
    "a group for an array": (lambda f, _: (f.__delitem__("trace/steps/level"), f.create_group("trace/steps/level")), "is not a dataset"),
    "floating-point levels": (lambda f, _: _replace(f, "trace/steps/level", data=np.zeros(18)), "has type float64; integers are needed"),
    "text for numbers": (lambda f, _: _replace(f, "trace/steps/z_H", data=np.full((7, 17, 16), b"x")), "has type |S1"),
    "records for numbers": (lambda f, _: _replace(f, "trace/steps/level", shape=(18,), dtype=[("a", "i4"), ("b", "f8")]), "has type"),
    "references": (lambda f, _: _replace(f, "trace/steps/level", shape=(18,), dtype=h5py.ref_dtype), "has type object"),
    "lists of lists": (lambda f, _: _replace(f, "trace/steps/level", shape=(18,), dtype=h5py.vlen_dtype("i4")), "has type object"),
    "too few rows": (lambda f, _: _replace(f, "trace/steps/z_H", data=np.zeros((3, 17, 16), "f4")), "fewer than its steps refer to"),
    "other widths": (lambda f, _: _replace(f, "trace/steps/z_H", data=np.zeros((7, 17, 8), "f4")), "have different shapes"),
    "too few positions": (
        lambda f, _: [_replace(f, f"trace/steps/z_{k}", data=np.zeros((n, 5, 16), "f4")) for k, n in (("H", 7), ("L", 13))],
        "has 5 positions",
    ),
    "one state only": (lambda f, _: f.__delitem__("trace/steps/z_L"), "only one of z_H and z_L"),
    "other lengths": (lambda f, _: _replace(f, "trace/steps/level", data=np.zeros(17, "i4")), "arrays of different lengths"),
    "no steps at all": (
        lambda f, _: [f[f"trace/steps/{k}"].resize(0, axis=0) for k in f["trace/steps"] if not k.startswith("z_")],
        "has no steps",
    ),
    "other cells": (lambda f, _: _replace(f, "trace/puzzle/given", data=np.ones(15, "i4")), "15 is needed"),
    "no cells": (lambda f, _: _replace(f, "trace/puzzle/given", shape=(0,), dtype="i4"), "has 0 cells"),
    "too large a task": (lambda f, _: _replace(f, "trace/puzzle/task", data="sudoku-9x9"), "claims the task sudoku-9x9"),
    "unknown tokens": (lambda f, _: f["trace/puzzle/given"].write_direct(np.full(16, 77)), "has tokens from 77 to 77"),
    "tokens below zero": (lambda f, _: f["trace/steps/prediction"].__setitem__((0, 0), -1), "has tokens from -1"),
    "an unknown level": (lambda f, _: f["trace/steps/level"].__setitem__(3, 5), "level contains 5"),
    "segments that jump": (lambda f, _: f["trace/steps/segment"].__setitem__(17, 9), "segment does not count"),
    "rows that jump": (lambda f, _: f["trace/steps/h_row"].__setitem__(4, 2), "h_row does not count"),
    "rows below zero": (lambda f, _: f["trace/steps/l_row"].__setitem__(0, -1), "l_row does not count"),
    "too many Q values": (lambda f, _: [f[f"trace/segments/{k}"].resize(9, axis=0) for k in ("q_halt", "q_continue")], "9, 9 values for 3 segments"),
    "a config that is no JSON": (lambda f, _: _replace(f, "trace/model/config", data="{"), "config is not JSON"),
    "a config that is a list": (lambda f, _: _replace(f, "trace/model/config", data="[]"), "config is not a JSON object"),
    "a config that never ends": (lambda f, _: _replace(f, "trace/model/config", data="[" * 200_000), "config is not JSON"),
    "a long text": (lambda f, _: _replace(f, "trace/model/config", data="1" * (3 << 20)), "up to 1048576 are read"),
    "a text that is none": (lambda f, _: _replace(f, "trace/puzzle/task", data=np.bytes_(b"\xff\xfe")), "is not text in UTF-8"),
    "terabytes that are not there": (lambda f, _: _vast(f, 1 << 20, 1 << 12), "declares 140,737.5 GB; at most"),
    "sizes beyond any number": (lambda f, _: _vast(f, 1 << 30, 1 << 30), "GB; at most"),
    "a gigabyte that is not there": (
        lambda f, _: [_replace(f, f"trace/steps/z_{k}", shape=(n, 17, 1 << 21), dtype="f4", chunks=(1, 17, 64)) for k, n in (("H", 7), ("L", 13))],
        "that are not in the file",
    ),
    "chunks of gigabytes": (
        lambda f, _: _replace(f, "trace/steps/level", shape=(18,), maxshape=(None,), dtype="i4", chunks=(1 << 29,)), "has chunks of",
    ),
    "another filter": (lambda f, _: _packed(f, 307), "packed by filter 307, which is not supported. `h5repack -f GZIP=4` makes a file that is"),
    "a link to another file": (lambda f, d: _link(f, h5py.ExternalLink(str(d / "other.h5"), "/trace/steps/z_H")), "is a link to another place"),
    "a link within": (lambda f, _: _link(f, h5py.SoftLink("/trace/steps/z_L")), "is a link to another place"),
    "a link to itself": (lambda f, _: _link(f, h5py.SoftLink("/trace/steps/z_H")), "is a link to another place"),
    "an entry elsewhere": (lambda f, d: (f.__delitem__("trace"), f.__setitem__("trace", h5py.ExternalLink(str(d / "other.h5"), "/trace"))), "contains no trace"),
    "data in another file": (
        lambda f, d: _replace(f, "trace/steps/z_H", shape=(7, 17, 16), dtype="f4", external=[(str(d / "secret"), 0, h5py.h5f.UNLIMITED)]),
        "keeps its data in other files",
    ),
    "data put together from other files": (lambda f, d: _virtual(f, d), "keeps its data in other files"),
    "a group within itself": (lambda f, _: (f.__delitem__("trace/steps"), f["trace"].__setitem__("steps", f["trace"])), "/trace/steps/segment is missing"),
    "attention of nothing": (lambda f, _: f.create_dataset("trace/attention/step_1", data=np.zeros((1, 2, 2))), "has no attributes step and layer"),
    "a record that declares too much": (lambda f, _: _record(f, (1 << 20, 1 << 20)), "more than may be read"),
    "a record of nothing": (lambda f, _: f.create_group("trace/records/record_1"), "/trace/records/record_1/arrays is missing"),
    "a branch of nothing": (lambda f, _: f.create_group("trace/branch"), "/trace/branch/parent is missing"),
    "thousands of groups": (lambda f, _: [f.create_group(f"g{k}") for k in range(10_001)], "at most 10000 are read"),
}  # fmt: skip


def _vast(file: h5py.File, rows: int, width: int) -> None:
    for name in ("z_H", "z_L"):
        _replace(file, f"trace/steps/{name}", shape=(rows, width, width), dtype="f4", chunks=(1, 64, 64))


def _record(file: h5py.File, shape: tuple[int, ...]) -> None:
    record = file.create_group("trace/records/record_1")
    record["kind"], record["about"] = "landscape", "{}"
    record.create_dataset("arrays/energy", shape, "f8", chunks=(1, 64))


def _packed(file: h5py.File, number: int) -> None:
    """levels with a filter that HDF5 does not have; it lets one be named that a writer may leave out."""
    del file["trace/steps/level"]
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((18,))
    plan.set_filter(number, h5py.h5z.FLAG_OPTIONAL)
    h5py.h5d.create(file["trace/steps"].id, b"level", h5py.h5t.STD_I32LE, h5py.h5s.create_simple((18,)), plan)


def _link(file: h5py.File, link: object) -> None:
    del file["trace/steps/z_H"]
    file["trace/steps/z_H"] = link


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((7, 17, 16), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "trace/steps/z_H", (7, 17, 16))
    del file["trace/steps/z_H"]
    file.create_virtual_dataset("trace/steps/z_H", layout)


@pytest.mark.parametrize("name", CHANGES)
def test_wrong_inside(path: Path, tmp_path: Path, name: str) -> None:
    change, words = CHANGES[name]
    (tmp_path / "other.h5").write_bytes(path.read_bytes())
    (tmp_path / "secret").write_bytes(bytes(7 * 17 * 16 * 4))
    with h5py.File(path, "r+") as file:
        change(file, tmp_path)
    with pytest.raises(TraceFileError) as caught:
        _read_all(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def _read_all(path: Path) -> None:
    with TraceReader(path) as reader:
        for name in reader.names:
            reader.scan(name)


def test_a_compressed_bomb_is_refused_before_it_unfolds(path: Path) -> None:
    nothing = zlib.compress(bytes(4 << 22))
    with h5py.File(path, "r+") as file:
        for name, rows in (("z_H", 7), ("z_L", 13)):
            del file[f"trace/steps/{name}"]
            bomb = file.create_dataset(f"trace/steps/{name}", (rows, 17, 1 << 22), "f4", chunks=(1, 1, 1 << 22), compression="gzip")
            for row, position in np.ndindex(rows, 17):
                bomb.id.write_direct_chunk((row, position, 0), nothing)
    assert path.stat().st_size < 8_000_000
    refused(path, "declares 5.7 GB; at most 4.3 GB may be read")


def test_a_flipped_bit_in_the_data_is_found(path: Path, trace: Trace) -> None:
    assert trace.z_H is not None
    data = path.read_bytes()
    at = data.index(trace.z_H[2].tobytes()) + 100
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    for way in (check, read):
        with pytest.raises(TraceFileError, match="corrupt: row 2 of /trace/steps/z_H differs from what was written"):
            way(path)
    with TraceReader(path) as reader:
        reader.step("trace", 0)  # other rows are whole
        with pytest.raises(TraceFileError, match="row 2 of /trace/steps/z_H"):
            reader.step("trace", int(np.flatnonzero(trace.h_row == 2)[0]))


def test_states_without_sums_are_read(path: Path, trace: Trace) -> None:
    with h5py.File(path, "r+") as file:
        del file["trace/steps/crc_H"], file["trace/steps/crc_L"]
    found = read(path)
    assert found.z_H is not None
    assert trace.z_H is not None
    assert found.z_H.tobytes() == trace.z_H.tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.parametrize("first_format", [False, True])
def test_damage_of_every_kind(path: Path, first_format: bool) -> None:
    good = old_format(path) if first_format else path
    bad = path.with_name("bad.h5")
    found: Counter[str] = Counter()
    for _, data in zip(range(MANY), mutations(good.read_bytes(), seed=int(first_format)), strict=False):
        bad.write_bytes(data)
        found[outcome(bad)] += 1
    assert found["refused"] > MANY // 3
    assert set(found) <= {"refused", "read"}


# The child that reads first --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "corrupt; it crashes the HDF5 library (signal 11)"),
        ("import time; time.sleep(60)", "could not be read within 1 s"),
        ("[None for _ in iter(int, 1)]", "reading it takes the HDF5 library forever"),
        ("raise SystemExit('gone')", "corrupt; it crashes the HDF5 library (gone)"),
        ("bytearray(3 << 30)", "needs more than 2 GB of memory"),
    ],
)
def test_whatever_happens_to_the_child_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str) -> None:
    assert "from hrm_model.trace_file.guard import child" in trace_guard._CHILD
    hurt = trace_guard._CHILD.replace(
        "from hrm_model.trace_file.guard import child",
        f"import hrm_model.trace_file.guard as g; g.TraceReader = lambda *a, **k: exec({code!r}); child = g.child",
    )
    monkeypatch.setattr(trace_guard, "_CHILD", hurt)
    with pytest.raises(TraceFileError) as caught:
        trace_guard.scan(path, seconds=1 if "sleep" in code else 30)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_plug_in_is_never_loaded(path: Path, tmp_path: Path) -> None:
    """A file that names an unknown filter makes HDF5 look for its code; the check comes before."""
    (tmp_path / "plugins").mkdir()
    with h5py.File(path, "r+") as file:
        _packed(file, 307)  # bzip2
    code = f"from hrm_model.trace_file.io import read; read({str(path)!r}, guard=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "packed by filter 307" in done.stderr
