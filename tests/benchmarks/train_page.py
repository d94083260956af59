"""`python -m tests.benchmarks.train_page`: live plots with a million points while a thousand events a second arrive, printed and not asserted.

A child process appends events as a trainer does; the window follows them. Times are wall-clock, with the processor time of the window's
thread beside them: on a busy machine the two differ.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

POINTS, RATE, SECONDS = 1_000_000, 1000, 20

WRITER = """
import sys, time
from pathlib import Path
from trainer.runs.events import append_line, event
file, first, rate, seconds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
begin, written = time.time(), 0
while time.time() - begin < seconds:
    due = int((time.time() - begin) * rate)
    lines = b""
    import json
    for k in range(written, due):
        values = {n: 0.5 + 0.1 * ((k * 7919 + j) % 97) / 97 for j, n in enumerate(
            ("loss", "lm_loss", "q_halt_loss", "lr", "accuracy", "exact_accuracy", "steps", "q_halt_accuracy", "grad_norm", "weight_norm"))}
        lines += json.dumps(event("metrics", first + k, values=values, phase=0, examples=64 * k, seconds=k / rate)).encode() + b"\\n"
    with file.open("ab") as stream:
        stream.write(lines)
    written = due
    time.sleep(0.01)
"""


def fill(log: object, points: int) -> None:
    """A long run's metrics, without a file of 300 MB."""
    rng = np.random.default_rng(0)
    steps = np.arange(1, points + 1, dtype=float)
    falling = np.exp(-steps / points * 3)
    columns = {"step": steps, "time": 1.7e9 + steps / 50, "seconds": steps / 50, "examples": 64 * steps, "phase": 0 * steps}
    for name in ("loss", "lm_loss", "q_halt_loss"):
        columns[name] = falling * rng.lognormal(0, 0.3, points)
    for name in ("accuracy", "exact_accuracy", "q_halt_accuracy"):
        columns[name] = np.clip(1 - falling + rng.normal(0, 0.03, points), 0, 1)
    columns |= {
        "steps": 16 * falling + rng.normal(0, 0.2, points),
        "lr": 1e-3 * falling,
        "grad_norm": rng.lognormal(0, 0.5, points),
        "weight_norm": 10 + steps / points,
    }
    columns["examples_per_second"] = 3000 + rng.normal(0, 50, points)
    log.metrics.append(columns)  # type: ignore[attr-defined]


def main() -> None:
    from PySide6.QtCore import QTimer

    from hrm_studio.app import make_application
    from hrm_studio.main_window import MainWindow
    from hrm_studio.theme import Theme
    from hrm_studio.ui.train.page import TrainPage
    from hrm_studio.ui.train.plot_grid import PlotGrid
    from trainer.presets import preset
    from trainer.runs.run_dir import RunDir, home

    application = make_application(["bench"])
    run_dir = RunDir.create(home() / "runs" / "bench", preset("sudoku-4x4"))
    window = MainWindow(Theme("light"))
    window.resize(1920, 1080)
    window.show()
    window.show_page("train")
    page = window.page("train")
    assert isinstance(page, TrainPage)
    page.cards.measures_by_itself = False
    frames: list[tuple[float, float]] = []
    draw = PlotGrid._frame

    def timed(grid: PlotGrid) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        draw(grid)
        frames.append((time.perf_counter() - wall, time.thread_time() - cpu))

    grid = page.curves.grid
    grid._timer.timeout.disconnect()
    grid._timer.timeout.connect(lambda: timed(grid))
    beats: list[tuple[float, float]] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append((time.perf_counter(), time.thread_time())))
    heart.start(5)

    def spin(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            application.processEvents()
            time.sleep(0.001)

    def until(condition: object, seconds: float = 120) -> None:
        end = time.perf_counter() + seconds
        while not condition() and time.perf_counter() < end:  # type: ignore[operator]
            spin(0.05)

    def report(name: str) -> None:
        wall, cpu = (np.array(column) * 1000 for column in zip(*frames, strict=True))
        print(
            f"{name}: {len(frames)} redraws, median {np.median(wall):.1f} ms, 99 % {np.percentile(wall, 99):.1f} ms"
            f" (processor {np.median(cpu):.1f} and {np.percentile(cpu, 99):.1f} ms)"
        )
        gaps, worked = np.diff([b[0] for b in beats]) * 1000, np.diff([b[1] for b in beats]) * 1000
        print(f"{name}: worst gap between 5 ms heartbeats {gaps.max():.0f} ms (processor in one gap at most {worked.max():.0f} ms)")
        frames.clear()
        beats.clear()

    until(lambda: page.runs.by_path)
    run = next(iter(page.runs.by_path.values()))
    fill(run.log, POINTS)
    beats.clear()
    page.open_run(run)
    until(lambda: not grid._timer.isActive() and not grid._missing)
    report(f"opening a run of {POINTS:,} events, {len(grid.plots)} plots")
    page.curves.settings.set(smoothing=0.99)
    spin(0.2)
    until(lambda: not grid._timer.isActive())
    report("other smoothing")

    delays: list[float] = []
    refresh = type(grid.plots[0]).refresh

    def watched(plot: object, low: float, high: float) -> None:
        refresh(plot, low, high)  # type: ignore[arg-type]
        times = run.log.metrics["time"]
        if plot is grid.plots[0] and len(times) > POINTS:
            delays.append(time.time() - float(times[-1]))

    type(grid.plots[0]).refresh = watched  # type: ignore[method-assign, assignment]
    spin(1)
    frames.clear()
    beats.clear()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(run_dir.events_file), str(POINTS + 1), str(RATE), str(SECONDS)])
    spin(SECONDS + 1)
    writer.wait()
    arrived = len(run.log.metrics) - POINTS
    report(f"{RATE:,} events/s arriving")
    drawn = np.array(delays[: int(0.95 * len(delays))]) * 1000
    print(
        f"{arrived:,} events arrived; newest event to plot: median {np.median(drawn):.0f} ms, 99 % {np.percentile(drawn, 99):.0f} ms, {len(drawn)} times"
    )
    page.runs.close()
    window.close()


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    if "HRM_STUDIO_HOME" in os.environ and Path(os.environ["HRM_STUDIO_HOME"]).name.startswith("hrm-bench-"):
        main()
    else:
        with tempfile.TemporaryDirectory(prefix="hrm-bench-") as folder:
            subprocess.run([sys.executable, "-m", "tests.benchmarks.train_page"], check=True, env={**os.environ, "HRM_STUDIO_HOME": folder})
