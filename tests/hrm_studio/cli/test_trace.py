"""`hrm-studio trace` as a shell sees it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from hrm_model.assets import find_model
from hrm_model.checkpoint.format import sha256
from hrm_model.trace_file.io import TraceReader, info, read, read_all
from hrm_studio.cli import main as cli
from hrm_studio.cli import trace as cli_trace
from tests.paths import ROOT
from tests.support.cli import run
from tests.support.puzzles import STARTER_4


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("traces") / "t.h5"
    result = run("trace", "record", STARTER_4, "--segments", "3", "--out", str(path))
    assert result.exit_code == 0, result.stderr
    assert "3 segments, 18 steps, solved, states full" in result.stdout
    return path


def test_info_prints_one_object(recorded: Path) -> None:
    found = json.loads(run("trace", "info", str(recorded), "--json").stdout)
    assert {k: found[k] for k in ("task", "model", "segments", "steps", "solved", "states", "bytes")} == {
        "task": "sudoku-4x4", "model": "sudoku-4x4", "segments": 3, "steps": 18, "solved": True, "states": "full",
        "bytes": recorded.stat().st_size,
    }  # fmt: skip
    assert len(found["traces"]) == 1
    assert read(recorded).puzzle.text == STARTER_4


def test_recording_keeps_what_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    options = ["--segments", "2", "--model", "sudoku-4x4", "--no-previews", "--json", "--out", str(path)]
    asked = ["trace", "record", STARTER_4, *options, "--states"]
    for states, shape in (("float16", (np.float16, 17)), ("pooled", (np.float32, 1)), ("none", None)):
        assert json.loads(run(*asked, states).stdout)["states"] == states
        trace = read(path)
        assert (None if trace.z_L is None else (trace.z_L.dtype, trace.z_L.shape[1])) == shape
        assert (trace.prediction[1] == trace.prediction[0]).all()  # no preview: the earlier answer is repeated


def test_check_is_silent_about_whole_files_and_exits_with_2_for_others(recorded: Path, tmp_path: Path) -> None:
    assert "1 trace, 18 steps, complete" in run("trace", "check", str(recorded)).stdout
    short = tmp_path / "short.h5"
    short.write_bytes(recorded.read_bytes()[:-2000])
    torn = tmp_path / "torn.h5"
    torn.write_bytes(recorded.read_bytes())
    with h5py.File(torn, "r+") as file:
        file["trace/complete"][()] = 0
    for path, words in ((short, "corrupt"), (torn, "was interrupted"), (tmp_path / "nowhere.h5", "no such file")):
        result = run("trace", "check", str(path))
        assert result.exit_code == 2
        assert str(path) in result.stderr
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    run("trace", "merge", str(torn), "--out", str(tmp_path / "mended.h5"))
    assert run("trace", "check", str(tmp_path / "mended.h5")).exit_code == 0


def test_many_puzzles_of_a_file_are_traces_of_one_file(tmp_path: Path) -> None:
    puzzles, out = tmp_path / "p.txt", tmp_path / "all.h5"
    puzzles.write_text(f"{STARTER_4}\n{STARTER_4[::-1]}\n{STARTER_4}\n")
    result = run("trace", "record", str(puzzles), "--most", "2", "--segments", "2", "--states", "pooled", "--out", str(out))
    assert result.exit_code == 0, result.stderr
    assert [entry.title for entry in info(out)] == ["Puzzle 1", "Puzzle 2"]
    first, second = read_all(out)
    assert (first.puzzle.text, second.puzzle.text) == (STARTER_4, STARTER_4[::-1])
    assert first.model.sha256 == sha256(find_model("sudoku-4x4"))


def test_merge_puts_all_into_one(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.h5"
    for files, count in (([recorded, recorded], 2), ([out, recorded, out], 5)):
        assert run("trace", "merge", *map(str, files), "--out", str(out)).exit_code == 0
        assert [len(trace) for trace in read_all(out)] == [18] * count
    assert run("trace", "merge", str(recorded), "--out", str(out), "--states", "none").exit_code == 0
    assert read(out).z_H is None


def test_tables_hold_the_traces_numbers(recorded: Path, tmp_path: Path) -> None:
    trace = read(recorded)
    assert run("trace", "export", str(recorded), "--csv", "--out", str(tmp_path / "t.csv")).exit_code == 0
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert len(rows) == 18
    assert rows[-1]["answer"].isdigit()
    assert rows[-1]["solved"] == "1"
    assert [float(r["q_halt"]) for r in rows if r["q_halt"]] == trace.q_halt.tolist()
    assert run("trace", "export", str(recorded), "--npy", "--out", str(tmp_path / "arrays")).exit_code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "arrays" / "z_L.npy"), trace.z_L)
    np.testing.assert_array_equal(np.load(tmp_path / "arrays" / "given.npy"), trace.puzzle.given)


def test_pictures_are_made_without_a_display(recorded: Path, tmp_path: Path) -> None:
    result = run("trace", "export", str(recorded), "--gif", "--out", str(tmp_path / "t.gif"), "--width", "320", "--whole")
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "t.gif") as image:
        assert (image.n_frames, image.width) == (18, 320)  # type: ignore[attr-defined]
    result = run("trace", "export", str(recorded), "--png", "--scale", "2", "--views", "board", "--out", str(tmp_path / "t.png"))
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "t.png") as image:
        assert image.width == 960


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("record", STARTER_4, "--out", "/nowhere/t.h5"), "/nowhere/t.h5: cannot be written"),
        (("record", STARTER_4, "--out", "t.h5", "--states", "some"), "Unknown --states 'some'"),
        (("record", "123", "--out", "t.h5"), "3 cells"),
        (("info", "/nowhere.h5"), "/nowhere.h5: no such file"),
        (("export", "FILE"), "Choose a format: --gif"),
        (("export", "FILE", "--png", "--gif", "--out", "x"), "--out names one file"),
        (("export", "FILE", "--png", "--trace", "2"), "there is no number 2"),
        (("export", "FILE", "--png", "--views", "boards"), "Unknown view 'boards'"),
        (("export", "FILE", "--png", "--step", "18"), "step 18 does not exist"),
        (("export", "FILE", "--gif", "--first", "9", "--last", "3"), "steps 9 to 3 are not a valid range"),
        (("export", "FILE", "--png", "--width", "99999"), "width must be between 320 and 8192, not 99999"),
        (("export", "FILE", "--png", "--out", "/nowhere/t.png"), "/nowhere/t.png: cannot be written"),
        (("merge", "FILE", "/nowhere.h5", "--out", "m.h5"), "/nowhere.h5: no such file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    result = run("trace", *(str(recorded) if a == "FILE" else a for a in arguments))
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_file_alone_opens_the_studio(recorded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[Path] = []
    monkeypatch.setattr("hrm_studio.app.main", lambda path: opened.append(path))
    for argument in (str(recorded), "nowhere.h5"):
        monkeypatch.setattr(sys, "argv", ["hrm-studio", argument])
        with pytest.raises(SystemExit):
            cli.main()
    assert opened == [recorded]
    assert "nowhere.h5: there is no such file" in capsys.readouterr().err


def test_a_folder_alone_opens_the_studio_unless_it_has_a_commands_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    monkeypatch.setattr("hrm_studio.app.main", lambda path: opened.append(path))
    monkeypatch.chdir(tmp_path)
    for name in ("my-run", "runs"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(sys, "argv", ["hrm-studio", name])
        with pytest.raises(SystemExit):
            cli.main()
    assert opened == [Path("my-run")]


def whole_segments(part: Path) -> bool:
    try:
        return bool(info(part))
    except ValueError:
        return False


def test_a_killed_recording_leaves_what_was_there(recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    path.write_bytes(recorded.read_bytes())
    command = [sys.executable, "-m", "hrm_studio", "trace", "record", STARTER_4, "--segments", "100000", "--out", str(path)]
    part = path.with_name("t.h5.part")
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT) as process:
        while process.poll() is None and not whole_segments(part):
            time.sleep(0.05)
        process.kill()
    assert path.read_bytes() == recorded.read_bytes()
    found = json.loads(run("trace", "info", str(part), "--json").stdout)
    assert found["segments"] >= 1
    assert not found["traces"][0]["complete"]


def test_attention_is_kept_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.h5"
    asked = ["trace", "record", STARTER_4, "--attention", "--out", str(path)]
    for states in ("full", "none"):
        done = run(*asked, "--segments", "2", "--states", states)
        assert done.exit_code == 0, done.stderr
        with TraceReader(path) as reader:
            trace, attention = reader.read(), reader.extras().attention
        assert trace.has_states == (states == "full")
        layers = trace.model.config["L_layers"]
        assert sorted(attention) == [(step, layer) for step in range(len(trace)) for layer in range(layers)]
        for weights in attention.values():
            assert weights.shape[1:] == (16, 16)
            assert ((weights.sum(-1) > 0.05) & (weights.sum(-1) < 1.01)).all()  # the rest goes to the puzzle slot
    monkeypatch.setattr(cli_trace, "_MOST_ATTENTION", 1000)
    done = run(*asked)
    assert done.exit_code == 2
    assert "Use fewer --segments" in done.stderr
    assert path.exists()
