"""Fetching a model from the Hub, told step by step; `hub_process` does it in a process of its own. The events:

    {"type": "started", "id": …, "commit": …, "files": [[name, size], …], "bytes": total, "have": already there}
    {"type": "progress", "bytes": n, "total": …, "speed": bytes a second over the last seconds, "stalled": seconds without a byte}
    {"type": "retrying", "reason": …, "wait": seconds, "attempt": n}
    {"type": "verifying", "file": …}
    {"type": "finished", "path": folder, "commit": …}

Bytes go to blobs/HASH.incomplete in huggingface_hub's cache. Ending the process is pausing: the next one asks for the rest only. A
file joins the cache once its hash is the one that the Hub told.
"""

from __future__ import annotations

import hashlib
import os
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from hrm_model.errors import HubError
from hrm_model.hub.client import HubFile, HubSettings, Repo, choose, describe, from_cache, told

Event = dict[str, Any]

_TELL_EVERY = 0.25  # seconds
_SPEED_OVER = 3.0  # seconds
_ATTEMPTS = 5
_SPARE = 64 << 20  # bytes of a disk that a download leaves free
_CHUNK = 1 << 16


class _Cancelled(Exception):
    pass


class _Meter:
    """Bytes that are there, and how fast they come: over the last seconds, so that a stall shows as 0."""

    def __init__(self, total: int, have: int) -> None:
        self.total, self.bytes = total, have
        self.cancelled = threading.Event()
        self._history: deque[tuple[float, int]] = deque([(time.monotonic(), have)])
        self._last = time.monotonic()

    def add(self, count: int) -> None:
        self.bytes += count
        self._last = time.monotonic()

    def progress(self) -> Event:
        now = time.monotonic()
        self._history.append((now, self.bytes))
        while len(self._history) > 2 and now - self._history[0][0] > _SPEED_OVER:
            self._history.popleft()
        since, before = self._history[0]
        speed = max(0.0, (self.bytes - before) / max(now - since, 0.05))
        return {"type": "progress", "bytes": self.bytes, "total": self.total, "speed": round(speed), "stalled": round(now - self._last, 1)}


class _Sink:
    """The file that huggingface_hub writes to; counts, and stops where it is told to."""

    def __init__(self, file: BinaryIO, meter: _Meter) -> None:
        self._file, self._meter = file, meter
        self.name = file.name

    def write(self, data: bytes) -> int:
        if self._meter.cancelled.is_set():
            raise _Cancelled
        view = memoryview(data)
        while view:  # unbuffered writes may be short
            view = view[self._file.write(view) :]
        self._meter.add(len(data))
        return len(data)

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def truncate(self, size: int | None = None) -> int:
        before = os.fstat(self._file.fileno()).st_size
        after = self._file.truncate(size)
        self._meter.add(after - before)  # a server that knows no ranges begins anew
        return after

    def flush(self) -> None:
        self._file.flush()


def download(
    repo_id: str, settings: HubSettings, *, revision: str | None = None, file: str | None = None, first_wait: float = 1.0
) -> Iterator[Event]:
    """Fetch what `choose` finds needed, as events. HubError where it cannot be done; closing the generator stops it, and keeps what is there."""
    if settings.is_offline:
        there = from_cache(repo_id, settings, revision)
        yield {"type": "finished", "path": str(there.path), "commit": there.commit}
        return
    attempt = 0
    while True:
        try:
            repo = describe(repo_id, settings, revision)
            break
        except HubError as error:
            attempt += 1
            if not error.passing or attempt >= _ATTEMPTS:
                raise
            yield from _pause(error, attempt, first_wait)
    files = choose(repo, file)
    blobs = settings.cache_dir / f"models--{repo.id.replace('/', '--')}" / "blobs"
    have = sum(_there(blobs, f) for f in files)
    total = sum(f.size for f in files)
    yield {
        "type": "started",
        "id": repo.id,
        "commit": repo.commit,
        "files": [[f.name, f.size] for f in files],
        "bytes": total,
        "have": have,
    }
    _room_for(total - have, blobs, repo.id)
    meter = _Meter(total, have)
    with _alone(repo, blobs):
        for wanted in files:
            yield from _fetch(repo, wanted, blobs, settings, meter, first_wait)
    yield meter.progress()
    path = _link(repo, files, settings, revision)
    yield {"type": "finished", "path": str(path), "commit": repo.commit}


@contextmanager
def _alone(repo: Repo, blobs: Path) -> Iterator[None]:
    """One process a model: two would write into the same file. The lock goes with its process, however that ends."""
    with told(repo.id):
        blobs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(blobs.parent / ".hrm-download.lock", timeout=2)
    try:
        lock.acquire()
    except Timeout:
        raise HubError(f"{repo.id}: another process is fetching it; wait for that one, or stop it", "busy") from None
    try:
        yield
    finally:
        lock.release()


def _there(blobs: Path, file: HubFile) -> int:
    """Bytes of a file that are in the cache."""
    for name in (file.etag, file.etag + ".incomplete"):
        try:
            return min((blobs / name).stat().st_size, file.size)
        except OSError:
            continue
    return 0


def _room_for(needed: int, blobs: Path, name: str) -> None:
    folder = blobs
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise HubError(
            f"{name}: needs {needed / 1e6:,.0f} MB more, and the disk of {folder} has {free / 1e6:,.0f} MB free; make room", "disk"
        )


def _pause(error: HubError, attempt: int, first_wait: float) -> Iterator[Event]:
    wait = first_wait * 2 ** (attempt - 1)
    yield {"type": "retrying", "reason": str(error), "wait": wait, "attempt": attempt}
    time.sleep(wait)


def _fetch(repo: Repo, file: HubFile, blobs: Path, settings: HubSettings, meter: _Meter, first_wait: float) -> Iterator[Event]:
    """One file, in a thread; events come from here while it runs, also while nothing arrives."""
    if (blobs / file.etag).exists():
        return
    attempt = 0
    while True:
        before = meter.bytes
        outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        thread = threading.Thread(target=_get, args=(repo, file, blobs, settings, meter, outcome), name="download", daemon=True)
        thread.start()
        error: BaseException | None = None
        try:
            while True:
                try:
                    error = outcome.get(timeout=_TELL_EVERY)
                    break
                except queue.Empty:
                    yield meter.progress()
        except GeneratorExit:
            meter.cancelled.set()
            raise
        if error is None:
            break
        if not isinstance(error, HubError) or not error.passing:
            raise error
        attempt = 1 if meter.bytes > before else attempt + 1
        if attempt >= _ATTEMPTS:
            raise error
        yield from _pause(error, attempt, first_wait)
    yield {"type": "verifying", "file": file.name}
    _verify(repo, file, blobs)


def _get(
    repo: Repo, file: HubFile, blobs: Path, settings: HubSettings, meter: _Meter, outcome: queue.SimpleQueue[BaseException | None]
) -> None:
    try:
        with told(f"{repo.id}, {file.name}"):
            from huggingface_hub import constants, hf_hub_url
            from huggingface_hub.file_download import http_get
            from huggingface_hub.utils import build_hf_headers

            constants.DOWNLOAD_CHUNK_SIZE = _CHUNK  # 10 MB at a time would show no progress on a slow line, and lose it on a pause
            url = hf_hub_url(repo.id, file.name, revision=repo.commit, endpoint=settings.endpoint)
            headers = build_hf_headers(token=settings.token) | {"Accept-Encoding": "identity"}
            with (blobs / f"{file.etag}.incomplete").open("ab", buffering=0) as stream:
                if stream.tell() > file.size:
                    stream.truncate(0)
                    stream.seek(0)
                sink: Any = _Sink(stream, meter)
                http_get(url, sink, resume_size=stream.tell(), headers=headers, expected_size=file.size, displayed_filename=file.name)
    except BaseException as error:
        outcome.put(error)
    else:
        outcome.put(None)


def _verify(repo: Repo, file: HubFile, blobs: Path) -> None:
    """The hash that the Hub told: SHA-256 of a large file, git's of a small one. A file with another is deleted."""
    part = blobs / f"{file.etag}.incomplete"
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % part.stat().st_size, usedforsecurity=False)
    with part.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    if digest.hexdigest() != file.etag:
        part.unlink()
        raise HubError(
            f"{repo.id}, {file.name}: what arrived has the hash {digest.hexdigest()[:12]}… and not {file.etag[:12]}…; it was deleted, fetch it again",
            "hash",
        )
    os.replace(part, blobs / file.etag)


def _link(repo: Repo, files: tuple[HubFile, ...], settings: HubSettings, revision: str | None) -> Path:
    """Let huggingface_hub give the blobs their names in a snapshot of this commit, where every program finds them."""
    with told(repo.id):
        from huggingface_hub import hf_hub_download

        for file in reversed(files):
            path = hf_hub_download(
                repo.id, file.name, revision=repo.commit, cache_dir=settings.cache_dir, endpoint=settings.endpoint, token=settings.token
            )
    if (revision or "main") != repo.commit:
        ref = settings.cache_dir / f"models--{repo.id.replace('/', '--')}" / "refs" / (revision or "main").replace("/", "_")
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(repo.commit, encoding="utf-8")
    return Path(path).parent
