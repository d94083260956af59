"""Models on the Hugging Face Hub: described, searched for, chosen from, pushed. All through huggingface_hub's public calls.

The library is imported where it is used: that takes a third of a second, and most runs of the studio never need it.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hrm_model.checkpoint.locate import is_weights_name, rank
from hrm_model.errors import HubError, first_line

_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_FULL_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_PROXY = "the proxy that the environment names (ALL_PROXY, HTTPS_PROXY) cannot be used"
_SOCKS = f"{_PROXY} without one more package, because it is a SOCKS proxy: pip install 'httpx[socks]' 'requests[socks]'"
_HASH = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")


@dataclass(frozen=True)
class HubSettings:
    """Which Hub, which account, and which cache. None: the default of huggingface_hub and its environment variables."""

    endpoint: str | None = None  # a mirror, such as https://hf-mirror.com
    token: str | None = None
    cache: Path | None = None
    offline: bool = False

    @property
    def is_offline(self) -> bool:
        """Set here, or for all programs by HF_HUB_OFFLINE."""
        return self.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")

    @property
    def cache_dir(self) -> Path:
        if self.cache is not None:
            return self.cache
        from huggingface_hub import constants

        return Path(constants.HF_HUB_CACHE)


@dataclass(frozen=True)
class HubFile:
    """One file of a repository. `sha256` is set for large files; `blob` is the git hash."""

    name: str
    size: int
    blob: str
    sha256: str = ""

    @property
    def etag(self) -> str:
        """Its name among the cache's blobs."""
        return self.sha256 or self.blob


@dataclass(frozen=True)
class Repo:
    """A model on the Hub at one commit."""

    id: str
    commit: str
    files: tuple[HubFile, ...]
    licence: str = ""
    downloads: int = 0

    @property
    def weights(self) -> tuple[HubFile, ...]:
        """Files that may contain weights, the likeliest first."""
        found = [f for f in self.files if is_weights_name(PurePosixPath(f.name).name) and f.size]
        return tuple(sorted(found, key=lambda f: (-f.name.count("/"), rank(PurePosixPath(f.name).name), f.name), reverse=True))


@dataclass(frozen=True)
class SearchHit:
    """A model that a search found."""

    id: str
    licence: str
    downloads: int
    updated: str  # date, '' if the Hub does not say


def is_repo_id(text: str) -> bool:
    """Whether a text has the form owner/name and is not a file."""
    return bool(_ID.match(text)) and not Path(text).exists()


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn every error on the way to the Hub into a HubError that says what happened to `what`, and what to do."""
    from huggingface_hub import errors
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    logging.set_verbosity_error()  # its warnings are raised as errors too, or are about attempts that are repeated
    try:
        yield
    except HubError:
        raise
    except errors.OfflineModeIsEnabled:
        raise HubError(f"{what}: offline mode is on (HF_HUB_OFFLINE), so the Hub was not asked", "offline") from None
    except errors.GatedRepoError:
        raise HubError(f"{what}: gated model. Request access on its page, then sign in with a token of that account", "token") from None
    except errors.RevisionNotFoundError:
        raise HubError(f"{what}: no such revision", "not_found") from None
    except errors.RepositoryNotFoundError:
        raise HubError(f"{what}: not found. There is no such repository, or it is private and needs a token that may read it", "not_found") from None  # fmt: skip
    except errors.LocalEntryNotFoundError:
        raise HubError(f"{what}: not in the cache, and the Hub cannot be reached", "network") from None
    except errors.EntryNotFoundError:
        raise HubError(f"{what}: no such file", "not_found") from None
    except errors.HFValidationError as error:
        raise HubError(f"{what}: not a valid name ({first_line(error)[:120]})", "not_found") from None
    except errors.HfHubHTTPError as error:
        raise _of_status(what, error) from None
    except OSError as error:
        if getattr(error, "response", None) is not None:  # requests' HTTPError, from versions before 1.0
            raise _of_status(what, error) from None
        if error.errno in _FULL_DISK:
            raise HubError(f"{what}: the disk is full. Make room, then try again; what arrived is kept", "disk") from None
        raise HubError(f"{what}: {_network_problem(error)}", "network") from None
    except ImportError as error:
        if "socks" not in str(error).lower():
            raise
        raise HubError(f"{what}: {_SOCKS}", "other") from None
    except ValueError as error:  # an address of a proxy that cannot be one
        if "proxy" not in str(error).lower():
            raise
        raise HubError(f"{what}: {_PROXY} ({first_line(error)[:120]})", "other") from None
    except RuntimeError as error:  # huggingface_hub wraps what happens while a large file is uploaded
        if error.__cause__ is None:
            raise
        with hub_errors(what):
            raise error.__cause__ from None
    except Exception as error:  # of the HTTP client, which differs between versions of huggingface_hub
        if not type(error).__module__.startswith(("httpx", "requests", "urllib3")):
            raise
        if getattr(error, "response", None) is not None:  # the Hub did answer, or its storage did
            raise _of_status(what, error) from None
        raise HubError(f"{what}: {_network_problem(error)}", "network") from None


def _of_status(what: str, error: Any) -> HubError:
    status = getattr(getattr(error, "response", None), "status_code", 0) or 0
    if status in (401, 403):
        return HubError(f"{what}: the Hub rejected the token ({status}). Create one at huggingface.co/settings/tokens", "token")
    if status == 404:
        return HubError(f"{what}: not found (404)", "not_found")
    if status == 429:
        return HubError(f"{what}: rate-limited (429). Try again in a minute, or sign in with a token", "rate")
    if status >= 500:
        return HubError(f"{what}: the Hub has a problem ({status}). Try again later", "server")
    return HubError(f"{what}: unexpected answer from the Hub ({status or first_line(error)[:120]})", "other")


def _network_problem(error: Exception) -> str:
    words = first_line(error)[:160]
    if "SOCKS" in words:  # requests
        return _SOCKS
    if "unsupported scheme" in words and "Proxy" in words:  # requests
        return f"{_PROXY} ({words})"
    if "Timeout" in type(error).__name__ or "timed out" in words:
        return "the Hub did not answer in time. Try again; what arrived is kept"
    return f"cannot reach the Hub ({words})"


def describe(repo_id: str, settings: HubSettings, revision: str | None = None) -> Repo:
    """A model's files with sizes and hashes at a revision (None: its main branch), and the commit that it names. HubError."""
    if settings.is_offline:
        raise HubError(f"{repo_id}: offline mode is on, so the Hub was not asked", "offline")
    what = repo_id if revision is None else f"{repo_id} at {revision}"
    with hub_errors(what), _odd_answers(what):
        from huggingface_hub import HfApi

        info = HfApi(endpoint=settings.endpoint, token=settings.token).model_info(
            repo_id, revision=revision, files_metadata=True, timeout=20
        )
    with _odd_answers(what):
        return _checked(info, what)


def _checked(info: Any, what: str) -> Repo:
    """What the Hub says of a repository; its types too are the server's, and nobody else checked them."""
    files = tuple(HubFile(str(s.rfilename), int(s.size or 0), str(s.blob_id or ""), _sha256(s)) for s in info.siblings or [])
    for file in files:
        # Both become file names on this machine.
        if (
            file.size < 0
            or "\0" in file.name
            or not _HASH.match(file.etag)
            or ".." in PurePosixPath(file.name).parts
            or file.name.startswith("/")
            or "\\" in file.name
        ):
            raise HubError(f"{what}: refused, because {file.name[:100]!r} has no valid name or hash", "hash")
    if not _HASH.match(info.sha or "") or not _ID.match(info.id or ""):
        raise HubError(f"{what}: refused, because the Hub names no valid commit", "hash")
    return Repo(info.id, info.sha or "", files, _licence(info), int(getattr(info, "downloads", 0) or 0))


@contextmanager
def _odd_answers(what: str) -> Iterator[None]:
    """HubError for an answer that the Hub does not give: a proxy's page, half a JSON, other types. huggingface_hub fails at it in many ways."""
    try:
        yield
    except HubError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        if "proxy" in str(error).lower() or type(error).__module__.startswith(("huggingface_hub", "requests", "urllib3", "httpx")):
            raise  # an address in the environment; a name that cannot be one; no way to the Hub
        raise HubError(
            f"{what}: the server's answer is not one of the Hub. Is there a proxy or a page to sign in between?", "other"
        ) from None


def _sha256(sibling: Any) -> str:
    """Of a large file; '' for a small one, which has a git hash instead."""
    return str(getattr(sibling.lfs, "sha256", "") or "") if sibling.lfs else ""


def _licence(info: Any) -> str:
    tags = getattr(info, "tags", None) or []
    named = next((t.removeprefix("license:") for t in tags if isinstance(t, str) and t.startswith("license:")), "")
    return named or str((getattr(info, "card_data", None) or {}).get("license", "") or "")[:100]


def choose(repo: Repo, file: str | None = None) -> tuple[HubFile, ...]:
    """The files of a repository that are needed: one weights file, the configuration and the card beside it; never code.

    file: which weights file, if there are several. HubError lists them.
    """
    weights = repo.weights
    if file is not None:
        chosen = next((f for f in weights if f.name == file), None)
        if chosen is None:
            raise HubError(f"{repo.id}: no weights file {file!r}. It has: {_few(weights)}", "choice")
    elif not weights:
        raise HubError(f"{repo.id}: no checkpoint found (model.safetensors with config.json, or step_N with all_config.yaml)", "choice")
    else:
        chosen = weights[0]
        place = PurePosixPath(chosen.name).parent
        rivals = [f for f in weights if rank(PurePosixPath(f.name).name)[0] == rank(PurePosixPath(chosen.name).name)[0]]
        elsewhere = any(PurePosixPath(f.name).parent != place and f.name.count("/") == chosen.name.count("/") for f in rivals)
        if len(rivals) > 1 and (elsewhere or rank(PurePosixPath(chosen.name).name)[0] == 1):
            raise HubError(f"{repo.id}: several checkpoints; choose a file: {_few(weights)}", "choice")
    folder = PurePosixPath(chosen.name).parent
    beside = [f for f in repo.files if PurePosixPath(f.name).parent == folder and f is not chosen]
    small = [f for f in beside if PurePosixPath(f.name).suffix in (".yaml", ".yml", ".json") and f.size <= 256 << 10]
    cards = [
        f for f in repo.files if f.name.lower() in ("readme.md", f"{folder}/readme.md".lower(), f"{folder}/card.md".lower(), "card.md")
    ]
    return (chosen, *dict.fromkeys([*small[:20], *cards]))


def _few(files: tuple[HubFile, ...]) -> str:
    return ", ".join(f.name for f in files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "") or "none"


def search(text: str, settings: HubSettings, limit: int = 30) -> list[SearchHit]:
    """Models whose name contains the text, most downloaded first. HubError."""
    if settings.is_offline:
        raise HubError("search: offline mode is on, so the Hub was not asked", "offline")
    what = f"search for {text!r}"
    with hub_errors(what), _odd_answers(what):
        from huggingface_hub import HfApi

        models = list(HfApi(endpoint=settings.endpoint, token=settings.token).list_models(search=text, limit=limit, sort="downloads"))
    found = []
    with _odd_answers(what):
        for model in models[:limit]:
            moment = getattr(model, "last_modified", None) or getattr(model, "created_at", None)
            downloads = int(getattr(model, "downloads", 0) or 0)
            found.append(SearchHit(str(model.id), _licence(model), downloads, f"{moment:%Y-%m-%d}" if moment else ""))
    return found


def push(folder: Path, repo_id: str, settings: HubSettings, *, private: bool = True, message: str = "Model from HRM Studio") -> str:
    """Create the repository if it does not exist, and commit a folder that `checkpoint.export` wrote. Returns its address. HubError."""
    if settings.is_offline:
        raise HubError(f"{repo_id}: offline mode is on, so the Hub was not asked", "offline")
    if not _ID.match(repo_id):
        raise HubError(f"{repo_id}: not a model name; it has the form owner/name", "not_found")
    names = [n for n in ("model.safetensors", "config.json", "README.md") if (folder / n).is_file()]
    if len(names) < 3:
        raise HubError(f"{folder}: needs model.safetensors, config.json and README.md; export the checkpoint first")
    with hub_errors(f"push to {repo_id}"):
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import LocalTokenNotFoundError

        api = HfApi(endpoint=settings.endpoint, token=settings.token)
        fresh = False
        try:
            fresh = not api.repo_exists(repo_id)
            made = api.create_repo(repo_id, private=private, exist_ok=True)
            api.create_commit(repo_id, [CommitOperationAdd(n, str(folder / n)) for n in names], commit_message=message)
        except LocalTokenNotFoundError:
            raise HubError(
                f"{repo_id}: pushing needs a token with write access. Create one at huggingface.co/settings/tokens", "token"
            ) from None
        except BaseException:
            if fresh:
                _delete_empty(api, repo_id)
            raise
    return str(made)


def _delete_empty(api: Any, repo_id: str) -> None:
    """Take back a repository that was made a moment ago, if nothing arrived in it; as far as the Hub lets us."""
    with suppress(Exception):
        if "model.safetensors" not in api.list_repo_files(repo_id):
            api.delete_repo(repo_id)
