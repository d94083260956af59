"""`python -m tests.benchmarks.monkey [SECONDS] [SEED]`: a long monkey at the window. Ends with exit code 1 after an exception, a Qt warning or a leak."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import traceback
from collections import deque
from pathlib import Path

import psutil

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from hrm_studio.app import make_application
from hrm_studio.main_window import MainWindow
from hrm_studio.theme import Theme
from tests.support.monkey import Monkey, keep_in_the_cage, widgets_by_type


def play(seconds: float, seed: int, folder: Path) -> list[str]:
    """Counts faults, and prints each when it happens, with the last actions of the monkey."""
    faults: list[str] = []
    last: deque[str] = deque(maxlen=8)  # what the monkey did; libraries keep our hook for good, so it must not hold the monkey

    def tell(fault: str) -> None:
        if fault not in faults:
            print(fault, "after", *last, sep="\n  ", flush=True)
        faults.append(fault)

    def message(kind: QtMsgType, context: object, text: str) -> None:
        if "This plugin does not support" not in text:  # known warnings of the offscreen platform
            tell(f"Qt: {text}")

    window = MainWindow(Theme("light"))
    monkey = Monkey(window, seed, folder, last)
    sys.excepthook = lambda kind, error, trace: tell("".join(traceback.format_exception(error)))
    qInstallMessageHandler(message)
    window.show()
    window.begin()
    with pytest.MonkeyPatch.context() as patch:
        keep_in_the_cage(patch)
        monkey.play(seconds)
    there = sum(widgets_by_type().values())
    window.close()
    window.deleteLater()
    QApplication.processEvents()
    qInstallMessageHandler(None)
    sys.excepthook = sys.__excepthook__
    print(f"{monkey.done.total():,} actions in {seconds:.0f} s (seed {seed}): {dict(monkey.done)}; {there} widgets at the end")
    return faults


def main(seconds: float, seed: int) -> int:
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HRM_STUDIO_HOME"] = folder
        make_application(["monkey"])
        before = widgets_by_type()
        faults = play(seconds, seed, Path(folder))
        leaked = widgets_by_type() - before
    print(f"{len(faults)} exceptions or Qt warnings; {leaked.total()} widgets outlived the window {dict(leaked)}")
    print(f"memory of the process at its end: {psutil.Process().memory_info().rss / 1e6:.0f} MB")
    return 1 if faults or leaked else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1200.0, int(sys.argv[2]) if len(sys.argv) > 2 else 1))
