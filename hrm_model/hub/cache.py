"""HRM models in huggingface_hub's cache, which other programs share: listed, found, deleted."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrm_model.checkpoint.locate import is_weights_name, rank
from hrm_model.errors import HubError
from hrm_model.hub.client import HubSettings
from hrm_model.hub.known import known

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo, CachedRevisionInfo, HFCacheInfo

_SMALL = 256 << 10  # bytes; a config.json is shorter


@dataclass(frozen=True)
class Cached:
    """A model in the cache."""

    id: str
    commit: str
    path: Path  # a folder that can be opened
    nbytes: int
    weights: str  # the file's name in the repository, '' while it is not complete
    refs: frozenset[str] = frozenset()  # branches and tags that name this commit


def cached(settings: HubSettings) -> list[Cached]:
    """HRM models in the cache by name, each commit from the oldest to the newest. Other models are left out."""
    folder = settings.cache_dir
    if not folder.is_dir():
        return []
    found = []
    begun = _begun(folder)
    for repo in _repos(_scan(folder)):
        nbytes = repo.size_on_disk + begun.pop(repo.repo_id, 0)
        revisions = sorted(repo.revisions, key=lambda r: (r.last_modified, r.snapshot_path.stat().st_mtime))
        found += [entry for revision in revisions if (entry := _entry(repo, revision, nbytes)) is not None]
    found += [Cached(id, "", Path(), nbytes, "") for id, nbytes in begun.items() if known(id)]
    return sorted(found, key=lambda c: c.id)


def _scan(folder: Path) -> HFCacheInfo:
    from huggingface_hub import scan_cache_dir

    return scan_cache_dir(folder)


def _repos(info: HFCacheInfo) -> list[CachedRepoInfo]:
    return [repo for repo in info.repos if repo.repo_type == "model"]


def _begun(folder: Path) -> dict[str, int]:
    """Bytes of files that are not complete, by repository. scan_cache_dir leaves them out."""
    found: dict[str, int] = {}
    for part in folder.glob("models--*/blobs/*.incomplete"):
        repo_id = part.parents[1].name.removeprefix("models--").replace("--", "/")
        found[repo_id] = found.get(repo_id, 0) + part.stat().st_size
    return found


def _entry(repo: CachedRepoInfo, revision: CachedRevisionInfo, nbytes: int) -> Cached | None:
    names = {file.file_path.relative_to(revision.snapshot_path).as_posix(): file for file in revision.files}
    weights = sorted((n for n in names if is_weights_name(Path(n).name)), key=lambda n: (rank(Path(n).name), n))
    published = any(Path(n).name == "all_config.yaml" or rank(Path(n).name)[0] == 2 for n in names)
    config = names.get("config.json")
    own = config is not None and config.size_on_disk < _SMALL and b'"hrm-model"' in config.file_path.read_bytes()
    if not (published or own or known(repo.repo_id)):
        return None
    path = (revision.snapshot_path / weights[-1]).parent if weights else revision.snapshot_path
    return Cached(repo.repo_id, revision.commit_hash, path, nbytes, weights[-1] if weights else "", revision.refs)


def from_cache(repo_id: str, settings: HubSettings, revision: str | None = None) -> Cached:
    """The newest complete copy in the cache, or that of a commit, branch or tag. HubError."""
    copies = [c for c in cached(settings) if c.id.lower() == repo_id.lower() and c.weights]
    if revision is not None:
        copies = [c for c in copies if c.commit.startswith(revision) or revision in c.refs]
    if not copies:
        at = f" at {revision}" if revision else ""
        raise HubError(f"{repo_id}{at}: not in the cache {settings.cache_dir}. Download it while online", "offline")
    return copies[-1]


def clear(repo_id: str, settings: HubSettings) -> int:
    """Delete a model from the cache, with what a download left unfinished. Returns the bytes that are free again. HubError."""
    folder = settings.cache_dir
    place = folder / f"models--{repo_id.replace('/', '--')}"
    if place.parent != folder or not place.is_dir():
        raise HubError(f"{repo_id}: not in the cache {folder}", "not_found")
    info = _scan(folder)
    strategy = info.delete_revisions(*(r.commit_hash for repo in _repos(info) if repo.repo_id == repo_id for r in repo.revisions))
    freed = strategy.expected_freed_size + _begun(folder).get(repo_id, 0)
    strategy.execute()
    try:
        if place.exists():  # huggingface_hub does not know a download that has only begun
            shutil.rmtree(place)
    except OSError as error:
        raise HubError(f"{repo_id}: cannot be deleted from the cache ({error.strerror or error})", "disk") from None
    return freed
