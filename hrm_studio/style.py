"""The style sheet of a palette."""

from __future__ import annotations

import re

from PySide6.QtGui import QPalette

from hrm_studio.theme import Palette


def style_sheet(p: Palette, percent: int = 100) -> str:
    """Qt style sheet for the whole application. `percent`: the size of text."""
    return re.sub(r"font-size: (\d+)px", lambda found: f"font-size: {round(int(found[1]) * percent / 100)}px", _sheet(p))


def _sheet(p: Palette) -> str:
    return f"""
    * {{ color: {p.text}; font-size: 13px; }}
    QMainWindow, QDialog, QScrollArea, QScrollArea > QWidget > QWidget {{ background: {p.window}; }}
    QDockWidget {{ background: {p.window}; titlebar-close-icon: none; font-weight: 600; }}
    QDockWidget::title {{ background: {p.window}; padding: 8px 10px 4px 10px; color: {p.muted}; }}
    QMainWindow::separator {{ background: {p.window}; width: 6px; height: 6px; }}
    QMainWindow::separator:hover {{ background: {p.border}; }}
    QLabel#docktitle {{ font-weight: 600; }}
    QToolButton#small {{ background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 2px; }}
    QToolButton#small:hover {{ background: {p.raised}; }}
    QToolButton#small::menu-indicator {{ image: none; }}
    QToolButton#small:focus {{ border-color: {p.accent}; }}
    QLabel#heading {{ font-weight: 600; color: {p.muted}; }}
    QLabel#muted, QStatusBar QLabel {{ color: {p.muted}; font-size: 12px; }}
    QStatusBar QLabel {{ padding: 0 5px; }}
    QStatusBar::item {{ border: none; }}
    QLabel#title {{ font-size: 15px; font-weight: 700; }}
    QLabel#position {{ font-weight: 600; }}
    QLabel#story {{ color: {p.text}; font-size: 13px; }}
    QLabel#offline {{ color: {p.text}; background: {p.surface}; border: 1px solid {p.warning}; border-radius: 6px; padding: 8px; }}
    QLabel#error {{ color: {p.wrong}; background: {p.surface}; border: 1px solid {p.wrong}; border-radius: 6px; padding: 8px; }}
    QPlainTextEdit, QLineEdit {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 6px; padding: 5px 8px; }}
    QPlainTextEdit:focus, QLineEdit:focus {{ border-color: {p.accent}; }}
    QComboBox, QSpinBox, QDoubleSpinBox {{ min-height: 26px; }}
    QCheckBox::indicator:unchecked, QRadioButton::indicator:unchecked {{ background: {p.surface}; border: 1px solid {p.muted}; border-radius: 3px; }}
    QRadioButton::indicator:unchecked {{ border-radius: 7px; }}
    QRadioButton::indicator:checked {{ background: {p.on_accent}; border: 4px solid {p.accent}; border-radius: 7px; width: 6px; height: 6px; }}
    QPushButton, QToolButton {{ background: {p.raised}; border: 1px solid {p.border}; border-radius: 6px; padding: 6px 10px; }}
    QPushButton:hover, QToolButton:hover {{ border-color: {p.accent}; }}
    QPushButton:pressed, QToolButton:pressed, QToolButton:checked {{ background: {p.border}; }}
    QPushButton:disabled, QToolButton:disabled {{ color: {p.muted}; }}
    QPushButton#primary {{ background: {p.accent}; color: {p.on_accent}; border: none; font-weight: 600; padding: 9px; }}
    QToolButton#flat {{ background: transparent; border: none; padding: 6px; }}
    QToolButton#flat::menu-indicator {{ image: none; }}
    QLabel#known {{ font-size: 12px; }}
    QToolButton#flat:hover {{ background: {p.raised}; }}
    QWidget#topbar {{ background: {p.window}; border-bottom: 1px solid {p.border}; }}
    QToolButton#tab {{ background: transparent; border: none; border-radius: 6px; padding: 6px 12px; color: {p.muted}; font-weight: 600; }}
    QToolButton#tab:hover {{ background: {p.raised}; color: {p.text}; }}
    QToolButton#tab:checked {{ background: {p.raised}; color: {p.accent}; }}
    QToolButton#tab:focus, QToolButton#chooser:focus {{ border: 1px solid {p.accent}; padding: 5px 11px; }}
    QToolButton#chooser {{ background: transparent; border: 1px solid transparent; padding: 5px 20px 5px 8px; }}
    QToolButton#chooser:hover {{ background: {p.raised}; }}
    QToolButton#chooser::menu-indicator {{ subcontrol-position: right center; right: 5px; }}
    QTabBar::tab {{ background: transparent; border: none; border-bottom: 2px solid transparent; padding: 4px 12px; color: {p.muted}; font-weight: 600; }}
    QTabBar::tab:selected {{ color: {p.text}; border-bottom-color: {p.accent}; }}
    QTabBar::tab:hover {{ color: {p.text}; }}
    QToolButton#chip {{ background: transparent; border: 1px solid {p.border}; border-radius: 11px; padding: 2px 5px; font-size: 12px; color: {p.muted}; }}
    QToolButton#chip:checked {{ background: {p.raised}; color: {p.text}; border-color: {p.accent}; }}
    QToolButton#chip:hover {{ border-color: {p.accent}; }}
    QDialog#palette, QFrame#notice {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 10px; }}
    QFrame#tour {{ background: {p.surface}; border: 1px solid {p.accent}; border-radius: 10px; }}
    QFrame#tour QLabel {{ background: transparent; }}
    QTextBrowser {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 6px; padding: 6px; }}
    QFrame#notice {{ border-color: {p.wrong}; }}
    QFrame#notice[good="true"] {{ border-color: {p.right}; }}
    QListWidget, QTreeWidget {{ background: {p.surface}; alternate-background-color: {p.raised}; border: 1px solid {p.border}; border-radius: 6px; }}
    QDialog#palette QListWidget {{ border: none; }}
    QTreeWidget::item, QTableView::item {{ padding: 4px 4px; }}
    QHeaderView::section {{ background: {p.raised}; color: {p.muted}; border: none; padding: 5px 8px; }}
    QTableView#evaluation QHeaderView::section {{ padding: 5px 1px; }}
    QLabel#bigtitle {{ font-size: 20px; font-weight: 700; }}
    QLabel#group {{ font-size: 14px; font-weight: 700; padding-top: 14px; }}
    QFrame#card {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 10px; }}
    QFrame#card:hover {{ border-color: {p.accent}; }}
    QFrame#banner {{ background: {p.surface}; border: 1px solid {p.border}; border-radius: 8px; }}
    QPushButton#go, QToolButton#go {{ background: {p.accent}; color: {p.on_accent}; border: 1px solid {p.accent}; font-weight: 600; }}
    QPushButton#go:hover, QToolButton#go:hover {{ border-color: {p.text}; }}
    QPushButton#go:disabled {{ background: {p.raised}; color: {p.muted}; border-color: {p.border}; }}
    QListWidget#library {{ background: transparent; border: none; outline: none; }}
    QProgressBar {{ background: {p.border}; border: none; border-radius: 4px; }}
    QProgressBar::chunk {{ background: {p.accent}; border-radius: 4px; }}
    QListView#runs {{ background: transparent; border: none; outline: none; }}
    QSplitter::handle {{ background: transparent; }}
    QTabWidget::pane {{ border: none; }}
    QTabBar {{ background: transparent; }}
    QTabBar::tab {{ background: transparent; color: {p.muted}; padding: 6px 14px; border: none; border-bottom: 2px solid transparent; font-weight: 600; }}
    QTabBar::tab:hover {{ color: {p.text}; }}
    QTabBar::tab:selected {{ color: {p.text}; border-bottom-color: {p.accent}; }}
    QTableWidget {{ background: {p.surface}; alternate-background-color: {p.raised}; border: 1px solid {p.border}; border-radius: 6px; }}
    QMenuBar, QMenu, QStatusBar {{ background: {p.window}; }}
    QMenu {{ border: 1px solid {p.border}; padding: 4px; }}
    QMenu::separator {{ background: {p.border}; height: 1px; margin: 4px 8px; }}
    QMenu::item {{ padding: 6px 24px 6px 16px; border-radius: 4px; }}
    QMenu::item:selected, QMenuBar::item:selected {{ background: {p.accent}; color: {p.on_accent}; }}
    QToolTip {{ background: {p.surface}; color: {p.text}; border: 1px solid {p.border}; padding: 6px; }}
    QWidget#panel {{ background: {p.window}; }}
    QScrollArea {{ border: none; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; }}
    QScrollBar::handle:vertical {{ background: {p.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; }}
    QScrollBar::handle:horizontal {{ background: {p.border}; border-radius: 4px; min-width: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    """


def qt_palette(p: Palette) -> QPalette:
    """The QPalette, with which Qt's style paints boxes and arrows."""
    found = QPalette()
    role = QPalette.ColorRole
    for where, name in {
        role.Window: "window", role.WindowText: "text", role.Base: "surface", role.AlternateBase: "raised", role.Text: "text",
        role.Button: "raised", role.ButtonText: "text", role.Highlight: "accent", role.HighlightedText: "on_accent",
        role.PlaceholderText: "muted", role.ToolTipBase: "surface", role.ToolTipText: "text", role.Mid: "border", role.Light: "raised",
    }.items():  # fmt: skip
        found.setColor(where, p.color(name))
    return found
