"""Downloading a model from the Hub as a stream of events; hub/process.py does it in a process of its own. The events:

    {"type": "started", "id": …, "commit": …, "files": [[name, size], …], "bytes": total, "have": already there}
    {"type": "progress", "bytes": n, "total": …, "speed": bytes a second over the last seconds, "stalled": seconds without a byte}
    {"type": "retrying", "reason": …, "wait": seconds, "attempt": n}
    {"type": "verifying", "file": …}
    {"type": "finished", "path": folder, "commit": …}

Ending the process is pausing: bytes are kept in blobs/HASH.incomplete of huggingface_hub's cache, and the next process asks for the
rest only. They are read through huggingface_hub's HfFileSystem, which reads any range of a file in all its versions. Its
hf_hub_download forgets an unfinished file from about version 1.20 on, and reports no progress before about 1.10; so it only gives a
complete file its place in the cache. A file gets there once its hash is the one that the Hub names.
"""

from __future__ import annotations

import errno
import hashlib
import queue
import shutil
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from hrm_model.errors import HubError
from hrm_model.files import replace
from hrm_model.hub.cache import from_cache
from hrm_model.hub.client import HubFile, HubSettings, Repo, choose, describe, hub_errors

Event = dict[str, Any]

_REPORT_EVERY = 0.25  # seconds
_SPEED_OVER = 3.0  # seconds
_ATTEMPTS = 5
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_SPARE = 64 << 20  # bytes of a disk that a download leaves free
# Bytes of one request: what arrives in about a second, so that progress moves and a pause loses little on any line.
_LEAST, _FIRST, _MOST = 64 << 10, 256 << 10, 32 << 20


class _Cancelled(Exception):
    pass


class _Meter:
    """Bytes that are there, and how fast they arrive: over the last seconds, so that a stall shows as 0."""

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


def download(
    repo_id: str, settings: HubSettings, *, revision: str | None = None, file: str | None = None, first_wait: float = 1.0
) -> Iterator[Event]:
    """Download the files that `choose` finds needed. HubError. Closing the generator stops it; what arrived is kept."""
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
    transfer = _Transfer(repo, settings, blobs, _Meter(total, have), first_wait)
    with _alone(repo, blobs):
        for wanted in files:
            yield from transfer.fetch(wanted)
        yield transfer.meter.progress()
        path = _place(repo, files, settings, revision)
    yield {"type": "finished", "path": str(path), "commit": repo.commit}


@contextmanager
def _alone(repo: Repo, blobs: Path) -> Iterator[None]:
    """One process for each model: two would write into the same file. The lock goes with its process, however that ends."""
    with hub_errors(repo.id):
        blobs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(blobs.parent / ".hrm-download.lock", timeout=2)
    try:
        lock.acquire()
    except Timeout:
        raise HubError(f"{repo.id}: another process is downloading it. Wait for that one, or stop it", "busy") from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise HubError(f"{repo.id}: {blobs.parent} cannot be written ({error.strerror or error})", "disk") from None
        # A file system without locks. If two processes do meet here, the hash shows it, and the file is downloaded again.
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
        raise HubError(f"{name}: needs {needed / 1e6:,.0f} MB more, and {folder} has {free / 1e6:,.0f} MB free. Make room", "disk")


def _pause(error: HubError, attempt: int, first_wait: float) -> Iterator[Event]:
    wait = first_wait * 2 ** (attempt - 1)
    yield {"type": "retrying", "reason": str(error), "wait": wait, "attempt": attempt}
    time.sleep(wait)


class _Transfer:
    """Files of one commit, one after the other, each in a thread: events go on while nothing arrives."""

    def __init__(self, repo: Repo, settings: HubSettings, blobs: Path, meter: _Meter, first_wait: float) -> None:
        self.meter = meter
        self._repo, self._settings, self._blobs, self._first_wait = repo, settings, blobs, first_wait

    def fetch(self, file: HubFile) -> Iterator[Event]:
        """One file into the cache's blobs, unless it is there. Tries again after faults that pass. HubError."""
        if (self._blobs / file.etag).exists():
            return
        attempt = 0
        while True:
            before = self.meter.bytes
            error = yield from self._try(file)
            if error is None:
                break
            if not isinstance(error, HubError) or not error.passing:
                raise error
            attempt = 1 if self.meter.bytes > before else attempt + 1
            if attempt >= _ATTEMPTS:
                raise error
            yield from _pause(error, attempt, self._first_wait)
        yield {"type": "verifying", "file": file.name}
        self._verify(file)

    def _try(self, file: HubFile) -> Generator[Event, None, BaseException | None]:
        """What ended it; None if the file is complete."""
        outcome: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, args=(file, outcome), name="download", daemon=True).start()
        while True:
            try:
                return outcome.get(timeout=_REPORT_EVERY)
            except queue.Empty:
                pass
            try:
                yield self.meter.progress()
            except GeneratorExit:
                self.meter.cancelled.set()
                raise

    def _run(self, file: HubFile, outcome: queue.SimpleQueue[BaseException | None]) -> None:
        try:
            with hub_errors(f"{self._repo.id}, {file.name}"):
                self._read(file)
        except BaseException as error:
            outcome.put(error)
        else:
            outcome.put(None)

    def _read(self, file: HubFile) -> None:
        """Append what is missing to the part."""
        with self._part(file).open("ab", buffering=0) as sink:
            if sink.tell() > file.size:
                sink.truncate(0)
                sink.seek(0)
            place = sink.tell()
            if place == file.size:
                return
            with self._open(file) as source:
                length = _FIRST
                while place < file.size:
                    length = min(length, file.size - place)
                    begin = time.monotonic()
                    source.seek(place)
                    data = source.read(length)
                    if self.meter.cancelled.is_set():
                        raise _Cancelled
                    if place and len(data) == file.size:  # a server that does not know ranges
                        sink.truncate(0)
                        self.meter.add(-place)
                        place = 0
                    elif len(data) not in (length, file.size - place):  # the second: it does not know where a range ends
                        raise ConnectionError(f"{len(data):,} bytes arrived instead of {length:,}")
                    view = memoryview(data)
                    while view:  # a write to an unbuffered file may be short, as before a full disk
                        written = sink.write(view)
                        self.meter.add(written)
                        view = view[written:]
                    place += len(data)
                    took = time.monotonic() - begin
                    length = min(2 * length, _MOST) if took < 0.5 else max(length // 2, _LEAST) if took > 2 else length

    def _open(self, file: HubFile) -> IO[bytes]:
        """The file on the Hub. Each read is one request of that range."""
        from huggingface_hub import HfFileSystem

        system = HfFileSystem(endpoint=self._settings.endpoint, token=self._settings.token, skip_instance_cache=True)
        # With its size and without a cache nothing is asked for beside the ranges.
        options: dict[str, Any] = {"revision": self._repo.commit, "size": file.size, "block_size": _FIRST, "cache_type": "none"}
        opened: IO[bytes] = system.open(f"{self._repo.id}/{file.name}", "rb", **options)
        return opened

    def _part(self, file: HubFile) -> Path:
        return self._blobs / f"{file.etag}.incomplete"

    def _verify(self, file: HubFile) -> None:
        """Compare the hash: SHA-256 of a large file, git's of a small one. A file with another hash is deleted."""
        part = self._part(file)
        digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % part.stat().st_size, usedforsecurity=False)
        with part.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
        if digest.hexdigest() != file.etag:
            part.unlink()
            raise HubError(
                f"{self._repo.id}, {file.name}: corrupt. Its hash is {digest.hexdigest()[:12]}… instead of {file.etag[:12]}…; "
                "it was deleted, so download it again",
                "hash",
            )
        replace(part, self._blobs / file.etag)


def _place(repo: Repo, files: tuple[HubFile, ...], settings: HubSettings, revision: str | None) -> Path:
    """Let huggingface_hub give the blobs their names in a snapshot of this commit, where every program finds them."""
    with hub_errors(repo.id):
        from huggingface_hub import hf_hub_download

        options: dict[str, Any] = {"cache_dir": settings.cache_dir, "endpoint": settings.endpoint, "token": settings.token}
        for file in reversed(files):
            path = hf_hub_download(repo.id, file.name, revision=repo.commit, **options)
        if revision != repo.commit:  # it also notes which commit a branch or tag names, for use while offline
            hf_hub_download(repo.id, files[-1].name, revision=revision, **options)
    return Path(path).parent
