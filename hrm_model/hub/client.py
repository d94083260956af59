"""Models on the Hugging Face Hub: looked up, chosen from, kept in its cache, pushed. All through huggingface_hub.

The library is imported where it is used: it takes a third of a second, and most runs of the studio never need it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hrm_model.checkpoint.locate import is_weights_name, rank
from hrm_model.errors import HubError
from hrm_model.hub.known import known

_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_FULL_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_HASH = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")


@dataclass(frozen=True)
class HubSettings:
    """Which Hub, as whom, and where its files are kept. None: as the environment and huggingface_hub have it."""

    endpoint: str | None = None  # a mirror, such as https://hf-mirror.com
    token: str | None = None
    cache: Path | None = None
    offline: bool = False

    @property
    def is_offline(self) -> bool:
        """Asked for here, or for all programs by the environment."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")

    @property
    def cache_dir(self) -> Path:
        if self.cache is not None:
            return self.cache
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE)


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. `sha256` where it is kept as a large file, else `blob` is git's hash."""

    name: str
    size: int
    blob: str
    sha256: str = ""

    @property
    def etag(self) -> str:
        """What the cache calls its content."""
        return self.sha256 or self.blob


@dataclass(frozen=True)
class Repo:
    """A model as the Hub has it at one commit."""

    id: str
    commit: str
    files: tuple[HubFile, ...]
    licence: str = ""
    downloads: int = 0

    @property
    def weights(self) -> tuple[HubFile, ...]:
        """Files that may hold weights, the likeliest first."""
        found = [f for f in self.files if is_weights_name(PurePosixPath(f.name).name) and f.size]
        return tuple(sorted(found, key=lambda f: (-f.name.count("/"), rank(PurePosixPath(f.name).name), f.name), reverse=True))


@dataclass(frozen=True)
class Found:
    """One hit of a search."""

    id: str
    licence: str
    downloads: int
    updated: str  # date, '' where not told


@dataclass(frozen=True)
class Cached:
    """A model in the cache."""

    id: str
    commit: str
    path: Path  # a folder that can be opened
    nbytes: int
    weights: str  # the file's name in the repository, '' while it is not complete


def is_repo_id(text: str) -> bool:
    """'owner/name' and no file of that name."""
    return bool(_ID.match(text)) and not Path(text).exists()


@contextmanager
def told(what: str) -> Iterator[None]:
    """What goes wrong on the way to the Hub, as a HubError that says what to do."""
    from huggingface_hub import errors
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()  # what it would warn of comes back as an error or is tried again
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise HubError(f"{what}: the Hub is not asked while offline (HF_HUB_OFFLINE is set)", "offline") from None
    except errors.GatedRepoError:
        raise HubError(f"{what}: its owner lets in whom they know; ask on its page, then give a token of that account", "token") from None
    except errors.RevisionNotFoundError:
        raise HubError(f"{what}: there is no such revision", "not_found") from None
    except errors.RepositoryNotFoundError:
        raise HubError(f"{what}: the Hub has no such model, or it is private and the token may not read it", "not_found") from None
    except errors.LocalEntryNotFoundError:
        raise HubError(f"{what}: the Hub cannot be reached, and the cache does not have it", "network") from None
    except errors.EntryNotFoundError:
        raise HubError(f"{what}: has no such file", "not_found") from None
    except errors.HFValidationError as error:
        raise HubError(f"{what}: is no name of a model ({str(error).splitlines()[0][:120]})", "not_found") from None
    except errors.HfHubHTTPError as error:
        raise _of_status(what, error) from None
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise HubError(f"{what}: the disk is full; make room, then go on where it stopped", "disk") from None
        raise HubError(f"{what}: {_network_words(error)}", "network") from None
    except Exception as error:  # of the HTTP client, which differs between versions of huggingface_hub
        if not type(error).__module__.startswith(("httpx", "requests", "urllib3")):
            raise
        raise HubError(f"{what}: {_network_words(error)}", "network") from None


def _of_status(what: str, error: Any) -> HubError:
    status = getattr(getattr(error, "response", None), "status_code", 0) or 0
    if status in (401, 403):
        return HubError(f"{what}: the Hub refused the token ({status}); make one at huggingface.co/settings/tokens", "token")
    if status == 404:
        return HubError(f"{what}: the Hub has no such thing (404)", "not_found")
    if status == 429:
        return HubError(f"{what}: the Hub asks for patience (429, too many requests); wait a minute, or give a token", "rate")
    if status >= 500:
        return HubError(f"{what}: the Hub has a fault of its own ({status}); try again later", "server")
    return HubError(f"{what}: the Hub answered {status or str(error).splitlines()[0][:120]}", "other")


def _network_words(error: BaseException) -> str:
    name = type(error).__name__
    words = (str(error).splitlines() or [""])[0][:160]
    if "Timeout" in name or "timed out" in words:
        return "the Hub did not answer in time; what was fetched is kept, try again"
    return f"the Hub cannot be reached ({words or name})"


def describe(repo_id: str, settings: HubSettings, revision: str | None = None) -> Repo:
    """A model's files with sizes and hashes at a revision (None: its main branch), pinned to the commit it stands at. HubError."""
    if settings.is_offline:
        raise HubError(f"{repo_id}: the Hub is not asked while offline", "offline")
    what = repo_id if revision is None else f"{repo_id} at {revision}"
    with told(what):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=settings.endpoint, token=settings.token).model_info(
            repo_id, revision=revision, files_metadata=True, timeout=20
        )
    files = tuple(HubFile(s.rfilename, s.size or 0, s.blob_id or "", _sha256(s)) for s in info.siblings or [])
    for file in files:
        # Both become names of files here.
        if not _HASH.match(file.etag) or ".." in PurePosixPath(file.name).parts or file.name.startswith("/") or "\\" in file.name:
            raise HubError(f"{what}: was refused, since {file.name[:100]!r} has no proper name or hash", "hash")
    if not _HASH.match(info.sha or "") or not _ID.match(info.id or ""):
        raise HubError(f"{what}: was refused, since the Hub told no commit", "hash")
    return Repo(info.id, info.sha or "", files, _licence(info), getattr(info, "downloads", 0) or 0)


def _sha256(sibling: Any) -> str:
    """Of a large file; '' for a small one, of which git's hash is told."""
    return str(getattr(sibling.lfs, "sha256", "") or "") if sibling.lfs else ""


def _licence(info: Any) -> str:
    tags = getattr(info, "tags", None) or []
    named = next((t.removeprefix("license:") for t in tags if isinstance(t, str) and t.startswith("license:")), "")
    return named or str((getattr(info, "card_data", None) or {}).get("license", "") or "")


def choose(repo: Repo, file: str | None = None) -> tuple[HubFile, ...]:
    """What of a repository is needed: one weights file, the configuration and the card beside it; never its code.

    file: which weights, where there are several. HubError names the choices.
    """
    weights = repo.weights
    if file is not None:
        chosen = next((f for f in weights if f.name == file), None)
        if chosen is None:
            raise HubError(f"{repo.id}: has no weights file {file!r}; it has: {_few(weights)}", "choice")
    elif not weights:
        raise HubError(f"{repo.id}: holds no checkpoint (model.safetensors with config.json, or step_N with all_config.yaml)", "choice")
    else:
        chosen = weights[0]
        place = PurePosixPath(chosen.name).parent
        rivals = [f for f in weights if rank(PurePosixPath(f.name).name)[0] == rank(PurePosixPath(chosen.name).name)[0]]
        elsewhere = any(PurePosixPath(f.name).parent != place and f.name.count("/") == chosen.name.count("/") for f in rivals)
        if len(rivals) > 1 and (elsewhere or rank(PurePosixPath(chosen.name).name)[0] == 1):
            raise HubError(f"{repo.id}: holds several; name one as file: {_few(weights)}", "choice")
    folder = PurePosixPath(chosen.name).parent
    beside = [f for f in repo.files if PurePosixPath(f.name).parent == folder and f is not chosen]
    small = [f for f in beside if PurePosixPath(f.name).suffix in (".yaml", ".yml", ".json") and f.size <= 256 << 10]
    cards = [
        f for f in repo.files if f.name.lower() in ("readme.md", f"{folder}/readme.md".lower(), f"{folder}/card.md".lower(), "card.md")
    ]
    return (chosen, *dict.fromkeys([*small[:20], *cards]))


def _few(files: tuple[HubFile, ...]) -> str:
    return ", ".join(f.name for f in files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "") or "none"


def search(text: str, settings: HubSettings, limit: int = 30) -> list[Found]:
    """Models whose name holds the text, most downloaded first. HubError."""
    if settings.is_offline:
        raise HubError("search: the Hub is not asked while offline", "offline")
    with told(f"search for {text!r}"):
        from huggingface_hub import HfApi

        models = list(HfApi(endpoint=settings.endpoint, token=settings.token).list_models(search=text, limit=limit, sort="downloads"))
    found = []
    for model in models[:limit]:
        moment = getattr(model, "last_modified", None) or getattr(model, "created_at", None)
        found.append(Found(model.id, _licence(model), getattr(model, "downloads", 0) or 0, f"{moment:%Y-%m-%d}" if moment else ""))
    return found


# The cache ------------------------------------------------------------------------------------------------------------


def cached(settings: HubSettings) -> list[Cached]:
    """HRM models in the cache, by name; other models that share it are left out."""
    folder = settings.cache_dir
    if not folder.is_dir():
        return []
    found = []
    for repo in sorted(folder.glob("models--*")):
        repo_id = repo.name.removeprefix("models--").replace("--", "/", 1)
        blobs = sum(f.stat().st_size for f in (repo / "blobs").glob("*") if f.is_file())
        snapshots: list[Path | None] = [*sorted((repo / "snapshots").glob("*"), key=lambda p: p.stat().st_mtime)]
        for place in snapshots or ([None] if list((repo / "blobs").glob("*.incomplete")) else []):
            entry = _cached(repo_id, place, blobs)
            if entry is not None:
                found.append(entry)
    return found


def _cached(repo_id: str, snapshot: Path | None, nbytes: int) -> Cached | None:
    if snapshot is None:
        return Cached(repo_id, "", Path(), nbytes, "") if known(repo_id) else None
    files = [f for f in snapshot.rglob("*") if not f.is_dir()]
    weights = sorted((f for f in files if is_weights_name(f.name)), key=lambda f: (rank(f.name), f.name))
    published = any(f.name == "all_config.yaml" or rank(f.name)[0] == 2 for f in files)
    if not (published or known(repo_id) or _is_own(snapshot)):
        return None
    if not weights:
        return Cached(repo_id, snapshot.name, snapshot, nbytes, "")
    return Cached(repo_id, snapshot.name, weights[-1].parent, nbytes, weights[-1].relative_to(snapshot).as_posix())


def _is_own(snapshot: Path) -> bool:
    file = snapshot / "config.json"
    try:
        return file.stat().st_size < 256 << 10 and '"hrm-model"' in file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def clear(repo_id: str, settings: HubSettings) -> int:
    """Delete a model from the cache, what was only begun included. Returns the bytes that are free again. HubError."""
    import shutil

    repo = settings.cache_dir / f"models--{repo_id.replace('/', '--')}"
    if not _ID.match(repo_id) or not repo.is_dir():
        raise HubError(f"{repo_id}: is not in the cache {settings.cache_dir}", "not_found")
    freed = sum(f.stat().st_size for f in (repo / "blobs").glob("*") if f.is_file())
    try:
        shutil.rmtree(repo)
    except OSError as error:
        raise HubError(f"{repo_id}: cannot be deleted from the cache ({error.strerror or error})", "disk") from None
    return freed


def from_cache(repo_id: str, settings: HubSettings, revision: str | None = None) -> Cached:
    """The newest complete copy in the cache, or the one of a commit. HubError."""
    there = [c for c in cached(settings) if c.id.lower() == repo_id.lower() and c.weights]
    fitting = [c for c in there if revision is None or c.commit.startswith(revision) or _ref(settings, c.id, revision) == c.commit]
    if not fitting:
        raise HubError(
            f"{repo_id}{f' at {revision}' if revision else ''}: is not in the cache {settings.cache_dir}; fetch it while online", "offline"
        )
    return fitting[-1]


def _ref(settings: HubSettings, repo_id: str, revision: str) -> str:
    try:
        return (settings.cache_dir / f"models--{repo_id.replace('/', '--')}" / "refs" / revision).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


# Pushing --------------------------------------------------------------------------------------------------------------


def push(folder: Path, repo_id: str, settings: HubSettings, *, private: bool = True, message: str = "Model from HRM Studio") -> str:
    """Make the repository where it is not there, and commit a folder as `checkpoint_export.export` writes one. Returns its address. HubError."""
    if settings.is_offline:
        raise HubError(f"{repo_id}: the Hub is not asked while offline", "offline")
    if not _ID.match(repo_id):
        raise HubError(f"{repo_id}: is no name of a model; 'owner/name' is one", "not_found")
    names = [n for n in ("model.safetensors", "config.json", "README.md") if (folder / n).is_file()]
    if len(names) < 3:
        raise HubError(f"{folder}: lacks model.safetensors, config.json or README.md; export the checkpoint first")
    with told(f"push to {repo_id}"):
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import LocalTokenNotFoundError

        api = HfApi(endpoint=settings.endpoint, token=settings.token)
        try:
            made = api.create_repo(repo_id, private=private, exist_ok=True)
            api.create_commit(repo_id, [CommitOperationAdd(n, str(folder / n)) for n in names], commit_message=message)
        except LocalTokenNotFoundError:
            raise HubError(
                f"{repo_id}: pushing needs a token that may write; make one at huggingface.co/settings/tokens", "token"
            ) from None
    return str(made)
