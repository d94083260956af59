"""Machines that lack something: characters, a display, fonts, a home folder; and those whose numbers look different."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from hrm_model.assets import find_model
from hrm_model.folders import home, person
from hrm_studio.app import make_application
from hrm_studio.models.opener import Opener, short_path
from hrm_studio.ui.widgets.number_box import NumberBox
from tests.paths import PUBLISHED_DATA, ROOT

PUZZLE = "1.....3..4.....2"

COMMANDS = """
import contextlib, sys
from hrm_studio.cli.main import main
for line in {lines!r}:
    sys.argv = ["hrm-studio", *line.split("\\t")]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), (line, end.code)
"""


def _environment(**changes: str | None) -> dict[str, str]:
    kept = {**os.environ, **changes}
    return {name: value for name, value in kept.items() if value is not None}


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437:strict"])
def test_every_command_prints_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    puzzles = tmp_path / "puzzles.txt"
    puzzles.write_text(PUZZLE + "\n")
    lines = [
        ["solve", PUZZLE, "--segments", "2"],
        ["eval", "sudoku-4x4", puzzles, "--segments", "2"],
        ["results"],
        ["trace", "record", PUZZLE, "--out", tmp_path / "tracé→.h5", "--segments", "2"],
        ["trace", "info", tmp_path / "tracé→.h5"],
        ["trace", "check", tmp_path / "tracé→.h5"],
        ["models", "list"],
        ["models", "inspect", "sudoku-4x4"],
        ["data", "info", PUBLISHED_DATA / "sudoku", "--show", "1"],
        ["data", "check", PUBLISHED_DATA / "maze"],
        ["runs", "list"],
        ["--help"],
        ["solve", "--help"],
    ]
    code = COMMANDS.format(lines=["\t".join(map(str, line)) for line in lines])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=_environment(PYTHONIOENCODING=encoding, HF_HUB_OFFLINE="1", COLUMNS="100"),
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"internal error" not in done.stderr
    printed = done.stdout.decode(encoding.partition(":")[0])
    assert "solved" in printed
    assert "trac" in printed
    if encoding == "ascii":
        assert "95 %: 20.65% to 100.00%" in printed
        assert "20.7% - 100.0%" in printed  # an en dash elsewhere


def test_without_a_display_it_is_one_sentence() -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere there always is one")
    done = subprocess.run(
        [sys.executable, "-m", "hrm_studio"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=_environment(DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM="xcb"),
        timeout=120,
    )
    assert done.returncode == 2
    assert "the window cannot open, because Qt finds no display" in done.stderr
    assert "The command line needs no display" in done.stderr


def test_without_fonts_it_says_so(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere there always are some")
    (tmp_path / "fonts.conf").write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{tmp_path}/none</dir></fontconfig>'
    )
    code = "from hrm_studio import app; app.open_window = lambda path: 1 / 0; app.QMessageBox.critical = lambda *_: None; app.main([])"
    for fonts, wanted in ((str(tmp_path / "fonts.conf"), True), (None, False)):
        environment = _environment(FONTCONFIG_FILE=fonts)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=120
        )
        assert ("this machine has no fonts" in done.stderr) == wanted


@pytest.mark.parametrize("language", ["de_DE", "fr_CH", "ar_EG", "fa_IR", "hi_IN"])
@pytest.mark.parametrize("typed", ["1.5", "1,5", "١٫٥", "१.५"])
def test_a_number_is_read_as_it_was_meant(qtbot: QtBot, language: str, typed: str) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        box = NumberBox(minimum=0.5, maximum=60, value=8, decimals=1, suffix=" steps/s")
        qtbot.addWidget(box)
        assert box.text() == "8.0 steps/s"
        box.selectAll()
        box.lineEdit().insert(typed)
        box.interpretText()
        assert box.value() == 1.5
        assert box.text() == "1.5 steps/s"
    finally:
        QLocale.setDefault(before)


def test_numbers_are_shown_in_one_script(qapp: QApplication) -> None:
    before = QLocale()
    QLocale.setDefault(QLocale("ar_EG"))
    try:
        make_application([])
        assert QLocale().toString(1234.5) == "1234.5"
    finally:
        QLocale.setDefault(before)


def test_recent_files_are_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "puzzle.txt").write_text(PUZZLE)
    settings = QSettings(str(tmp_path / "studio.ini"), QSettings.Format.IniFormat)
    settings.setValue("recent_files", ["../old/relative.h5", str(tmp_path / "b.h5")])
    opener = Opener(settings)
    assert opener.recent() == [tmp_path / "b.h5"]  # of a relative one nobody knows where it is
    monkeypatch.chdir(tmp_path / "a")
    asked: list[Path] = []
    opener.wanted.connect(lambda _, path: asked.append(path))
    opener.open(Path("puzzle.txt"))
    opener.opened(asked[0])
    monkeypatch.chdir(tmp_path)
    assert opener.recent()[0].read_text() == PUZZLE


def test_a_user_without_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container that runs under a number without a name."""

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HRM_STUDIO_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert person() == tmp_path
    assert home().parent == tmp_path
    assert home().is_absolute()
    assert short_path(tmp_path / "x.h5")


def test_results_that_cannot_be_kept_are_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "puzzles.txt").write_text(PUZZLE)
    done = subprocess.run(
        [sys.executable, "-m", "hrm_studio", "eval", str(find_model("sudoku-4x4")), str(tmp_path / "puzzles.txt"), "--segments", "2"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=_environment(HRM_STUDIO_HOME=str(tmp_path / "file")),
    )
    assert done.returncode == 0
    assert "whole puzzle right" in done.stdout
    assert "the result cannot be kept" in done.stderr
