"""Pictures and animations of a trace, made in this process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from pytestqt.qtbot import QtBot

from hrm_model.analysis.core import solved_step, verdict
from hrm_model.analysis.story import count_words
from hrm_model.assets import model_dir
from hrm_model.checkpoint.format import load
from hrm_model.recording import record
from hrm_model.tasks.read import parse_any
from hrm_model.trace.data import PuzzleInfo, Trace
from hrm_studio.export.spec import VIEWS, Spec
from hrm_studio.render.pictures import export
from hrm_studio.theme import DARK, LIGHT
from tests.support.puzzles import STARTER_4


@pytest.fixture(scope="module")
def trace() -> Trace:
    task, grid = parse_any(STARTER_4)
    puzzle = PuzzleInfo(task.name, task.to_tokens(grid), task.to_tokens(task.solve(grid)), STARTER_4)
    return record(load(model_dir("sudoku-4x4"), "cpu"), puzzle, "sudoku-4x4", segments=4)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("views", [*((view,) for view in VIEWS), VIEWS])
def test_any_view_is_a_picture(qtbot: QtBot, trace: Trace, tmp_path: Path, views: tuple[str, ...], theme: Literal["light", "dark"]) -> None:
    path = export(trace, Spec("png", views, theme, width=900, title="A title"), tmp_path / "t.png")
    with Image.open(path) as image:
        assert image.width == 900
        pixels = np.asarray(image.convert("RGB"))
    ground = {"light": LIGHT, "dark": DARK}[theme].window
    assert pixels[1, 1].tolist() == [int(ground[k : k + 2], 16) for k in (1, 3, 5)]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 30  # something is drawn
    assert [p.name for p in tmp_path.iterdir()] == ["t.png"]


def test_states_and_curves_are_there_when_the_picture_is_taken(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    """They are fitted in a thread; a picture must wait for it."""
    with Image.open(export(trace, Spec("png", ("states",), width=600, captions=False), tmp_path / "t.png")) as image:
        colours = {tuple(c) for c in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()}
    for name in (LIGHT.level_H, LIGHT.level_L):
        assert tuple(int(name[k : k + 2], 16) for k in (1, 3, 5)) in colours


def test_the_same_trace_gives_the_same_file(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    for kind in ("png", "svg", "pdf", "gif"):
        spec = Spec(kind, VIEWS, width=800, last=8)
        first = export(trace, spec, tmp_path / f"a.{kind}").read_bytes()
        time.sleep(1.1 if kind == "pdf" else 0)  # Qt writes the second into it
        assert export(trace, spec, tmp_path / f"b.{kind}").read_bytes() == first, kind


def test_a_gif_plays_each_step_and_stays_at_the_end(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = export(trace, Spec("gif", width=340, speed=10, hold=1.5, whole=True), tmp_path / "t.gif", lambda *at: told.append(at))
    assert told == [(k, 24) for k in range(1, 25)]
    with Image.open(path) as image:
        frames, times = [], []
        for k in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(k)
            times.append(image.info["duration"])
            frames.append(np.asarray(image.convert("RGB")).copy())
    assert times == [100] * 23 + [1600]
    assert all((a != b).any() for a, b in zip(frames, frames[1:], strict=False))
    still = export(trace, Spec("png", width=340), tmp_path / "t.png")
    with Image.open(still) as image:
        apart = np.abs(frames[-1].astype(int) - np.asarray(image.convert("RGB")).astype(int))
    assert apart.mean() < 3  # a GIF's few colours are near enough


def test_an_animation_ends_a_segment_after_the_solution(trace: Trace) -> None:
    solved = solved_step(trace)
    assert solved is not None
    steps = Spec("gif").steps(trace)
    assert steps[0] == 0
    assert steps[-1] == trace.segment_end(min(3, int(trace.segment[solved]) + 1))
    assert Spec("gif", whole=True).steps(trace) == list(range(24))
    assert Spec("gif", first=3, last=5).steps(trace) == [3, 4, 5]


def test_frames_are_numbered_pictures(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    for _ in range(2):  # the second takes the place of the first
        folder = export(trace, Spec("frames", ("board",), width=320, first=8, last=11), tmp_path / "frames")
    assert sorted(p.name for p in folder.iterdir()) == [f"step_{k:02}.png" for k in (8, 9, 10, 11)]
    assert [p.name for p in tmp_path.iterdir()] == ["frames"]


def test_svg_and_pdf_hold_lines_and_letters(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    tree = ElementTree.parse(export(trace, Spec("svg", VIEWS, width=1000), tmp_path / "t.svg"))
    tags = [element.tag.rpartition("}")[2] for element in tree.iter()]
    assert tags.count("text") > 40  # digits, ticks, captions
    words = " ".join("".join(element.itertext()) for element in tree.iter() if element.tag.endswith("text"))
    assert "Segment 4: the slow module H updates its plan" in words
    assert " · ".join(count_words(verdict(trace).counts, len(trace) - 1)) in words  # as in the app
    assert tags.count("polyline") + tags.count("path") > 20
    pdf = export(trace, Spec("pdf", VIEWS, width=1000), tmp_path / "t.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/Type /Page\n" in pdf


def test_mp4(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = export(trace, Spec("mp4", width=341, speed=10, hold=1, whole=True), tmp_path / "t.mp4")
    frames, seconds = ffmpeg.count_frames_and_secs(str(path))
    assert frames == 24 + 10
    assert seconds == pytest.approx(3.4, abs=0.2)
    again = export(trace, Spec("mp4", width=341, speed=10, hold=1, whole=True), tmp_path / "again.mp4")
    assert path.read_bytes() == again.read_bytes()


def test_a_cancelled_or_failed_export_leaves_what_was_there(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "t.gif"
    path.write_bytes(b"before")

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(trace, Spec("gif", width=320), path, stop)
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["t.gif"]
    with pytest.raises(OSError, match="cannot be written"):
        export(trace, Spec("png"), tmp_path / "nowhere" / "t.png")


def test_a_trace_without_states_or_of_no_known_task_is_drawn_all_the_same(qtbot: QtBot, trace: Trace, tmp_path: Path) -> None:
    from dataclasses import replace

    odd = replace(trace, z_H=None, z_L=None, puzzle=replace(trace.puzzle, task="riddles", solution=None))
    assert export(odd, Spec("png", VIEWS, width=900), tmp_path / "t.png").stat().st_size > 1000
