"""Every action of the studio by name: menus, shortcuts and the command palette are made from this one registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSettings, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QMenu, QMenuBar, QPlainTextEdit, QWidget

MENUS = ("&File", "&Edit", "&Puzzle", "&Step", "&Run", "&Model", "&View", "&Help")  # other menus come before View

_GROUPS = ("show_", "zoom_", "page_")  # actions whose names begin so are grouped in their menu; the rest comes after them


@dataclass(frozen=True)
class Entry:
    name: str  # unique, for code and settings
    menu: str
    text: str
    shortcut: str  # the default; a person may choose another
    icon: str  # a QtAwesome name, '' for none
    run: Callable[[], object]
    about: str = ""  # a tooltip that says more than the text


class Actions(QObject):
    """QActions made from entries, by name. Qt lets a text field use the keys that it needs.

    Actions of a page are enabled, and their menus are visible, only while that page is shown.

    Signals
    -------
    changed()   actions were added, or shortcuts changed
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
        self.running: Entry | None = None  # the action being carried out; it stays if the action raised, for the error report

    def add(self, entries: Iterable[Entry], page: str = "") -> None:
        """Add actions, in the order of their menus. `page`: the page that they belong to."""
        for entry in entries:
            action = QAction(entry.text, self._window)
            action.triggered.connect(lambda _=False, entry=entry: self._run(entry))
            self._register(entry, action, page)
        self.show_page(self._page)
        self.changed.emit()

    def _run(self, entry: Entry) -> None:
        self.running = entry
        entry.run()
        self.running = None

    def adopt(self, entry: Entry, action: QAction, page: str = "") -> None:
        """Add an existing action, such as that of a dock. It does what it did; `entry.run` is not used."""
        self._register(entry, action, page)
        self.show_page(self._page)
        self.changed.emit()

    def _register(self, entry: Entry, action: QAction, page: str) -> None:
        assert entry.name not in self.entries, entry.name
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        self._window.addAction(action)
        self._insert(
            action, self.menu(entry.menu), next((k for k, start in enumerate(_GROUPS) if entry.name.startswith(start)), len(_GROUPS))
        )
        self.by_name[entry.name], self.entries[entry.name], self._page_of[entry.name] = action, entry, page
        self._show_shortcut(entry.name)

    def _insert(self, action: QAction, menu: QMenu, group: int) -> None:
        """Insert into a menu, at the end of its group. Separators divide the groups."""
        actions = menu.actions()
        groups = [self._groups.get(a, len(_GROUPS)) for a in actions]
        at = next((k for k, other in enumerate(groups) if other > group), len(actions))
        self._groups[action] = group
        menu.insertAction(actions[at] if at < len(actions) else None, action)  # type: ignore[arg-type]  # None: at the end
        if actions and group not in groups:  # a separator belongs to the group below it
            below, its = (action, group) if at else (actions[0], groups[0])
            self._groups[menu.insertSeparator(below)] = its

    def menu(self, title: str) -> QMenu:
        """The menu with that title. It is made in its place when first asked for."""
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
        """Enable the actions of this page, and disable those of the others."""
        self._page = page
        for name, action in self.by_name.items():
            action.setEnabled(self._page_of[name] in ("", page))
        for menu in self._menus.values():
            menu.menuAction().setVisible(menu.isEmpty() or any(a.isEnabled() for a in menu.actions() if not a.isSeparator()))

    def available(self) -> list[str]:
        """Names of the enabled actions."""
        return [name for name, action in self.by_name.items() if action.isEnabled()]

    # Shortcuts -------------------------------------------------------------------------------------------------------

    def shortcut(self, name: str) -> str:
        """The current keys in QKeySequence's portable form; '' for none."""
        stored = self._settings.value(f"shortcuts/{name}")
        return stored if isinstance(stored, str) else self.entries[name].shortcut

    def set_shortcut(self, name: str, keys: str | None) -> None:
        """Set other keys, '' for none; None restores the default."""
        if keys is None or keys == self.entries[name].shortcut:
            self._settings.remove(f"shortcuts/{name}")
        else:
            self._settings.setValue(f"shortcuts/{name}", keys)
        self._show_shortcut(name)
        self.changed.emit()

    def clash(self, name: str, keys: str) -> str | None:
        """The other action with these keys on the same page, or None."""
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
    """Whether a text field or the like has the keyboard focus."""
    return isinstance(QApplication.focusWidget(), QPlainTextEdit | QLineEdit | QAbstractSpinBox | QComboBox)
