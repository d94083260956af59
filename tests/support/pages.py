"""All pages of a window, and what can be brought to the front on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from PySide6.QtWidgets import QTabWidget

from hrm_studio.main_window import MainWindow


def walk(window: MainWindow, rest: Callable[[], object]) -> Iterator[str]:
    """Show page after page, each dock and tab of it in turn, and yield where it is; `rest` lets the window draw."""
    for name in window.top_bar.tabs:
        window.show_page(name)
        rest()
        yield name
        if name == "explore":
            panel = window.explore.panel
            for what, act in (("editor", panel.edit_on_board), ("text", panel.edit_as_text), ("folded", panel.stop_editing)):
                act()
                rest()
                yield f"explore, {what}"
            for title in ("States", "Curves", "Attention", "Cells"):
                window.explore.lazy_panels[title].view()
                window.explore.docks[title].raise_()
                rest()
                yield f"explore, {title}"
        for tabs in window.pages[name].findChildren(QTabWidget):
            for k in range(tabs.count()):
                if tabs.isVisible():
                    tabs.setCurrentIndex(k)
                    rest()
                    yield f"{name}, {tabs.tabText(k)}"
