"""`python -m hrm_model.hub.process`: one request to the Hub in a process of its own, which can be killed at any moment.

The request is one JSON line on standard input: `do` (download, describe, search or push), its arguments, and endpoint, token, cache,
offline. Events are JSON lines on standard output: those of hub/download.py, or one of

    {"type": "described", "id": …, "commit": …, "licence": …, "downloads": …, "files": [[name, size], …], "weights": [name, …]}
    {"type": "found", "models": [{"id", "licence", "downloads", "updated"}, …]}
    {"type": "pushed", "url": …}
    {"type": "failed", "kind": …, "message": …}

The process ends when its standard input closes, so that it never outlives the studio.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hrm_model.errors import HRMError
from hrm_model.hub.client import HubSettings, describe, push, search
from hrm_model.hub.download import Event, download


def answer(request: dict[str, Any]) -> Iterator[Event]:
    """The events of a request. HubError, CheckpointError."""
    cache = request.get("cache")
    settings = HubSettings(request.get("endpoint"), request.get("token"), Path(cache) if cache else None, bool(request.get("offline")))
    kind = request["do"]
    if kind == "download":
        yield from download(request["id"], settings, revision=request.get("revision"), file=request.get("file"))
    elif kind == "describe":
        repo = describe(request["id"], settings, request.get("revision"))
        files = [[f.name, f.size] for f in repo.files]
        yield {"type": "described", "id": repo.id, "commit": repo.commit, "licence": repo.licence, "downloads": repo.downloads, "files": files, "weights": [f.name for f in repo.weights]}  # fmt: skip
    elif kind == "search":
        yield {"type": "found", "models": [vars(hit) for hit in search(request["text"], settings)]}
    else:
        if settings.endpoint:  # before version 1.10 huggingface_hub needs this variable to read the address of a pushed commit
            os.environ["HF_ENDPOINT"] = settings.endpoint
        yield {"type": "pushed", "url": _push(request, settings)}


def _push(request: dict[str, Any], settings: HubSettings) -> str:
    from hrm_model.checkpoint.export import export
    from hrm_model.checkpoint.inspect import inspect

    with tempfile.TemporaryDirectory() as scratch:
        folder = export(inspect(request["path"], request.get("asked")), Path(scratch) / "model", request.get("licence", ""))
        return push(folder, request["id"], settings, private=bool(request.get("private", True)))


def main() -> int:
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for event in answer(request):
            print(json.dumps(event), flush=True)
    except (HRMError, OSError) as error:
        print(json.dumps({"type": "failed", "kind": getattr(error, "kind", "other"), "message": str(error)}), flush=True)
        return 1
    return 0


def _end_with_parent() -> None:
    while sys.stdin.readline():
        pass
    os._exit(2)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # a thread waits for standard input
