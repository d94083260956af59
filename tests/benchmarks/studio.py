"""`python -m tests.benchmarks.studio`: start, GUI thread, and cursor moves of the real window, printed and not asserted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

CURSOR_MOVES = 200


def start() -> None:
    """In a fresh process: seconds to the first paint, to the first trace, until the solution stands on screen; worst gap between heartbeats."""
    begin = time.perf_counter()
    from PySide6.QtCore import QTimer

    from hrm_studio.app import make_application, open_window

    application = make_application(["bench"])
    window = open_window()
    window.repaint()
    painted = time.perf_counter() - begin
    torch_there = "torch" in sys.modules
    beats: list[float] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start(5)
    traced = solved = 0.0
    while time.perf_counter() - begin < 60 and not (solved and not window.traces.running):
        application.processEvents()
        time.sleep(0.001)
        if window.traces.trace is not None and not traced:
            traced = time.perf_counter() - begin
        if "solved" in window.explore.transport.counts.text() and not solved:
            solved = time.perf_counter() - begin
    gaps = np.diff(beats) * 1000
    print(f"window painted {painted:.2f} s (torch imported: {torch_there}), first steps {traced:.2f} s, solved on screen {solved:.2f} s")
    when = beats[int(gaps.argmax())] - begin
    print(f"GUI thread, worst gap of 5 ms heartbeats: {gaps.max():.0f} ms at {when:.2f} s, 99.9 %: {np.percentile(gaps, 99.9):.0f} ms")
    window.close()


def work() -> None:
    """Worst gap between heartbeats while the window does its heaviest work."""
    from PySide6.QtCore import QTimer

    from hrm_studio.app import make_application, open_window

    application = make_application(["bench"])
    window = open_window()
    traces, panel, trigger = window.traces, window.explore.panel, window.actions_table.by_name["theme"].trigger
    beats: list[float] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start(5)

    def until(condition: Callable[[], bool], seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not condition() and time.perf_counter() < end:
            application.processEvents()
            time.sleep(0.001)

    def settled() -> bool:
        return traces.trace is not None and not traces.running and not window.player.playing

    def measure(name: str, act: Callable[[], object]) -> None:
        until(lambda: False, 0.3)
        beats[:] = [time.perf_counter()]
        act()
        until(lambda: False, 0.5)
        until(settled, 60)
        print(f"GUI thread, worst gap while {name}: {np.diff(beats).max() * 1000:.0f} ms")

    until(settled, 60)
    measure("the theme changes", trigger)
    measure("the window is resized", lambda: window.resize(1024, 700))
    measure("a puzzle is generated and solved", lambda: panel.generate.click())
    panel.segments.setValue(200)
    measure("200 segments are computed and played", lambda: (window.player.set_speed(120), panel.example.click()))
    measure("1,200 steps are scrubbed", lambda: [(traces.set_cursor(k), application.processEvents()) for k in range(0, 1200, 5)])
    window.close()


def cursor(task: str, width: int, segments: int = 16, panels: tuple[str, ...] = ()) -> None:
    """One cursor move with all views that are shown repainted. `panels`: those that are brought in front of their tabs."""
    from hrm_studio.app import make_application
    from hrm_studio.main_window import MainWindow
    from hrm_studio.theme import Theme
    from tests.support.traces import arc_info, maze_info, sudoku_info, synthetic

    application = make_application(["bench"])
    # Not open_window(): it would solve its first puzzle, and that trace would replace this one.
    window = MainWindow(Theme())
    window.show()
    info = {"sudoku": sudoku_info, "maze": maze_info, "arc": arc_info}[task]()
    trace = synthetic(info, segments=segments, width=width)

    def until(condition: Callable[[], bool], seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not condition() and time.perf_counter() < end:
            application.processEvents()

    until(lambda: False, 0.5)
    begin, busy = time.perf_counter(), time.thread_time()
    window.traces.open(trace, cursor=0)
    application.processEvents()
    opened, opening = (time.perf_counter() - begin) * 1000, (time.thread_time() - busy) * 1000
    for panel in panels:
        window.explore.docks[panel].raise_()
    until(lambda: bool(window.explore.states.points), 120)
    until(lambda: False, 0.5)
    times, computing = [], []
    for k in range(CURSOR_MOVES):
        begin, busy = time.perf_counter(), time.thread_time()
        window.traces.set_cursor(k * 7 % len(trace))
        application.processEvents()
        times.append((time.perf_counter() - begin) * 1000)
        computing.append((time.thread_time() - busy) * 1000)
    shown = f", {' and '.join(panels)} in front" if panels else ""
    print(
        f"cursor move, {info.task}, D = {width}, {len(trace)} steps ({trace.nbytes() / 1e6:.0f} MB){shown}: "
        f"median {np.median(times):.1f} ms, 99 % {np.percentile(times, 99):.1f} ms "
        f"(of this thread's own time {np.median(computing):.1f} and {np.percentile(computing, 99):.1f} ms); opening it {opened:.0f} ms ({opening:.0f})"
    )
    window.close()


_CURSORS: dict[str, Callable[[], None]] = {
    "sudoku": lambda: cursor("sudoku", 512),
    "sudoku-panels": lambda: cursor("sudoku", 512, panels=("Attention", "Cells")),
    "maze": lambda: cursor("maze", 512),
    "maze-panels": lambda: cursor("maze", 512, panels=("Attention", "Cells")),
    "arc": lambda: cursor("arc", 128),
    "long": lambda: cursor("sudoku", 128, segments=512),
}

if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if len(sys.argv) > 1:
        {"start": start, "work": work, **_CURSORS}[sys.argv[1]]()
    else:
        for part in ("start", "start", "start", "work", "work", "work", *_CURSORS):
            with tempfile.TemporaryDirectory() as home:
                subprocess.run(
                    [sys.executable, "-m", "tests.benchmarks.studio", part], check=True, env={**os.environ, "HRM_STUDIO_HOME": home}
                )
