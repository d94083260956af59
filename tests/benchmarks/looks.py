"""`python -m tests.benchmarks.looks OUT [--size 1280x800] [--scale 1] [--themes light,dark] [--only TEXT]`: saves a picture of every view, to look at.

Every page for the three tasks: empty, computing, full, and with an error. For ARC a small untrained model reasons, whose answers are
meaningless. `--size` counts points; with `--scale 2` a picture has twice as many pixels each way. `--only` takes the pages and tasks whose
names contain TEXT ("explore-maze", "evaluate", "arc" …).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.paths import PUBLISHED_DATA

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ARC_TASK = PUBLISHED_DATA / "arc_tasks" / "evaluation" / "evinc.json"
# Bad puzzles: two 5 in one row, a maze without a goal, and rows of different lengths.
BAD = {"sudoku": "55..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", "maze": "#####\n#S  #\n#####", "arc": "[[0, 1, 2], [3, 4]]"}  # fmt: skip


def untrained_arc_model(folder: Path) -> Path:
    import torch

    from hrm_model.checkpoint import format as checkpoint
    from hrm_model.config import ModelConfig
    from hrm_model.model import HRM

    torch.manual_seed(0)
    config = ModelConfig(seq_len=900, vocab_size=12, hidden_size=32, num_heads=2, H_layers=1, L_layers=1, H_cycles=2, L_cycles=2)
    checkpoint.save(HRM(config), folder / "untrained-arc")
    return folder / "untrained-arc"


def dialogs() -> list[QDialog]:
    """Those that are open."""
    from PySide6.QtWidgets import QApplication, QDialog

    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QDialog) and widget.isVisible()]


class Looks:
    """One window in one theme. The method of a page takes it through its states and stops at each, with its name, for a picture."""

    def __init__(self, theme: str, size: tuple[int, int], folder: Path, arc_model: Path) -> None:
        from hrm_studio.main_window import MainWindow
        from hrm_studio.theme import Theme

        self.window = MainWindow(Theme(theme))  # type: ignore[arg-type]
        self.window.resize(*size)
        self.window.show()
        self.arc_model, self.folder = arc_model, folder

    def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        from PySide6.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def rest(self, seconds: float = 0.4) -> None:
        self.until(lambda: False, seconds)

    def _thought(self) -> bool:
        traces = self.window.traces
        return traces.trace is not None and not traces.running and not self.window.player.playing

    def _open(self, task: str, segments: int) -> None:
        window, explore, before = self.window, self.window.explore.model, self.window.traces.trace
        explore.segments = segments
        if task == "arc":
            window.models.use(self.arc_model)
            window.opener.open(ARC_TASK)
        else:
            from hrm_model.tasks.registry import task_named

            name = {"sudoku": "sudoku-9x9", "maze": "maze-11x11"}[task]
            explore.show_example(task_named(name))
        self.until(lambda: window.traces.trace is not None and window.traces.trace is not before)

    def explore(self, task: str) -> Iterator[str]:
        window, explore = self.window, self.window.explore
        window.show_page("explore")
        self.rest(1.5)
        if window.traces.trace is None:
            yield "empty"
        self._open(task, 400)
        self.until(lambda: window.traces.trace is not None and len(window.traces.trace) > 40)
        yield "computing"
        explore.model.cancel()
        self.rest()
        self._open(task, 8 if task == "arc" else 16)
        self.until(self._thought)
        window.traces.set_cursor(len(window.traces.trace) // 4)  # type: ignore[union-attr]
        window.selection.set([0, 1, 40])
        self.rest(0.8)
        yield "full"
        for panel in ("Attention", "Curves", "Cells"):
            explore.docks[panel].raise_()
            self.rest(1.0)
            yield panel.lower()
        window.actions_table.by_name["trace_pictures"].trigger()
        self.until(dialogs)
        self.rest(2.0)
        yield "export"
        for dialog in dialogs():
            dialog.close()
        for panel in ("Curves", "States"):
            explore.docks[panel].raise_()
        window.selection.set([])
        explore.open_text(BAD[task])
        self.rest()
        yield "error-dropped"
        window.notice.show_message("")
        explore.panel.edit_as_text()
        explore.panel.text.setPlainText(BAD[task])
        explore.panel.submit()
        self.rest()
        yield "error-typed"
        explore.panel.edit_on_board()
        self.rest()
        yield "edit"

    def compare(self, task: str) -> Iterator[str]:
        window = self.window
        window.show_page("explore")
        self._open(task, 8)
        self.until(self._thought)
        window.show_page("compare")
        page = window.page("compare")
        self.rest(0.2)
        page.puzzle.setText(window.traces.trace.puzzle.text)  # type: ignore[attr-defined, union-attr]
        page.compare_budgets()  # type: ignore[attr-defined]
        self.rest(0.1)
        yield "computing"
        self.until(lambda: not page.comparison.running)  # type: ignore[attr-defined]
        self.rest(0.8)
        yield "full"
        page.compare_relabelled()  # type: ignore[attr-defined]
        self.until(lambda: not page.comparison.running)  # type: ignore[attr-defined]
        self.rest(0.8)
        yield "relabelled"
        page.puzzle.setText(BAD[task].replace("\n", "/"))  # type: ignore[attr-defined]
        page.run()  # type: ignore[attr-defined]
        self.rest()
        yield "error"

    def evaluate(self, task: str) -> Iterator[str]:
        window = self.window
        window.show_page("evaluate")
        page = window.page("evaluate")
        self.rest()
        yield "empty"
        if task == "arc":
            return  # the page generates Sudoku and mazes
        page.puzzles.task.setCurrentText({"sudoku": "sudoku-9x9", "maze": "maze-11x11"}[task])  # type: ignore[attr-defined]
        page.puzzles.count.setValue(60)  # type: ignore[attr-defined]
        page.run()  # type: ignore[attr-defined]
        self.until(lambda: len(page.table.rows) > 12)  # type: ignore[attr-defined]
        yield "computing"
        self.until(lambda: not page.running)  # type: ignore[attr-defined]
        page.choose(3)  # type: ignore[attr-defined]
        self.rest()
        yield "full"
        bad = self.folder / "no-puzzles.txt"
        bad.write_text("This file contains words, but no puzzle.\n")
        page.puzzles.use_file(bad)  # type: ignore[attr-defined]
        self.rest()
        yield "error"

    def train(self, task: str) -> Iterator[str]:
        """The presets, a form, a short run of the smallest preset from its start to its end, and one that diverges."""
        from trainer.presets import preset

        window = self.window
        window.show_page("train")
        page = window.page("train")
        self.rest(1.0)
        yield "cards"
        page.edit(preset("sudoku-9x9"), preset("sudoku-9x9"), "Sudoku 9×9")  # type: ignore[attr-defined]
        self.rest()
        yield "form"
        quick = {"steps": 400, "evaluate_every": 100, "checkpoint_every": 100, "compile": "off"}
        page.start(preset("sudoku-4x4").model_copy(update=quick))  # type: ignore[attr-defined]
        self.rest(1.0)
        yield "starting"
        run = page.current  # type: ignore[attr-defined]
        self.until(lambda: run.summary.step >= 250, 180)
        yield "running"
        self.until(lambda: not run.summary.live, 180)
        self.rest()
        for tab in range(page.tabs.count()):  # type: ignore[attr-defined]
            page.tabs.setCurrentIndex(tab)  # type: ignore[attr-defined]
            self.rest(1.5)
            yield page.tabs.tabText(tab).lower().replace(" ", "-")  # type: ignore[attr-defined]
        page.tabs.setCurrentIndex(0)  # type: ignore[attr-defined]
        page.start(preset("sudoku-4x4").model_copy(update={**quick, "lr": 1e30}))  # type: ignore[attr-defined]
        run = page.current  # type: ignore[attr-defined]
        self.until(lambda: run.summary.state == "diverged", 120)
        self.rest()
        yield "failed"

    def others(self, task: str) -> Iterator[str]:
        from hrm_studio.ui.shell.tour import Tour

        window = self.window
        for name in ("library", "traces"):
            window.show_page(name)
            self.rest(1.5)
            yield name
        window.show_page("explore")
        for action in ("palette", "shortcuts", "glossary", "trace_pictures", "tour"):
            if action in window.actions_table.by_name:
                window.actions_table.by_name[action].trigger()
                self.rest(0.8)
                yield action
            for dialog in dialogs():
                dialog.close()
        window.findChild(Tour).end()


def take(out: Path, theme: str, size: tuple[int, int], only: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HRM_STUDIO_HOME"] = folder
        looks = Looks(theme, size, Path(folder), untrained_arc_model(Path(folder)))
        for task in ("sudoku", "maze", "arc"):
            for page in ("explore", "compare", "evaluate", "train", "others"):
                if (page in ("train", "others") and task != "sudoku") or only not in f"{page}-{task}":
                    continue
                for moment in getattr(looks, page)(task):
                    name = f"{page}-{task}-{moment}-{theme}-{size[0]}x{size[1]}"
                    picture = looks.window.grab()
                    for dialog in dialogs():
                        picture = dialog.grab()
                    picture.save(str(out / f"{name}.png"))
                    print(name, flush=True)
        looks.window.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes pictures of every view in every state.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    os.environ["QT_SCALE_FACTOR"] = given.scale
    given.out.mkdir(parents=True, exist_ok=True)
    from hrm_studio.app import make_application

    make_application(["looks"])
    width, height = map(int, given.size.split("x"))
    for theme in given.themes.split(","):
        take(given.out, theme, (width, height), given.only)


if __name__ == "__main__":
    main()
