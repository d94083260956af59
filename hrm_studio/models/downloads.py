"""Downloads from the Hub and their progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal

from hrm_studio.services.child_process import ChildProcess
from hrm_studio.services.hub_service import Event, HubService

State = Literal["starting", "running", "waiting", "checking", "paused", "failed", "finished"]


@dataclass(frozen=True)
class Download:
    """One model that is or was being fetched."""

    id: str
    state: State = "starting"
    nbytes: int = 0
    total: int = 0
    speed: float = 0.0  # bytes a second
    stalled: float = 0.0  # seconds without a byte
    message: str = ""
    commit: str = ""
    path: str = ""
    revision: str = ""
    file: str = ""

    @property
    def live(self) -> bool:
        return self.state in ("starting", "running", "waiting", "checking")

    @property
    def seconds_left(self) -> float | None:
        """None while the speed is not known."""
        return (self.total - self.nbytes) / self.speed if self.speed > 0 and self.total else None


class Downloads(QObject):
    """Pausing ends the process and keeps its bytes; resuming starts another for the rest.

    Signals
    -------
    changed(str)    a download of that id is another one
    finished(str)   it is in the cache
    """

    changed = Signal(str)
    finished = Signal(str)

    def __init__(self, service: HubService, settings: Callable[[], dict[str, Any]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._service, self._settings = service, settings
        self._requests: dict[str, ChildProcess] = {}
        self.by_id: dict[str, Download] = {}

    def start(self, repo: str, revision: str = "", file: str = "") -> None:
        """Download a model; continues where an earlier attempt ended."""
        if repo in self._requests:
            return
        self._set(Download(repo, revision=revision, file=file))
        self._service.settings = self._settings()
        self._requests[repo] = self._service.ask(
            lambda event: self._event(repo, event), do="download", id=repo, revision=revision or None, file=file or None
        )

    def pause(self, repo: str) -> None:
        self._stop(repo)
        if repo in self.by_id:
            self._set(replace(self.by_id[repo], state="paused", speed=0.0))

    def resume(self, repo: str) -> None:
        """Also after a failure."""
        before = self.by_id[repo]
        self.start(repo, before.revision, before.file)
        self._set(replace(self.by_id[repo], nbytes=before.nbytes, total=before.total))

    def forget(self, repo: str) -> None:
        """Stop it and remove it from the list. Its bytes stay in the cache until that is cleared."""
        self._stop(repo)
        if self.by_id.pop(repo, None) is not None:
            self.changed.emit(repo)

    def _stop(self, repo: str) -> None:
        request = self._requests.pop(repo, None)
        if request is not None:
            request.stop()

    def _set(self, download: Download) -> None:
        self.by_id[download.id] = download
        self.changed.emit(download.id)

    def _event(self, repo: str, event: Event) -> None:
        before = self.by_id.get(repo)
        if before is None or repo not in self._requests:
            return  # stopped meanwhile
        kind = event["type"]
        if kind == "started":
            self._set(replace(before, state="running", nbytes=event["have"], total=event["bytes"], commit=event["commit"]))
        elif kind == "progress":
            self._set(replace(before, state="running", nbytes=event["bytes"], speed=event["speed"], stalled=event["stalled"], message=""))
        elif kind == "retrying":
            self._set(replace(before, state="waiting", speed=0.0, message=f"{event['reason']}. Trying again in {event['wait']:.0f} s."))
        elif kind == "verifying":
            self._set(replace(before, state="checking", speed=0.0))
        elif kind == "failed":
            self._requests.pop(repo, None)
            self._set(replace(before, state="failed", speed=0.0, message=event["message"]))
        elif kind == "finished":
            self._requests.pop(repo, None)
            self._set(replace(before, state="finished", speed=0.0, nbytes=before.total, path=event["path"], commit=event["commit"]))
            self.finished.emit(repo)
