"""The top bar: menus, tabs of the pages, and which model, device and theme are in use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import qtawesome
from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QMenu, QMenuBar, QToolButton, QWidget

from hrm_studio.models.model_choice import ModelChoice
from hrm_studio.pages import PageEntry
from hrm_studio.theme import Mode, Theme

_LONGEST_NAME = 24  # characters of a model's name on its button
_MODEL_TIP = "The model that reasons. The bundled ones were trained with HRM Studio."
_MODES: tuple[tuple[Mode, str], ...] = (("system", "System"), ("light", "Light"), ("dark", "Dark"))


class _MenuBar(QMenuBar):
    """Never gets narrower: the tabs beside it stay in place as menus come and go with the pages."""

    _widest = 0

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        self._widest = max(self._widest, hint.width())
        return QSize(self._widest, hint.height())


class _Tab(QToolButton):
    """The tab of a page, with a dot while something goes on there."""

    def __init__(self, page: PageEntry, theme: Theme) -> None:
        super().__init__(text=page.title, checkable=True, toolTip=page.about, objectName="tab")
        self._about, self._theme = page.about, theme
        self.marked = False
        self.setAccessibleName(f"Page {page.title}")

    def mark(self, words: str) -> None:
        """Show the dot, and in the tooltip why; '' takes it away."""
        self.marked = bool(words)
        self.setToolTip(f"{self._about}\n{words}" if words else self._about)
        self.setAccessibleDescription(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.marked:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.palette.color("right"))
            painter.drawEllipse(QPointF(self.width() - 8, 8), 4, 4)


class TopBar(QWidget):
    """Signals
    -------
    page_wanted(str)        the tab of a page was clicked
    open_model_wanted()     open a checkpoint from disk
    mode_wanted(str)        'system', 'light' or 'dark'
    """

    page_wanted = Signal(str)
    open_model_wanted = Signal()
    mode_wanted = Signal(str)

    def __init__(self, pages: list[PageEntry], models: ModelChoice, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._pages, self._models, self._theme = pages, models, theme
        self.menu_bar = _MenuBar(self)
        self.tabs: dict[str, _Tab] = {}
        group = QButtonGroup(self)
        for page in pages:
            tab = _Tab(page, theme)
            tab.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            tab.clicked.connect(lambda _=False, name=page.name: self.page_wanted.emit(name))
            group.addButton(tab)
            self.tabs[page.name] = tab
        self.model = self._chooser("Model", _MODEL_TIP)
        self.device = self._chooser("Device", "Where the model runs. auto uses a GPU if there is one.")
        self.mode = self._chooser("Theme", "Light, dark, or the system's")
        for button, fill in ((self.model, self._fill_models), (self.device, self._fill_devices), (self.mode, self._fill_modes)):
            button.menu().aboutToShow.connect(fill)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(4)
        row.addWidget(self.menu_bar, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addSpacing(12)
        for tab in self.tabs.values():
            row.addWidget(tab)
        row.addStretch(1)
        for button in (self.model, self.device, self.mode):
            row.addWidget(button)
        models.changed.connect(self._show_choices)
        theme.changed.connect(self._show_choices)
        self._show_choices()

    def _chooser(self, name: str, tip: str) -> QToolButton:
        button = QToolButton(objectName="chooser", toolTip=tip, accessibleName=name, popupMode=QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setMenu(QMenu(button))
        return button

    def show_page(self, name: str) -> None:
        self.tabs[name].setChecked(True)

    def show_live(self, runs: tuple[str, ...]) -> None:
        """Mark the tab Train while runs go on."""
        if "train" in self.tabs:
            words = "" if not runs else f"Training now: {', '.join(runs[:3])}" + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
            self.tabs["train"].mark(words)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, super().minimumSizeHint().height())

    def _fit(self) -> None:
        """Drop icons, then names, until everything fits."""
        beside, text, icon = (getattr(Qt.ToolButtonStyle, f"ToolButton{kind}") for kind in ("TextBesideIcon", "TextOnly", "IconOnly"))
        for tabs, model, others in (
            (beside, beside, beside),
            (text, beside, beside),
            (text, beside, icon),
            (text, icon, icon),
            (icon, icon, icon),
        ):
            for tab in self.tabs.values():
                tab.setToolButtonStyle(tabs)
            self.model.setToolButtonStyle(model)
            for button in (self.device, self.mode):
                button.setToolButtonStyle(others)
            self._row.activate()
            if self._row.sizeHint().width() <= self.width():
                return

    def _show_choices(self) -> None:
        colours, path = self._theme.palette, self._models.path
        name = self._models.title(path) if path else "No model"
        if self._models.foreign:
            name = f"{self._models.foreign} (recorded)"
            self.model.setToolTip(
                f"The trace on the board was recorded with {self._models.foreign}, which is not open here. Choose a model to reason again."
            )
        else:
            self.model.setToolTip(_MODEL_TIP)
        self.model.setText(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…")
        self.device.setText(self._models.device)
        for button, icon in ((self.model, "mdi6.brain"), (self.device, "mdi6.chip"), (self.mode, "mdi6.theme-light-dark")):
            button.setIcon(qtawesome.icon(icon, color=colours.muted))
        for page in self._pages:
            icon = qtawesome.icon(page.icon, color=colours.muted, color_on=colours.accent)
            self.tabs[page.name].setIcon(icon)
        self._fit()

    # Menus, filled when they open ------------------------------------------------------------------------------------

    def _fill_models(self) -> None:
        menu = self.model.menu()
        menu.clear()
        group = QActionGroup(menu)
        for path in [*(m.path for m in self._models.bundled), *self._models.others]:
            bundled = self._models.bundled_as(path)
            about = f"  —  {bundled.about}" if bundled is not None and bundled.about else ""
            self._choice(
                menu,
                group,
                self._models.title(path) + about,
                path == self._models.path and not self._models.foreign,
                partial(self._pick, path),
            )
        menu.addSeparator()
        menu.addAction("Open a checkpoint …", self.open_model_wanted.emit)

    def _pick(self, path: Path) -> None:
        if path != self._models.path or self._models.foreign:
            self._models.pick(path)

    def _fill_devices(self) -> None:
        menu = self.device.menu()
        menu.clear()
        group = QActionGroup(menu)
        for device in self._models.devices:
            self._choice(menu, group, device, device == self._models.device, partial(self._models.pick_device, device))

    def _fill_modes(self) -> None:
        menu = self.mode.menu()
        menu.clear()
        group = QActionGroup(menu)
        for mode, title in _MODES:
            self._choice(menu, group, title, mode == self._theme.mode, partial(self.mode_wanted.emit, mode))

    @staticmethod
    def _choice(menu: QMenu, group: QActionGroup, text: str, chosen: bool, act: Callable[[], object]) -> None:
        action = QAction(text, menu, checkable=True, checked=chosen)
        action.triggered.connect(lambda _=False: act())
        group.addAction(action)
        menu.addAction(action)
