"""A studio that is always busy, to be killed: `python -m tests.support.busy_studio EXPORTS`.

Its window is open on $HRM_STUDIO_HOME. It starts a small run whenever none of its own is training, keeps traces, changes settings and exports pictures
into the folder EXPORTS, without end. It prints a line for each thing that is done.
"""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QTimer

from hrm_studio.app import make_application
from hrm_studio.export.spec import Spec
from hrm_studio.main_window import MainWindow
from hrm_studio.models.runs import RunsModel
from hrm_studio.services.exporter import Exporter
from hrm_studio.theme import Theme
from tests.support.runs import small
from tests.support.traces import FOUR, sudoku_info, synthetic

RUN = {"steps": 60, "checkpoint_every": 5, "evaluate_every": 30}  # of each run that it starts


def main(exports: Path) -> None:
    app = make_application(["busy"])
    window = MainWindow(Theme("light"))
    window.show()
    window.begin()
    trace, library, numbers = synthetic(sudoku_info(FOUR), segments=2), window.studio.trace_library, itertools.count()
    runs, exporter = RunsModel(parent=window), Exporter(window)
    runs.begin()
    mine: list[object] = []

    def tell(words: str) -> None:
        print(words, flush=True)

    def train() -> None:
        if not any(run in runs.live for run in mine):
            mine.append(runs.start_new(small(**RUN)))
            tell("trains")

    def record() -> None:
        library.keep_automatically(trace)
        window.studio.settings.setValue("crowd", next(numbers))
        window.studio.settings.sync()

    def export() -> None:
        if not exporter.running and library.traces:
            exporter.start(library.traces[-1].path, "", Spec("png"), exports / f"{os.getpid()}-{next(numbers)}.png")

    library.changed.connect(lambda: tell("recorded"))
    exporter.finished.connect(lambda path: tell("exported"))
    timers = [QTimer(window, interval=interval) for interval in (500, 100, 100)]
    for timer, act in zip(timers, (train, record, export), strict=True):
        timer.timeout.connect(act)
        timer.start()
    train()
    sys.exit(app.exec())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
