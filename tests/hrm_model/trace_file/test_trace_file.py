"""Trace files: round trips, what other programs read, interrupted and failing writers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from silx.io.nxdata import NXdata, get_default

from hrm_model.analysis import core as analysis
from hrm_model.errors import TraceFileError
from hrm_model.formats import TRACE
from hrm_model.reasoning import reason
from hrm_model.recording import record
from hrm_model.trace.data import Trace
from hrm_model.trace_file.io import (
    STATES,
    Extras,
    Record,
    TraceReader,
    TraceWriter,
    check,
    info,
    read,
    read_all,
    size_estimate,
    write,
)
from hrm_model.trace_file.layout import path_of
from tests.paths import ROOT
from tests.support.models import tiny
from tests.support.traces import FOUR, sudoku_info

PUZZLE = sudoku_info(FOUR)


def same(a: Trace, b: Trace, *, but: tuple[str, ...] = ()) -> None:
    """Bit for bit, types and texts included."""
    for name in Trace.__dataclass_fields__:
        x, y = getattr(a, name), getattr(b, name)
        if name in but:
            continue
        if isinstance(x, np.ndarray):
            assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes()), name
        elif name == "puzzle":
            assert (x.task, x.text, x.given.tolist()) == (y.task, y.text, y.given.tolist())
            assert (x.solution is None) == (y.solution is None)
            assert x.solution is None or x.solution.tolist() == y.solution.tolist()
        else:
            assert x == y, name


def test_a_round_trip_is_exact(trace: Trace, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", trace)
    same(trace, read(path))
    (about,) = info(path)
    assert (about.task, about.model, about.segments, about.steps, about.states) == ("sudoku-4x4", "tiny ✓", 3, len(trace), "full")
    assert about.complete
    assert about.solved is (analysis.solved_step(trace) is not None)
    assert check(path) == [about]
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_odd_values_survive(trace: Trace, tmp_path: Path) -> None:
    assert trace.z_H is not None
    states = trace.z_H.copy()
    states[1, 0, :4] = [np.nan, np.inf, -0.0, 1e-42]
    odd = replace(
        trace, z_H=states, q_halt=np.array([np.nan, -np.inf, 3], np.float32), puzzle=replace(PUZZLE, solution=None, text="é\n\0x")
    )
    same(odd, read(write(tmp_path / "t.h5", odd), guard=False))


@pytest.mark.parametrize("states", STATES)
def test_states_are_kept_as_declared(trace: Trace, tmp_path: Path, states: str) -> None:
    back = read(write(tmp_path / "t.h5", trace, states=states), guard=False)
    same(trace, back, but=("z_H", "z_L"))
    for level in ("z_H", "z_L"):
        was, now = getattr(trace, level), getattr(back, level)
        if states == "none":
            assert now is None
        elif states == "pooled":
            np.testing.assert_array_equal(now, was.mean(axis=1, keepdims=True, dtype=np.float32))
        else:
            assert now.tobytes() == was.astype(np.float16 if states == "float16" else np.float32).tobytes()
    assert info(tmp_path / "t.h5")[0].states == states
    again = read(write(tmp_path / "again.h5", back), guard=False)  # what was lost stays lost, and the file still says so
    same(back, again)
    assert info(tmp_path / "again.h5")[0].states == states


def test_states_beyond_float16_are_refused_and_the_file_before_stays(trace: Trace, tmp_path: Path) -> None:
    assert trace.z_H is not None
    path = write(tmp_path / "t.h5", trace)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="65504"):
        write(path, replace(trace, z_H=trace.z_H + np.float32(1e5)), states="float16")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_several_traces_in_one_file(trace: Trace, tmp_path: Path) -> None:
    other = record(tiny(H_cycles=1), replace(PUZZLE, solution=None), "other", segments=12)
    path = write(tmp_path / "t.h5", [trace, other, trace], extras=[Extras("first")])
    a, b, c = read_all(path)
    same(trace, a)
    same(other, b)
    same(trace, c)
    same(other, read(path, 1, guard=False))
    same(other, read(path, "trace_2", guard=False))
    assert [i.title for i in info(path)] == ["first", "sudoku-4x4, other", "sudoku-4x4, tiny ✓"]
    assert [i.solved for i in info(path)][1] is None
    for wrong in (3, "trace_9"):
        with pytest.raises(TraceFileError, match="there is no trace number 3|no trace 'trace_9'"):
            read(path, wrong, guard=False)


def test_branches_records_and_attention_are_kept(trace: Trace, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(17), size=(2, 17)).astype(np.float32)
    landscape = Record(
        "landscape", {"span": 2.5, "around": "z_H"}, {"energy": rng.normal(size=(5, 5)), "arrows": rng.integers(0, 9, (5, 5, 2))}
    )
    records = (landscape, *(Record("kick", {"seed": k, "solved": True}) for k in range(12)))
    path = write(
        tmp_path / "t.h5", [trace, trace], extras=[Extras("a"), Extras("b", "trace", 7, records, {(3, 0): weights, (12, 1): weights})]
    )
    check(path)
    with TraceReader(path) as reader:
        assert reader.extras("trace") == Extras("a")
        found = reader.extras("trace_2")
        same(trace, reader.read("trace_2"))
    assert (found.title, found.parent, found.parent_step) == ("b", "trace", 7)
    assert [(r.kind, r.about) for r in found.records] == [(r.kind, r.about) for r in records]
    assert {k: (v.dtype, v.tolist()) for k, v in found.records[0].arrays.items()} == {
        k: (v.dtype, v.tolist()) for k, v in landscape.arrays.items()
    }
    assert set(found.attention) == {(3, 0), (12, 1)}
    np.testing.assert_array_equal(found.attention[12, 1], weights)
    with pytest.raises(ValueError, match="'../x' cannot be the name of an array"):
        Record("x", {}, {"../x": weights})


def test_a_file_of_version_1_is_read(tmp_path: Path) -> None:
    """Written by the code of that version, before there were branches, records and attention."""
    path = tmp_path / "v1.h5"
    shutil.copy(ROOT / "tests/data/trace_v1.h5", path)
    (about,) = check(path)
    assert (about.title, about.states, about.segments) == ("made by format version 1", "float16", 2)
    old = read(path)
    with TraceReader(path) as reader:
        assert reader.version == 1
        extras = reader.extras()
        assert extras == Extras("made by format version 1")
    write(path, old, extras=[extras])
    with TraceReader(path) as reader:
        assert reader.version == TRACE.version > 1
        same(old, reader.read())


def test_the_size_is_known_before(tmp_path: Path) -> None:
    model = tiny()
    trace = record(model, PUZZLE, segments=40)
    for states in STATES:
        size = write(tmp_path / "t.h5", trace, states=states).stat().st_size
        told = size_estimate(
            h_steps=int(trace.h_row[-1]), l_steps=int(trace.l_row[-1]), positions=model.config.positions, cells=16,
            width=model.config.hidden_size, vocabulary=model.config.vocab_size, states=states,
        )  # fmt: skip
        assert 0.5 < told / size < 2, (states, told, size)


@pytest.mark.parametrize("previews", [True, False])
def test_streaming_gives_the_same_file(trace: Trace, tmp_path: Path, previews: bool) -> None:
    model = tiny()
    whole = record(model, PUZZLE, "tiny ✓", segments=3, previews=previews)
    with TraceWriter(tmp_path / "s.h5") as writer:
        for title in ("one", "two"):
            writer.begin(PUZZLE, whole.model, Extras(title))
            for step in reason(model, PUZZLE.given, segments=3, previews=previews):
                writer.add(step)
    for back in read_all(tmp_path / "s.h5"):
        same(whole, back)
    write(tmp_path / "w.h5", [whole, whole], extras=[Extras("one"), Extras("two")])
    with h5py.File(tmp_path / "s.h5") as a, h5py.File(tmp_path / "w.h5") as b:
        names: list[str] = []
        a.visit(names.append)
        for name in names:
            if isinstance(a[name], h5py.Dataset):
                np.testing.assert_array_equal(a[name][()], b[name][()], err_msg=name)


# What other programs see -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("states", STATES)
def test_silx_finds_a_valid_default_plot_and_all_others(trace: Trace, tmp_path: Path, states: str) -> None:
    maze = replace(trace, puzzle=replace(PUZZLE, task="maze-4x4", solution=None))
    with h5py.File(write(tmp_path / "t.h5", [trace, maze], states=states)) as file:
        default = get_default(file)
        assert default is not None
        assert default.is_valid
        assert default.is_curve
        for entry in ("trace", "trace_2"):
            plots = [NXdata(g) for g in file[entry].values() if isinstance(g, h5py.Group) and g.attrs["NX_class"] == b"NXdata"]
            assert len(plots) >= 3
            assert all(plot.is_valid and plot.signal.size for plot in plots), [p.issues for p in plots]
            assert NXdata(file[f"{entry}/boards"]).is_stack
            assert get_default(file[entry]).is_valid


def test_derived_values_are_those_of_the_studio(trace: Trace, tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "t.h5", trace)) as file:
        found = file["trace/analysis"]
        np.testing.assert_allclose(found["residual"][:], analysis.residuals(trace), rtol=1e-6)
        np.testing.assert_allclose(found["violations"][:], analysis.violations(trace))
        np.testing.assert_allclose(found["accuracy"][:], analysis.accuracy(trace), rtol=1e-6)
        np.testing.assert_allclose(found["confidence"][:], analysis.confidence(trace), rtol=1e-6)
        np.testing.assert_array_equal(
            found["board"][:].reshape(len(trace), -1), np.maximum(trace.prediction, 1) - 1
        )  # pad is shown as blank
        for level, states in (("H", trace.z_H), ("L", trace.z_L)):
            assert states is not None
            flat = states.reshape(len(states), -1)
            plane = analysis.pca(flat)
            np.testing.assert_allclose(np.stack([found[f"pc{k}_{level}"][:] for k in (1, 2)], 1), plane(flat), atol=1e-3)
            np.testing.assert_allclose(found[f"explained_{level}"][:], plane.explained, rtol=1e-4)
        np.testing.assert_array_equal(found["row_step_H"][:], [-1, *np.flatnonzero(trace.level == 1)])


def test_the_path_of_long_runs_is_found_on_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    states = np.cumsum(np.random.default_rng(0).normal(size=(300, 4, 5)), axis=0).astype(np.float32)
    every, shares = path_of(states)
    monkeypatch.setattr("hrm_model.trace_file.layout._PATH_BYTES", 20_000)
    some, _ = path_of(states)
    assert every.shape == some.shape == (300, 2)
    assert shares.sum() > 0.6
    for k in range(2):
        assert abs(np.corrcoef(every[:, k], some[:, k])[0, 1]) > 0.98
    assert np.isnan(path_of(np.full((3, 2, 2), np.inf, np.float32))[0]).all()
    assert path_of(np.ones((3, 2, 2), np.float32))[0].tolist() == [[0, 0]] * 3


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="hdf5-tools are not installed")
def test_h5dump_reads_every_header_and_value(trace: Trace, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", trace)
    for arguments in (["-H"], ["-d", "/trace/steps/probability"], ["-d", "/trace/residuals/residual"]):
        told = subprocess.run(["h5dump", *arguments, str(path)], capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        assert not told.stderr


def test_neither_torch_nor_qt_is_needed(trace: Trace, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", trace)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['PySide6'] = None\n"
        f"from hrm_model.trace_file.io import read, write; write({str(path)!r} + '2', read({str(path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    same(trace, read(f"{path}2", guard=False))


# Interrupted and failing writers ---------------------------------------------------------------------------------------

_ENDLESS = """
import sys
from hrm_model.trace.data import *
from hrm_model.trace_file.io import *
import numpy as np
first = read(sys.argv[1], guard=False)
with TraceWriter(sys.argv[2]) as writer:
    for title in ("one", "two"):
        writer.begin(first.puzzle, first.model, Extras(title))
        for segment in range(3 if title == "one" else 1_000_000):
            for k in range(len(first) // 3):
                level = "LH"[first.level[k]]
                state = np.full(first.z_H.shape[1:], segment, np.float32)
                end = k == len(first) // 3 - 1
                writer.add(Step(segment, int(first.h_cycle[k]), int(first.l_step[k]), level, state, first.prediction[k], first.probability[k],
                                float(segment) if end else None, 0.0 if end else None, (state, state) if segment == k == 0 else None))
            print(segment, flush=True)
"""


def test_a_killed_writer_leaves_the_earlier_file_and_what_it_wrote(trace: Trace, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", trace)
    before = path.read_bytes()
    for kill in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", _ENDLESS, str(path), str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(5 + 3 * kill)]
            time.sleep(0.002 * kill)
            process.kill()
        assert path.read_bytes() == before
        (part,) = tmp_path.glob("*.part")
        one, two = check(part)
        assert (one.complete, one.segments, two.complete) == (True, 3, False)
        assert two.segments >= int(told[-1])  # the segment before the last printed one is on disk
        rest = read(part, 1)
        assert rest.z_H is not None
        np.testing.assert_array_equal(rest.q_halt, np.arange(two.segments))
        np.testing.assert_array_equal(rest.z_H[1:, 0, 0], rest.segment[rest.level == 1])
        part.unlink()


def test_an_exception_discards_what_was_written(trace: Trace, tmp_path: Path) -> None:
    path = write(tmp_path / "t.h5", trace)
    before = path.read_bytes()

    def broken() -> None:
        with TraceWriter(path) as writer:
            writer.write(trace)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        broken()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


_TOO_LARGE = """
import resource, signal, sys
from hrm_model.trace_file.io import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
trace = read(sys.argv[1], guard=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    write(sys.argv[1], [trace] * 4)
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit that Linux has")
@pytest.mark.parametrize("limit", [100, 3_000, 20_000, 60_000, 100_000, 200_000])
def test_where_no_more_can_be_written_the_earlier_file_is_whole(trace: Trace, tmp_path: Path, limit: int) -> None:
    path = write(tmp_path / "t.h5", trace)
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", _TOO_LARGE, str(path), str(limit)], capture_output=True, text=True, check=False, cwd=ROOT, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert f"{path}: cannot be written (File too large)" in done.stdout
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


@pytest.mark.parametrize("prepare", [lambda p: p / "nowhere" / "t.h5", lambda p: p])
def test_places_that_cannot_be_written_are_named(trace: Trace, tmp_path: Path, prepare: Callable[[Path], Path]) -> None:
    path = prepare(tmp_path)
    with pytest.raises(OSError, match="cannot be written") as caught:
        write(path, trace)
    assert str(path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_to_write(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no trace was written"):
        write(tmp_path / "t.h5", [])
    assert not list(tmp_path.iterdir())


def test_one_step_is_read_alone(trace: Trace, tmp_path: Path) -> None:
    with TraceReader(write(tmp_path / "t.h5", trace)) as reader:
        for step in (0, 4, len(trace) - 1):
            found = reader.step("trace", step)
            np.testing.assert_array_equal(found.z_H, trace.state_after(step, "H"))
            np.testing.assert_array_equal(found.z_L, trace.state_after(step, "L"))
            np.testing.assert_array_equal(found.prediction, trace.prediction[step])
            np.testing.assert_array_equal(found.probability, trace.probability[step])
        with pytest.raises(TraceFileError, match="no step 99"):
            reader.step("trace", 99)
