"""`python -m tests.benchmarks.fits`: labels, buttons, combo boxes and tabs whose text does not fit, on all pages.

For each size of window and screen, in light and dark, with normal and larger text; each in a process of its own, since the scale of a screen
is set when the program starts. Prints what it finds, and ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile

SIZES = ((1280, 800, 1), (1440, 900, 1), (1280, 720, 2))  # in points, and the scale; the last one is a screen of 2560 × 1440 pixels
THEMES = ("light", "dark")


def look(width: int, height: int, theme: str, percent: int) -> list[str]:
    """What does not fit in one window."""
    from PySide6.QtTest import QTest

    from hrm_studio.app import make_application
    from hrm_studio.main_window import MainWindow
    from hrm_studio.theme import Theme
    from tests.support.fits import misfits
    from tests.support.pages import walk
    from tests.support.traces import sudoku_info, synthetic

    make_application(["fits"])
    window = MainWindow(Theme(theme))  # type: ignore[arg-type]
    window.resize(width, height)
    window.appearance.set_text_size(percent)
    window.show()
    window.traces.open(synthetic(sudoku_info(), segments=4), cursor=10)
    found = {f"{where}: {fault}" for where in walk(window, lambda: QTest.qWait(150)) for fault in misfits(window)}
    if window.width() > width or window.height() > height:
        found.add(f"the window needs {window.width()} × {window.height()}")
    panes = window.page("compare").comparison.panes  # type: ignore[attr-defined]
    while any(pane.waiting or pane.traces.running for pane in panes):  # torch is being imported; the end of the program would break that
        QTest.qWait(50)
    window.close()
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Looks for text that does not fit.")
    parser.add_argument("one", nargs="*", help="width height theme percent: only this window, in this process")
    given = parser.parse_args()
    if given.one:
        for line in look(int(given.one[0]), int(given.one[1]), given.one[2], int(given.one[3])):
            print(line)
        return
    from hrm_studio.ui.shell.appearance import TEXT_SIZES

    bad = 0
    for width, height, scale in SIZES:
        for theme in THEMES:
            for percent in (TEXT_SIZES[0], TEXT_SIZES[-1]):
                with tempfile.TemporaryDirectory() as home:
                    environment = os.environ | {"HRM_STUDIO_HOME": home, "QT_SCALE_FACTOR": str(scale), "QT_QPA_PLATFORM": "offscreen"}
                    arguments = [sys.executable, "-m", "tests.benchmarks.fits", str(width), str(height), theme, str(percent)]
                    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
                lines = done.stdout.splitlines()
                bad += len(lines)
                print(f"{width}x{height}@{scale} {theme} {percent} %: {len(lines)} do not fit", *lines, sep="\n  ", flush=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
