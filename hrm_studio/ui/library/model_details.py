"""A checkpoint on this machine: its facts, diagram, tensors, settings and card, shown before it is loaded."""

from __future__ import annotations

from pathlib import Path

import qtawesome
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hrm_model.checkpoint.inspect import Inspection, dtypes
from hrm_model.config import EVERY_SIZE
from hrm_studio.models.library import LibraryEntry
from hrm_studio.models.opener import short_path
from hrm_studio.services.background import Background
from hrm_studio.theme import Theme
from hrm_studio.ui.library.block_diagram import BlockDiagram
from hrm_studio.ui.library.model_card import show_card
from hrm_studio.ui.library.settings_table import SettingsTable
from hrm_studio.ui.library.tensor_view import TensorView
from hrm_studio.ui.widgets.flow_layout import FlowLayout
from hrm_studio.units import count, puzzles_read, size

_LONGEST_CARD = 64 << 10  # characters


class ModelDetails(QWidget):
    """Signals
    -------
    explore_wanted()        open in Explore
    convert_wanted()        to safetensors
    export_wanted()         write with a model card
    push_wanted()           to the Hub
    delete_wanted()         delete from the cache, or remove from the list
    """

    explore_wanted = Signal()
    convert_wanted = Signal()
    export_wanted = Signal()
    push_wanted = Signal()
    delete_wanted = Signal()

    def __init__(self, background: Background, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entry: LibraryEntry | None = None
        self._inspection: Inspection | None = None
        self.title = QLabel(objectName="bigtitle")
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.path = QLabel(objectName="muted", textInteractionFlags=Qt.TextInteractionFlag.TextSelectableByMouse)
        self.path.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.explore = QPushButton("Open in Explore", objectName="go")
        self.explore.setToolTip("Use this model in Explore (or double-click it in the list)")
        self.explore.clicked.connect(self.explore_wanted)
        self.more = QToolButton(text="More", toolTip="More actions on this model", popupMode=QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.more)
        self.convert = self.menu.addAction("Convert to safetensors …", self.convert_wanted.emit)
        self.export = self.menu.addAction("Export with a model card …", self.export_wanted.emit)
        self.push = self.menu.addAction("Push to the Hub …", self.push_wanted.emit)
        self.menu.addSeparator()
        self.delete = self.menu.addAction("", self.delete_wanted.emit)
        self.more.setMenu(self.menu)
        self.tiles = QWidget()
        self._flow = FlowLayout(self.tiles, 8)
        policy = self.tiles.sizePolicy()
        policy.setHeightForWidth(True)
        self.tiles.setSizePolicy(policy)
        self.banner = QLabel(objectName="banner", wordWrap=True, visible=False)
        self.diagram = BlockDiagram(theme)
        self.tensors = TensorView(background, theme)
        self.settings = SettingsTable(theme)
        self.card = QTextBrowser(openExternalLinks=True, openLinks=True, accessibleName="Model card")
        area = QScrollArea(widgetResizable=True)
        area.setAccessibleName("Structure")
        area.setWidget(self.diagram)
        self.tabs = QTabWidget(documentMode=True, accessibleName="Details of the model")
        self.tabs.addTab(area, "Structure")
        self.tabs.addTab(self.tensors, "Tensors")
        self.tabs.addTab(self.settings, "Settings")
        self.tabs.addTab(self.card, "Card")
        head = QHBoxLayout()
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self.title)
        names.addWidget(self.path)
        head.addLayout(names, 1)
        head.addWidget(self.explore)
        head.addWidget(self.more)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addWidget(self.tiles)
        layout.addWidget(self.banner)
        layout.addWidget(self.tabs, 1)
        layout.addStretch()  # without tabs, the banner stays small
        self.diagram.tensor_wanted.connect(self._show_tensor)
        theme.changed.connect(self._colours)
        self._colours()

    def show_waiting(self, entry: LibraryEntry) -> None:
        """Shown while the checkpoint is inspected."""
        self._entry, self._inspection = entry, None
        self._head(entry)
        self._show_tiles([])
        self.banner.hide()
        self.tabs.hide()
        self._enable(False)

    def show_fault(self, entry: LibraryEntry, message: str) -> None:
        """Shown if the checkpoint cannot be inspected."""
        self.show_waiting(entry)
        self._banner(message, "wrong")

    def show_inspection(self, entry: LibraryEntry, found: Inspection, by_hand: dict[str, object]) -> None:
        self._entry, self._inspection = entry, found
        self._head(entry)
        self._show_tiles(_tiles(found))
        assumed = [f.name for f in found.inferred if f.assumed]
        if found.fault:
            self._banner(f"Cannot load this checkpoint: {found.fault}.", "wrong")
        elif assumed:
            self._banner(
                f"Not given in any file, so taken from the published models: {', '.join(assumed)}. Check them in Settings.", "warning"
            )
        else:
            notes = [n for n in found.notes if not n.startswith("no configuration")]
            self._banner("; ".join(notes), "muted") if notes else self.banner.hide()
        self.diagram.show_inspection(found)
        self.tensors.show_inspection(found)
        self.settings.show_inspection(found, by_hand)
        self._show_card(found.files.card)
        self.tabs.show()
        self._enable(not found.fault)

    def _show_tensor(self, name: str) -> None:
        self.tensors.choose(name)
        self.tabs.setCurrentWidget(self.tensors)

    def _head(self, entry: LibraryEntry) -> None:
        self.title.setText(entry.title)
        where = f"{entry.id} at {entry.commit[:12]}" if entry.id and entry.commit else short_path(entry.path) if entry.path else entry.id
        self.path.setText(where)
        self.path.setToolTip(str(entry.path or ""))
        self.delete.setText("Delete from the Hub cache" if entry.section == "cached" else "Remove from this list")
        self.delete.setVisible(entry.section == "cached" or entry.from_elsewhere)

    def _enable(self, usable: bool) -> None:
        for action in (self.convert, self.export, self.push):
            action.setEnabled(usable)
        self.explore.setEnabled(usable)

    def _banner(self, text: str, colour: str) -> None:
        palette = self._theme.palette
        tint = getattr(palette, colour)
        self.banner.setText(text)
        self.banner.setStyleSheet(
            f"QLabel {{ background: {palette.surface}; border: 1px solid {tint}; border-radius: 8px; padding: 8px 12px; color: {palette.text}; }}"
        )
        self.banner.show()

    def _show_tiles(self, tiles: list[tuple[str, str, str]]) -> None:
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for caption, value, about in tiles:
            tile = QFrame(objectName="banner", toolTip=about)
            column = QVBoxLayout(tile)
            column.setContentsMargins(12, 6, 12, 7)
            column.setSpacing(0)
            column.addWidget(QLabel(caption, objectName="muted"))
            column.addWidget(QLabel(value, objectName="position"))
            self._flow.addWidget(tile)
        self.tiles.setVisible(bool(tiles))

    def _show_card(self, file: Path | None) -> None:
        text = ""
        if file is not None:
            try:
                with file.open(encoding="utf-8", errors="replace") as stream:
                    text = stream.read(_LONGEST_CARD)
            except OSError as error:
                text = f"Could not read {file}: {error.strerror}"
        if text.startswith("---\n"):
            text = text.partition("\n---")[2].partition("\n")[2]
        show_card(self.card.document(), text, self._theme.palette)
        self.card.setTextCursor(QTextCursor(self.card.document()))  # show the top
        self.tabs.setTabVisible(3, bool(text))

    def _colours(self) -> None:
        self.explore.setIcon(qtawesome.icon("mdi6.eye-outline", color=self._theme.palette.on_accent))
        if self._entry is not None and self._inspection is not None:
            self.show_inspection(self._entry, self._inspection, dict(self.settings.by_hand))


def _tiles(found: Inspection) -> list[tuple[str, str, str]]:
    config = found.config
    tiles = []
    if config is not None:
        trained = f"{config.seq_len} cells of {config.vocab_size} tokens"
        every = config.mixer in EVERY_SIZE
        tiles.append(
            (
                "reads" if every else "task",
                puzzles_read(config),
                f"one set of weights for all sizes; trained on {trained}" if every else trained,
            )
        )
    tiles.append(("kind", found.kind, "HRM has two modules, slow H and fast L; TRM updates both states with one"))
    tiles.append(("parameters", count(found.parameters), f"{found.parameters:,}, without initial states and puzzle vectors"))
    if found.puzzle_numbers:
        rows = found.puzzle_numbers // max(config.puzzle_emb_ndim, 1) if config else 0
        tiles.append(("puzzle vectors", f"{rows:,}", f"{found.puzzle_numbers:,} numbers"))
    tiles.append(("file", size(found.file.size), f"{found.files.weights.name}, {found.file.kind}, {dtypes(found)}"))
    disk = f" + {size(found.mapped_bytes)} on disk" if found.mapped_bytes else ""
    tiles.append(
        (
            "memory",
            f"{size(found.memory_bytes)}{disk}",
            "Memory for the loaded weights. A large table of puzzle vectors stays on disk; rows are read when needed",
        )
    )
    if config is not None:
        tiles.append(
            (
                "segment",
                f"{config.H_cycles} × ({config.L_cycles} L + H)",
                f"{config.H_cycles} H-cycles of {config.L_cycles} L-steps and one H step",
            )
        )
        heads = f", {config.num_heads} heads" if config.mixer == "attention" else ""
        positions = {"units": "a state for each digit of each cell", "neighbours": "a state for each cell"}.get(
            config.mixer, f"positions: {config.pos_encodings}"
        )
        tiles.append(("width", f"{config.hidden_size}{heads}", f"{positions}; SwiGLU {config.swiglu_size}"))
    return tiles
