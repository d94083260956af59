"""Every action of the studio by name: menus, shortcuts and the command palette are made from this one registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QWidget

MENUS = ("&File", "&Edit", "&Puzzle", "&Step", "&Run", "&Model", "&View", "&Help")  # menus of other names stand before View

_GROUPS = ("show_", "zoom_", "page_")  # what names begin with that stand together in their menu, the rest after them


@dataclass(frozen=True)
class Entry:
    name: str  # unique, for code and settings
    menu: str
    text: str
    shortcut: str  # as it ships; the user may choose another
    icon: str  # of QtAwesome, '' for none
    run: Callable[[], object]
    about: str = ""  # a sentence more than the text says


class Actions(QObject):
    """QActions made from entries, by name. Qt itself gives a text field the keys that it writes or moves with.

    A page adds its own under its name; these can be triggered, and their menus are seen, while that page is shown.

    Signals
    -------
    changed()   actions were added, or have other shortcuts
    """

    changed = Signal()

    def __init__(self, window: QWidget, menu_bar: QMenuBar, settings: QSettings) -> None:
        super().__init__(window)
        self._window, self._menu_bar, self._settings = window, menu_bar, settings
        self._menus: dict[str, QMenu] = {}
        self._page_of: dict[str, str] = {}
        self._groups: dict[QAction, int] = {}
        self._page = ""
        self.by_name: dict[str, QAction] = {}
        self.entries: dict[str, Entry] = {}
        for key in settings.allKeys():  # 0.1.0 called the page Evaluate "Whole set", and its actions survey_…
            if key.startswith("shortcuts/survey_"):
                settings.setValue(key.replace("survey_", "evaluate_"), settings.value(key))
                settings.remove(key)
        self.running: Entry | None = None  # the action being carried out; it stays if the action raised, so that this can be reported

    def add(self, entries: Iterable[Entry], page: str = "") -> None:
        """Take actions in, in the order of their menus. `page`: they belong to the page of that name."""
        for entry in entries:
            action = QAction(entry.text, self._window)
            action.triggered.connect(lambda _=False, entry=entry: self._run(entry))
            self._take(entry, action, page)
        self.show_page(self._page)
        self.changed.emit()

    def _run(self, entry: Entry) -> None:
        self.running = entry
        entry.run()
        self.running = None

    def adopt(self, entry: Entry, action: QAction, page: str = "") -> None:
        """Take in an action that is there already, a dock's for example; what the entry runs is that action's own doing."""
        self._take(entry, action, page)
        self.show_page(self._page)
        self.changed.emit()

    def _take(self, entry: Entry, action: QAction, page: str) -> None:
        assert entry.name not in self.entries, entry.name
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        self._window.addAction(action)
        self._put(action, self.menu(entry.menu), next((k for k, start in enumerate(_GROUPS) if entry.name.startswith(start)), len(_GROUPS)))
        self.by_name[entry.name], self.entries[entry.name], self._page_of[entry.name] = action, entry, page
        self._show_shortcut(entry.name)

    def _put(self, action: QAction, menu: QMenu, group: int) -> None:
        """Into a menu, after those of its group, which lines part from the others."""
        actions = menu.actions()
        groups = [self._groups.get(a, len(_GROUPS)) for a in actions]
        at = next((k for k, other in enumerate(groups) if other > group), len(actions))
        self._groups[action] = group
        menu.insertAction(actions[at] if at < len(actions) else None, action)  # type: ignore[arg-type]  # None: at the end
        if actions and group not in groups:  # a line belongs to the group below it
            below, its = (action, group) if at else (actions[0], groups[0])
            self._groups[menu.insertSeparator(below)] = its

    def menu(self, title: str) -> QMenu:
        """The menu of that title, made in its place where it is not there yet."""
        if title not in self._menus:
            order = [*MENUS[:-2], title, *MENUS[-2:]] if title not in MENUS else list(MENUS)
            after = [t for t in self._menus if t in order and order.index(t) > order.index(title)]
            menu = QMenu(title, self._menu_bar)
            if after:
                self._menu_bar.insertMenu(self._menus[min(after, key=order.index)].menuAction(), menu)
            else:
                self._menu_bar.addMenu(menu)
            self._menus[title] = menu
        return self._menus[title]

    def show_page(self, page: str) -> None:
        """This page is shown now: its actions work, those of other pages do not."""
        self._page = page
        for name, action in self.by_name.items():
            action.setEnabled(self._page_of[name] in ("", page))
        for menu in self._menus.values():
            menu.menuAction().setVisible(menu.isEmpty() or any(a.isEnabled() for a in menu.actions() if not a.isSeparator()))

    def available(self) -> list[str]:
        """Names of the actions that can be triggered now."""
        return [name for name, action in self.by_name.items() if action.isEnabled()]

    # Shortcuts -------------------------------------------------------------------------------------------------------

    def shortcut(self, name: str) -> str:
        """The keys in force, as QKeySequence writes them portably; '' for none."""
        stored = self._settings.value(f"shortcuts/{name}")
        return stored if isinstance(stored, str) else self.entries[name].shortcut

    def set_shortcut(self, name: str, keys: str | None) -> None:
        """Choose other keys, '' for none; None takes back those that it ships with."""
        if keys is None or keys == self.entries[name].shortcut:
            self._settings.remove(f"shortcuts/{name}")
        else:
            self._settings.setValue(f"shortcuts/{name}", keys)
        self._show_shortcut(name)
        self.changed.emit()

    def clash(self, name: str, keys: str) -> str | None:
        """Which other action answers to these keys on the same page, or None."""
        wanted, page = QKeySequence(keys), self._page_of[name]
        if wanted.isEmpty():
            return None
        for other in self.entries:
            shares = page == "" or self._page_of[other] in ("", page)
            if other != name and shares and QKeySequence(self.shortcut(other)) == wanted:
                return other
        return None

    def _show_shortcut(self, name: str) -> None:
        keys, entry = QKeySequence(self.shortcut(name)), self.entries[name]
        self.by_name[name].setShortcut(keys)
        tip = entry.about or entry.text
        shown = keys.toString(QKeySequence.SequenceFormat.NativeText)
        self.by_name[name].setToolTip(f"{tip}  ({shown})" if shown else tip)


def typing_now() -> bool:
    """Whether the keyboard belongs to a field that reads it."""
    return isinstance(QApplication.focusWidget(), QPlainTextEdit | QLineEdit | QAbstractSpinBox | QComboBox)
