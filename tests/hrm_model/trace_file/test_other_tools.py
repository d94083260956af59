"""Traces that went through other programs: attributes as arrays, further entries, other filters, a user block, files open elsewhere."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from hrm_model.errors import TraceFileError
from hrm_model.trace.data import Trace
from hrm_model.trace_file.extras import Extras, Record
from hrm_model.trace_file.io import TraceReader, TraceWriter, check, read, write
from tests.paths import ROOT

EXTRAS = Extras("a title", records=(Record("kind", {"a": 1}, {"x": np.arange(4.0)}),), attention={(0, 0): np.ones((1, 3, 3), "f4")})


@pytest.fixture
def path(trace: Trace, tmp_path: Path) -> Path:
    return write(tmp_path / "t.h5", trace, extras=[EXTRAS])


def the_same(path: Path, trace: Trace) -> None:
    (entry,) = check(path)
    assert entry.steps == len(trace)
    found = read(path)
    assert found.z_H is not None
    assert trace.z_H is not None
    assert found.z_H.tobytes() == trace.z_H.tobytes()
    assert (found.prediction == trace.prediction).all()
    assert found.puzzle.text == trace.puzzle.text
    with TraceReader(path) as reader:
        extras = reader.extras()
    assert extras.title == EXTRAS.title
    assert extras.records[0].arrays["x"].tolist() == [0, 1, 2, 3]
    assert extras.attention[0, 0].shape == (1, 3, 3)


def _as_arrays(kind: Callable[[object], object]) -> Callable[[str, h5py.Group | h5py.Dataset], None]:
    def change(_: str, found: h5py.Group | h5py.Dataset) -> None:
        for name in ("format", "format_version", "NX_class", "states", "step", "layer"):
            if name in found.attrs:
                value = found.attrs[name]
                value = value.decode() if isinstance(value, bytes) else int(value)
                del found.attrs[name]
                found.attrs[name] = kind(value)

    return change


@pytest.mark.parametrize(
    "kind",
    [
        lambda value: [value],
        lambda value: [[[value]]],
        lambda value: [value.encode()] if isinstance(value, str) else np.array([value], np.uint8),
        lambda value: np.array([value], h5py.string_dtype()) if isinstance(value, str) else float(value),
    ],
    ids=["a list", "several axes", "bytes", "text of any length, floating-point numbers"],
)
def test_attributes_as_arrays(path: Path, trace: Trace, kind: Callable[[object], object]) -> None:
    with h5py.File(path, "r+") as file:
        change = _as_arrays(kind)
        change("/", file)
        file.visititems(change)
    the_same(path, trace)


def test_single_values_as_arrays(path: Path, trace: Trace) -> None:
    with h5py.File(path, "r+") as file:
        for where in ("trace/complete", "trace/title", "trace/puzzle/task", "trace/puzzle/text", "trace/model/config"):
            value = file[where][()]
            del file[where]
            file[where] = [value]
    the_same(path, trace)


def test_entries_of_other_programs_are_passed_over(path: Path, trace: Trace) -> None:
    with h5py.File(path, "r+") as file:
        for name in ("entry", "a_note"):
            entry = file.create_group(name)
            entry.attrs["NX_class"] = "NXentry"
            entry["title"] = "corrected"
            entry.create_group("process").attrs["NX_class"] = "NXprocess"
    the_same(path, trace)


def test_a_damaged_trace_is_not_taken_for_another_programs_entry(path: Path) -> None:
    for part in ("steps", "puzzle"):
        hurt = path.with_name(f"{part}.h5")
        shutil.copy(path, hurt)
        with h5py.File(hurt, "r+") as file:
            del file[f"trace/{part}"]
        with pytest.raises(TraceFileError, match=f"/trace/{part} is missing"):
            check(hurt)


@pytest.mark.skipif(shutil.which("h5repack") is None, reason="needs the HDF5 tools")
@pytest.mark.parametrize(
    "how",
    [
        ["-f", "GZIP=9"],
        ["-f", "SHUF", "-f", "GZIP=1"],
        ["-f", "SZIP=8,NN"],
        ["-f", "NBIT"],
        ["-f", "FLET"],
        ["-f", "NONE"],
        ["-l", "CONTI"],
        ["-l", "CHUNK=4"],
        ["-L"],
        ["-S", "PAGE", "-G", "4096"],
        ["--low=0"],
        ["--low=1", "--high=2"],
        ["-f", "SOFF=0,IN"],
    ],
    ids=" ".join,
)
def test_repacked(path: Path, trace: Trace, how: list[str]) -> None:
    other = path.with_name("repacked.h5")
    done = subprocess.run(
        ["h5repack", *how, path.name, other.name], cwd=path.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    the_same(other, trace)


@pytest.mark.parametrize("size", [512, 2048])
def test_a_block_of_another_program_before_the_file(path: Path, trace: Trace, size: int) -> None:
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(size) + path.read_bytes())
    the_same(path, trace)


@pytest.mark.parametrize("options", [{"compression": "lzf"}, {"compression": "lzf", "shuffle": True}, {"scaleoffset": True}], ids=str)
def test_packed_by_h5py(path: Path, trace: Trace, options: dict[str, object]) -> None:
    other = path.with_name("packed.h5")
    with h5py.File(path) as source, h5py.File(other, "w") as target:

        def visit(name: str, found: h5py.Group | h5py.Dataset) -> None:
            if isinstance(found, h5py.Group):
                made: h5py.Group | h5py.Dataset = target.require_group(name)
            else:
                packs = found.shape and 0 not in found.shape and found.dtype.kind in ("iu" if "scaleoffset" in options else "iuf")
                made = target.create_dataset(name, data=found[()], **options if packs else {})
            for attribute in set(found.attrs) - {"REFERENCE_LIST", "DIMENSION_LIST"}:
                made.attrs[attribute] = found.attrs[attribute]

        source.visititems(visit)
        for attribute, value in source.attrs.items():
            target.attrs[attribute] = value
    the_same(other, trace)


# Files that others have open, and file systems without locks -----------------------------------------------------------------


@pytest.mark.parametrize("dies", [False, True])
def test_open_for_writing_in_another_program(path: Path, dies: bool) -> None:
    ending = "os._exit(1)" if dies else "time.sleep(60)"
    code = f"import h5py, os, time; f = h5py.File({str(path)!r}, 'r+', libver='latest'); f.flush(); print('open', flush=True); {ending}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            if dies:
                other.wait(30)
            with pytest.raises(TraceFileError, match=r"another program has it open for writing, or ended without closing it") as caught:
                check(path)
            assert "corrupt" not in str(caught.value)
        finally:
            other.kill()


def test_reading_and_writing_need_no_locks(tmp_path: Path, trace: Trace) -> None:
    """Some file systems have none (ENOLCK): nothing here may depend on one."""
    with TraceWriter(tmp_path / "t.h5") as writer:
        writer.write(trace)
        with writer.part.open("rb+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError if the writer held a lock
    with (tmp_path / "t.h5").open("rb+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        check(tmp_path / "t.h5")


# The child that reads first --------------------------------------------------------------------------------------------------


def test_the_child_finds_packages_where_its_parent_does(path: Path, tmp_path: Path) -> None:
    """Packages on PYTHONPATH or in a user's folder are no reason to call a trace damaged."""
    site = Path(h5py.__file__).parents[1]
    bare = tmp_path / "bare"
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no venv here")
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(site)!r}]; from hrm_model.trace_file.io import check; print(len(check({str(path)!r})))"
    done = subprocess.run([bare / "bin" / "python", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "1\n", done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda guard, patch: patch.setattr(guard, "search_path", list), "No module named 'hrm_model'"),
        (lambda guard, patch: patch.setattr(guard.sys, "executable", "/there/is/no/python"), "No such file or directory"),
        (lambda guard, patch: patch.setattr(guard, "_CHILD", "import os; os.abort()"), "signal 6"),
    ],
    ids=["packages are missing", "Python is missing", "it crashes before it begins"],
)
def test_a_child_that_does_not_start_is_not_the_files_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., None], words: str
) -> None:
    from hrm_model.trace_file import guard

    change(guard, monkeypatch)
    with pytest.raises(TraceFileError, match="could not be checked, because the process that checks trace files did not start") as caught:
        guard.scan(path)
    assert words in str(caught.value)
    assert "corrupt" not in str(caught.value)


def test_a_child_that_the_system_ends_is_not_the_files_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.trace_file import guard

    monkeypatch.setattr(guard, "_CHILD", "import os, sys; print('started', flush=True); os.kill(os.getpid(), 9)")
    with pytest.raises(TraceFileError, match="the system ended the process that checks it"):
        guard.scan(path)


def test_a_child_that_is_slow_to_start_is_not_the_files_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hrm_model.trace_file import guard

    monkeypatch.setattr(guard, "_CHILD", "import time; time.sleep(60)")
    with pytest.raises(TraceFileError, match="did not start within 1 s"):
        guard.scan(path, seconds=1)
