"""The docks of Explore: how they are stacked, share the room, float, and come back as they were."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from hrm_studio.theme import Theme
from hrm_studio.ui.widgets.dock_title import DockTitle

_LAYOUT_VERSION = 4
_WITHOUT_LAB = 3  # layouts that version 0.1.0 kept
_BESIDE = ("States", "Curves", "Attention", "Cells")  # the docks beside the board
_BEHIND = ("Attention", "Cells", "Lab")  # those behind another tab
_LOW = 690  # pixels: a lower page has room for one stack of docks only
_DRAGGED_MS = 100
_SHARES = 100_000  # so fine that nothing shrinks over many restarts
_FRAME = (
    Qt.WindowType.Window
    | Qt.WindowType.CustomizeWindowHint
    | Qt.WindowType.WindowTitleHint
    | Qt.WindowType.WindowMaximizeButtonHint
    | Qt.WindowType.WindowCloseButtonHint
)
LEFT, RIGHT, BOTTOM = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea


class DockWindow(QMainWindow):
    """Docks (`docks`, by title) around a central widget. They can be moved, floated and hidden; their layout is kept.

    Signals
    -------
    focus_changed(bool)   only the board and the timeline are shown, or no longer

    Add the docks Puzzle, States, Curves, Attention, Cells, Lab and Timeline, then call `restore_layout`.
    """

    focus_changed = Signal(bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Widget)
        self.setDockNestingEnabled(True)
        self._theme = theme
        self.docks: dict[str, QDockWidget] = {}
        self._areas: dict[str, Qt.DockWidgetArea] = {}
        self._low = self._arranged = False
        self._sizes: dict[
            str, int
        ] = {}  # saved shares of the page in 100,000ths, by dock and direction; applied once the page has its size
        self._before_focus: QByteArray | None = None  # the layout that `toggle_focus` brings back
        self._floating: list[QDockWidget] = []  # floating docks, to be shown again after the window is
        self._arrange_soon = QTimer(self, singleShot=True, interval=0)
        self._arrange_soon.timeout.connect(self._arrange)

    def add_dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        """Put a widget into a new dock."""
        dock = QDockWidget(title, self)
        dock.setObjectName(title)
        dock.setWidget(widget)
        dock.setTitleBarWidget(DockTitle(dock, self._theme))
        # Qt only moves a dock behind another tab away. Hidden, its view costs nothing, and it keeps its size.
        policy = widget.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        widget.setSizePolicy(policy)
        dock.visibilityChanged.connect(widget.setVisible)
        dock.topLevelChanged.connect(
            lambda floating: QTimer.singleShot(0, self, partial(self._frame if floating else self._put_back, dock))
        )
        self.addDockWidget(area, dock)
        self._areas[title] = area
        self.docks[title] = dock
        return dock

    def restore_layout(self, settings: QSettings) -> None:
        """The layout of last time, else the default one."""
        for title in _BEHIND:
            self.docks[title].hide()  # until they are tabs: four docks in a column would make the window too high
        state = settings.value("layout/explore")
        self._arranged = bool(settings.value("layout/explore_ours", True, bool))
        if isinstance(state, QByteArray) and (self.restoreState(state, _LAYOUT_VERSION) or self._restore_without_lab(state)):
            self._low = self.docks["Curves"] in self.tabifiedDockWidgets(self.docks["States"])
            self._floating = [dock for dock in self.docks.values() if dock.isFloating()]
            sizes = settings.value("layout/explore_sizes", {})
            self._sizes = {name: int(share) for name, share in sizes.items()} if isinstance(sizes, dict) else {}
            if settings.value("layout/explore_focus", False, bool):
                QTimer.singleShot(0, self, self.toggle_focus)
        else:
            self._arrange_soon.start()

    def _restore_without_lab(self, state: QByteArray) -> bool:
        """Restore a layout of version 0.1.0, and put the Lab behind Puzzle. False if it is not one."""
        if not self.restoreState(state, _WITHOUT_LAB):
            return False
        self.tabifyDockWidget(self.docks["Puzzle"], self.docks["Lab"])
        self.docks["Lab"].show()
        self.docks["Puzzle"].raise_()
        return True

    def save_layout(self, settings: QSettings) -> None:
        """Keep the layout as the window closes, and hide the docks."""
        settings.setValue("layout/explore_focus", self.focused)
        if self.focused:
            self.toggle_focus()
        settings.setValue("layout/explore_sizes", self._shares())
        settings.setValue("layout/explore_ours", self._arranged_by_us)
        settings.setValue("layout/explore", self.saveState(_LAYOUT_VERSION))
        for dock in self.docks.values():
            # A floating dock would outlive its models and crash the process.
            dock.hide()

    @property
    def focused(self) -> bool:
        """Whether only the board and the timeline are shown."""
        return self._before_focus is not None

    def toggle_focus(self) -> None:
        """Give the board all the room: hide the docks around it, except the timeline. Again brings them back as they were."""
        if self._before_focus is not None:
            before, self._before_focus = self._before_focus, None
            self.restoreState(before, _LAYOUT_VERSION)
            self.focus_changed.emit(False)
        else:
            self._before_focus = self.saveState(_LAYOUT_VERSION)
            for title, dock in self.docks.items():
                dock.setVisible(title == "Timeline")
            self.focus_changed.emit(True)

    def _shares(self) -> dict[str, int]:
        """Each visible dock's share of the page, in 100,000ths: 'States width' and the like."""
        found = {}
        for title, dock in self.docks.items():
            if dock.isVisible() and not dock.isFloating() and dock.x() >= 0:  # Qt moves a dock behind another tab to the left of the page
                if self.dockWidgetArea(dock) != BOTTOM:
                    found[f"{title} width"] = round(_SHARES * dock.width() / self.width())
                if self.dockWidgetArea(dock) != LEFT:
                    found[f"{title} height"] = round(_SHARES * dock.height() / self.height())
        return found

    def _restore_shares(self) -> None:
        """Qt fits a restored layout into the size that the page has before it is shown; bring the docks back to their share."""
        sizes, self._sizes = self._sizes, {}
        for direction, room, orientation in (
            ("width", self.width(), Qt.Orientation.Horizontal),
            ("height", self.height(), Qt.Orientation.Vertical),
        ):
            wanted = {
                title: round(sizes[f"{title} {direction}"] * room / _SHARES) for title in self.docks if sizes.get(f"{title} {direction}")
            }
            self._resize(wanted, orientation)

    def reset_layout(self) -> None:
        """Put all docks back to the default layout."""
        if self.focused:
            self.toggle_focus()
        self._sizes = {}
        self._arranged = True
        for dock in self.docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)  # all at once: stacks that come apart one by one would make the window higher
        for title, dock in self.docks.items():
            self.addDockWidget(self._areas[title], dock)
            dock.setVisible(title not in _BEHIND)
        self._arrange()

    # The default layout ----------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        # Called after the page is shown: Qt leaves a stray tab bar on the board if two stacks are made before the first layout.
        self._low = self.height() < _LOW
        if self._low:  # one stack of docks: with two, the plots would be too flat to read
            pairs = [("States", "Curves"), ("Curves", "Attention"), ("Attention", "Cells")]
        else:
            if self.docks["Curves"] in self.tabifiedDockWidgets(self.docks["States"]):
                for title in _BESIDE:  # Qt cannot split a stack, so take the docks out first
                    self.removeDockWidget(self.docks[title])
                    self.addDockWidget(RIGHT, self.docks[title])
                    self.docks[title].show()
            pairs = [("States", "Attention"), ("Curves", "Cells")]
        for first, second in [*pairs, ("Puzzle", "Lab")]:
            self.tabifyDockWidget(self.docks[first], self.docks[second])
            self.docks[second].show()
        for first in ("Curves", "States", "Puzzle"):
            self.docks[first].raise_()
        self._share_room()
        QTimer.singleShot(0, self._share_room)  # again, after the views behind tabs are hidden

    def _share_room(self) -> None:
        self._resize({"Puzzle": 300, "States": round(0.36 * self.width())}, Qt.Orientation.Horizontal)
        if not self._low:
            self._resize({"States": 420, "Curves": 400}, Qt.Orientation.Vertical)

    def _resize(self, sizes: dict[str, int], orientation: Qt.Orientation) -> None:
        """Resize the docks that are in the page; Qt warns about one that floats or was just removed."""
        lying = [title for title in sizes if self.dockWidgetArea(self.docks[title]) != Qt.DockWidgetArea.NoDockWidgetArea]
        self.resizeDocks([self.docks[title] for title in lying], [sizes[title] for title in lying], orientation)

    @property
    def _arranged_by_us(self) -> bool:
        """Whether the docks beside the board are in the stacks that `_arrange` makes."""
        right = [self.docks[title] for title in _BESIDE]
        return self._arranged and not any(d.isFloating() or d.isHidden() or self.dockWidgetArea(d) != RIGHT for d in right)

    # As the window changes -------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the docks' share of the page's width; Qt would give and take all of it at the board."""
        before, states = event.oldSize().width(), self.docks["States"].width()
        super().resizeEvent(event)
        if self._sizes:
            return  # still on the way to its first size
        if before > 0:
            self._resize({"States": round(states * event.size().width() / before)}, Qt.Orientation.Horizontal)
        if self._arranged_by_us and self._low != (self.height() < _LOW):
            self._arrange_soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._floating:
            QTimer.singleShot(0, self, self._show_again)
        if self._sizes:
            QTimer.singleShot(0, self, self._restore_shares)

    def _show_again(self) -> None:
        """Restored floating docks are shown before the window: the window manager does not know their owner, and the window covers them."""
        floating, self._floating = self._floating, []
        for dock in floating:
            if dock.isFloating() and dock.isVisible():
                dock.hide()
                dock.show()
                self._frame(dock)

    def _frame(self, dock: QDockWidget) -> None:
        """Give a floating dock the desktop's frame. Qt leaves it out for a dock with a title bar of its own; it could hardly be moved or resized."""
        if QApplication.mouseButtons():  # it is being dragged; a new frame would end that
            QTimer.singleShot(_DRAGGED_MS, self, partial(self._frame, dock))
        elif dock.isFloating() and dock.windowFlags() & _FRAME != _FRAME:
            place, visible = dock.geometry(), dock.isVisible()
            dock.setWindowFlags(_FRAME)  # hides it
            dock.setGeometry(place)
            dock.setVisible(visible)

    def _put_back(self, dock: QDockWidget) -> None:
        """Bring a dock that no longer floats to the front of its stack."""
        if dock.isFloating() or dock.isHidden():
            return
        dock.raise_()
        size = self.size()  # Qt does no layout if all sizes are as before, and the dock would stay where it floated
        self.resize(size.width(), size.height() - 1)
        self.resize(size)
