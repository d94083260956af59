"""The pages of the window, in one table. A page is made when it is first opened.

A page is a QWidget made as `Page(studio)` with a Studio. It adds its actions with `studio.actions.add(entries, page=NAME)`. Optional
methods: `closing()`, called once when the window closes; `may_close()`, which returns False to keep the window open; `open_path(path)`,
if the page opens files or folders (see models/opener.py). A hidden page must cost nothing: connect in showEvent, or check isVisible().
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from hrm_studio.studio import Studio


@dataclass(frozen=True)
class PageEntry:
    name: str  # for code and settings
    title: str
    icon: str
    module: str  # below hrm_studio.ui; imported when the page is first opened
    factory: str
    about: str


PAGES = (
    PageEntry("explore", "Explore", "mdi6.eye-outline", "explore.page", "ExplorePage", "Watch a model reason about a puzzle"),
    PageEntry("train", "Train", "mdi6.chart-line", "train.page", "TrainPage", "Train models and follow their runs"),
    PageEntry("compare", "Compare", "mdi6.compare-horizontal", "compare.page", "ComparePage", "Models or puzzles side by side"),
    PageEntry("evaluate", "Evaluate", "mdi6.chart-scatter-plot", "evaluate.page", "EvaluatePage", "Run a model over hundreds of puzzles"),
    PageEntry("library", "Library", "mdi6.bookshelf", "library.page", "LibraryPage", "Models, puzzles and data sets on this machine"),
    PageEntry("traces", "Traces", "mdi6.movie-open-outline", "traces.page", "TracesPage", "Recorded reasoning: find, open, export"),
)


def available_pages() -> list[PageEntry]:
    """The pages whose module is there."""
    return [page for page in PAGES if importlib.util.find_spec(f"hrm_studio.ui.{page.module}") is not None]


def make_page(entry: PageEntry, studio: Studio) -> QWidget:
    """Import and build a page."""
    made = getattr(importlib.import_module(f"hrm_studio.ui.{entry.module}"), entry.factory)(studio)
    assert isinstance(made, QWidget)
    return made
