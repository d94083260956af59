"""The models that the Library shows: bundled ones, those on this machine and in the Hub's cache, and those known or found on the Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QSettings, Signal

from hrm_model.assets import bundled_models
from hrm_model.checkpoint.locate import is_weights_name
from hrm_model.errors import HRMError
from hrm_model.hub.cache import cached, clear
from hrm_model.hub.client import HubSettings
from hrm_model.hub.known import KNOWN, known
from hrm_studio.services.background import Background
from trainer.runs.run_dir import home

Section = Literal["bundled", "local", "cached", "hub", "found"]

SECTIONS: dict[Section, str] = {
    "bundled": "Included",
    "local": "On this machine",
    "cached": "Downloaded from the Hub",
    "hub": "Known on the Hub",
    "found": "Found on the Hub",
}
_MOST_RUNS = 40
_OPENED, _TRIED = "opened before", "opened just now"


@dataclass(frozen=True)
class LibraryEntry:
    """One model, wherever it is."""

    section: Section
    key: str  # unique: a path, or an id
    title: str
    about: str  # one line about it
    task: str = ""
    path: Path | None = None  # None if it is not on this machine
    id: str = ""  # on the Hub
    nbytes: int = 0
    commit: str = ""
    complete: bool = True

    @property
    def from_elsewhere(self) -> bool:
        """Whether a person added it and can remove it from the list."""
        return self.about in (_OPENED, _TRIED)

    @property
    def words(self) -> str:
        """The text that a search looks in."""
        return f"{self.title} {self.about} {self.task} {self.id} {self.path or ''}".lower()


def look(settings: HubSettings, recent: list[Path], tried: Path | None = None) -> list[LibraryEntry]:
    """All entries except search hits; `tried` comes first among those added by a person. Reads folders: call it in a thread."""
    entries = [LibraryEntry("bundled", str(m.path), m.title, m.name, m.task, m.path, nbytes=_size(m.path)) for m in bundled_models()]
    shipped = {e.path for e in entries}
    for path in recent if tried is None or tried in recent else [tried, *recent]:
        if _may_hold_weights(path) and path not in shipped and all(e.path != path for e in entries):
            about = _OPENED if path in recent else _TRIED
            entries.append(
                LibraryEntry("local", str(path), path.stem if path.suffix == ".zip" else path.name, about, path=path, nbytes=_size(path))
            )
    for folder in _runs():
        if all(e.path != folder for e in entries):
            entries.append(LibraryEntry("local", str(folder), folder.name, "trained here", path=folder))
    copies = cached(settings)
    for copy in copies:
        published = known(copy.id)
        about = copy.id if copy.weights else f"{copy.id}, incomplete"
        title, task = (published.title, published.task) if published else (copy.id.partition("/")[2], "")
        place = copy.path if copy.weights else None
        entries.append(
            LibraryEntry(
                "cached", f"cache:{copy.id}@{copy.commit}", title, about, task, place, copy.id, copy.nbytes, copy.commit, bool(copy.weights)
            )
        )
    there = {copy.id for copy in copies}
    for model in KNOWN:
        if model.id not in there:
            entries.append(
                LibraryEntry(
                    "hub", model.id, model.title, model.accuracy or model.note or model.id, model.task, id=model.id, nbytes=model.nbytes
                )
            )
    return entries


def _runs() -> list[Path]:
    """Run folders with a checkpoint, newest first."""
    runs = home() / "runs"
    found = [r for r in runs.glob("*") if any((r / "checkpoints").glob("step_*"))] if runs.is_dir() else []
    return sorted(found, key=lambda r: -r.stat().st_mtime)[:_MOST_RUNS]


def _may_hold_weights(path: Path) -> bool:
    if path.is_dir():
        return (
            (path / "checkpoints").is_dir()
            or any(is_weights_name(f.name) for f in path.iterdir())
            or any(f.is_dir() for f in path.iterdir())
        )
    return path.is_file() and (is_weights_name(path.name) or path.suffix == ".zip")


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(f.stat().st_size for f in path.glob("*") if f.is_file())


class LibraryModel(QObject):
    """Signals
    -------
    changed()           the entries
    chosen_changed()    `chosen` is another one
    refused(str)        why something could not be done
    """

    changed = Signal()
    chosen_changed = Signal()
    refused = Signal(str)

    def __init__(self, background: Background, settings: QSettings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background, self._settings = background, settings
        self.entries: list[LibraryEntry] = []
        self._local: list[LibraryEntry] = []
        self._found: list[LibraryEntry] = []
        self.chosen: LibraryEntry | None = None
        self.token = ""  # kept for this session only; `hf auth login` keeps one for good
        self._wanted = ""  # a key to choose once it is there
        self._tried: Path | None = None  # added but not inspected yet; it is listed so that it can be

    # Requests to the Hub ----------------------------------------------------------------------------------------------

    def stored(self, name: str) -> str:
        value = self._settings.value(f"hub/{name}")
        return value if isinstance(value, str) else ""

    @property
    def hub(self) -> HubSettings:
        cache = self.stored("cache")
        return HubSettings(
            self.stored("endpoint") or None, self.token or None, Path(cache) if cache else None, self.stored("offline") == "yes"
        )

    def set_hub(self, endpoint: str, token: str, cache: str, offline: bool) -> None:
        for name, value in (("endpoint", endpoint.strip().rstrip("/")), ("cache", cache.strip()), ("offline", "yes" if offline else "")):
            self._settings.setValue(f"hub/{name}", value)
        self.token = token.strip()
        self.refresh()

    def request_settings(self) -> dict[str, Any]:
        """The settings of a request to the Hub."""
        hub = self.hub
        return {"endpoint": hub.endpoint, "token": hub.token, "cache": str(hub.cache) if hub.cache else None, "offline": hub.offline}

    # Entries ----------------------------------------------------------------------------------------------------------

    def refresh(self, choose: str = "") -> None:
        """Read the list again; `choose`: the key to choose afterwards."""
        self._wanted = choose or self._wanted
        paths = [Path(p) for p in dict.fromkeys(self._kept("recent_models") + self._kept("recent_files"))]
        hub, tried = self.hub, self._tried
        self._background.run(lambda: _tried(hub, paths, tried), self._take)

    def _take(self, entries: list[LibraryEntry] | str) -> None:
        if isinstance(entries, str):
            self.refused.emit(entries)
            return
        self._local = entries
        self._publish()

    def show_found(self, models: list[dict[str, Any]]) -> None:
        """The hits of a search on the Hub."""
        there = {e.id for e in self._local if e.id}
        self._found = [
            LibraryEntry(
                "found", f"found:{m['id']}", m["id"], f"{m['licence'] or 'licence unknown'}, {m['downloads']:,} downloads", id=m["id"]
            )
            for m in models
            if m["id"] not in there
        ]
        self._publish()

    def _publish(self) -> None:
        self.entries = [*self._local, *self._found]
        self.changed.emit()
        before = self.chosen
        key = self._wanted or (before.key if before else "")
        found = next((e for e in self.entries if e.key == key), None)
        if found is None and before is not None and before.id:  # downloaded or deleted meanwhile: it is in another section now
            found = next((e for e in self.entries if e.id == before.id), None)
        found = found or (self.entries[0] if self.entries else None)
        if found is not None and found.key == self._wanted:
            self._wanted = ""
        if found != before:
            self.chosen = found
            self.chosen_changed.emit()

    def choose(self, entry: LibraryEntry) -> None:
        if entry != self.chosen:
            self.chosen = entry
            self.chosen_changed.emit()

    def add(self, path: Path) -> None:
        """Show a checkpoint from anywhere. It is remembered once it could be inspected."""
        path = path.absolute()  # the next session may begin in another folder
        self._tried = path
        if self.chosen is not None and self.chosen.key == str(path):
            self.chosen = None  # inspect it again
        self.refresh(choose=str(path))

    def looked_into(self, path: Path, good: bool) -> None:
        """Report how the inspection of a model ended: a good one that was added is remembered, a bad one leaves the list when it is next read."""
        if path == self._tried:
            self._tried = None
            if good:
                self._settings.setValue("recent_models", [str(path), *(p for p in self._kept("recent_models") if p != str(path))][:20])

    def _kept(self, name: str) -> list[str]:
        kept = self._settings.value(name)
        found = kept if isinstance(kept, list) else [kept]
        return [p for p in found if isinstance(p, str) and Path(p).is_absolute()]

    def forget(self, entry: LibraryEntry) -> None:
        """Remove a local model from the list; its files stay."""
        if entry.path == self._tried:
            self._tried = None
        for name in ("recent_models", "recent_files"):
            self._settings.setValue(name, [p for p in self._kept(name) if p != entry.key])
        self.refresh()

    def delete_copy(self, entry: LibraryEntry) -> None:
        """Delete a model from the Hub's cache."""
        hub = self.hub
        self._background.run(lambda: _cleared(entry.id, hub), self._cleared)

    def _cleared(self, fault: str) -> None:
        if fault:
            self.refused.emit(fault)
        self.refresh()


def _tried(hub: HubSettings, paths: list[Path], tried: Path | None) -> list[LibraryEntry] | str:
    try:
        return look(hub, paths, tried)
    except OSError as error:
        return f"{error.filename}: cannot be read ({error.strerror})"


def _cleared(repo: str, hub: HubSettings) -> str:
    try:
        clear(repo, hub)
    except HRMError as error:
        return str(error)
    return ""
