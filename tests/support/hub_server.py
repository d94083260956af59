"""A small server with the Hub's protocol for models, which can be told to fail."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"


@dataclass
class Hub:
    """files: by 'owner/name', then by name. Large ones (those for which `lfs` is true) are served from another address, as the Hub does."""

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lfs: Callable[[str, bytes], bool] = lambda name, content: len(content) > 1000
    token: str = ""  # if set, every request needs it
    # What the next requests of a kind meet, one each: ('status', 500), ('stall', bytes, seconds), ('cut', bytes), ('slow', bytes a second)
    faults: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    corrupt: bool = False  # bytes that are not those of the hash
    ranges: bool = True
    range_ends: bool = True  # False: a range is answered to the end of the file
    gated: bool = False
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    commits: list[dict[str, Any]] = field(default_factory=list)
    created: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[dict[str, Any]] = field(default_factory=list)
    retry_after: int = 0

    def __enter__(self) -> Hub:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.ending = threading.Event()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fault(self, kind: str) -> tuple[Any, ...] | None:
        waiting = self.faults.get(kind)
        return waiting.pop(0) if waiting else None

    def begins(self) -> list[int]:
        """Where the ranges of large files begin that were asked for, in turn."""
        asked = [{k.lower(): v for k, v in headers.items()}["range"] for _, path, headers in self.requests if "/cdn/" in path]
        return [int(a.removeprefix("bytes=").partition("-")[0]) for a in asked]

    def sibling(self, name: str, content: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_hash(content)}
        if self.lfs(name, content):
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _json(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refused(self, kind: str) -> bool:
        """Records the request; answers it with a planned fault, or if the token is wrong."""
        hub = self.hub
        hub.requests.append((self.command, self.path, dict(self.headers)))
        if hub.token and self.headers.get("authorization") != f"Bearer {hub.token}" and kind != "cdn":
            headers = {"X-Error-Message": "Invalid credentials in Authorization header"} if self.headers.get("authorization") else {}
            self._json({"error": "Unauthorized"}, 401, headers or {"X-Error-Code": "RepoNotFound"})
            return True
        if hub.gated and kind != "cdn":
            self._json({"error": "Access is restricted"}, 403, {"X-Error-Code": "GatedRepo"})
            return True
        if hub.faults.get(kind) and hub.faults[kind][0][0] == "status":
            fault = hub.fault(kind)
            assert fault is not None
            self._json({"error": "told to"}, fault[1], {"Retry-After": str(hub.retry_after)} if fault[1] == 429 else {})
            return True
        return False

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub = self.hub
        path = self.path.partition("?")[0]
        if path.startswith("/cdn/"):
            if not self._refused("cdn"):
                self._content(path.removeprefix("/cdn/"))
            return
        if self._refused("resolve" if "/resolve/" in path else "api"):
            return
        if path == "/api/models":
            wanted = re.search(r"search=([^&]*)", self.path)
            text = wanted[1].lower() if wanted else ""
            found = [name for name in hub.files if text in name.lower()]
            self._json([{"id": n, "modelId": n, "downloads": 5, "likes": 0, "tags": ["license:mit"], "lastModified": "2026-01-02T03:04:05.000Z"} for n in found])  # fmt: skip
        elif (match := re.match(r"^/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?$", path)) is not None:
            self._model(match[1], match[2] or "main")
        elif (match := re.match(r"^/api/models/([^/]+/[^/]+)/tree/([^/]+)", path)) is not None:
            files = self.hub.files.get(match[1], {})
            self._json([{"type": "file", "path": n, "size": len(c), "oid": git_hash(c)} for n, c in files.items()])
        elif (match := re.match(r"^(?:/datasets)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$", path)) is not None:
            self._resolve(*match.groups())
        else:
            self._json({"error": "no such thing"}, 404)

    def _model(self, repo: str, revision: str) -> None:
        files = self.hub.files.get(repo)
        if files is None:
            self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._json({"error": "Invalid rev id"}, 404, {"X-Error-Code": "RevisionNotFound"})
        else:
            siblings = [self.hub.sibling(n, c) for n, c in files.items()]
            self._json({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": ["license:apache-2.0"], "downloads": 7, "private": False})  # fmt: skip

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        content = self.hub.files.get(repo, {}).get(name)
        if content is None:
            self._json({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        sibling = self.hub.sibling(name, content)
        if "lfs" in sibling:
            self.send_response(302)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("X-Linked-Etag", f'"{sibling["lfs"]["sha256"]}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Location", f"{self.hub.url.replace('127.0.0.1', 'localhost')}/cdn/{repo}/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._content(f"{repo}/{name}", {"X-Repo-Commit": COMMIT, "ETag": f'"{sibling["blobId"]}"'})

    def _content(self, place: str, headers: dict[str, str] | None = None) -> None:
        owner, name, file = place.split("/", 2)
        content = self.hub.files[f"{owner}/{name}"][file]
        if self.hub.corrupt:
            content = bytes([content[0] ^ 1]) + content[1:]
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if self.hub.ranges else None
        begin = int(asked[1]) if asked else 0
        end = min(int(asked[2]) + 1, len(content)) if asked and asked[2] and self.hub.range_ends else len(content)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(end - begin))
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}")
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send(content[begin:end], self.hub.fault("content"))

    def _send(self, body: bytes, fault: tuple[Any, ...] | None) -> None:
        kind = fault[0] if fault else ""
        try:
            if kind == "cut":
                self.wfile.write(body[: fault[1]])  # type: ignore[index]
                self.close_connection = True
                self.connection.close()
            elif kind == "stall":
                self.wfile.write(body[: fault[1]])  # type: ignore[index]
                self.wfile.flush()
                self.hub.ending.wait(fault[2])  # type: ignore[index]
                self.wfile.write(body[fault[1] :])  # type: ignore[index]
            elif kind == "slow":
                piece = max(1, fault[1] // 20)  # type: ignore[index]
                for place in range(0, len(body), piece):
                    self.wfile.write(body[place : place + piece])
                    if self.hub.ending.is_set():
                        return
                    time.sleep(0.05)
            else:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client went away

    # Pushing ----------------------------------------------------------------------------------------------------------

    def do_DELETE(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.hub.deleted.append(body)
        self._json({})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (fault := self.hub.fault("put")) is not None:
            self._json({"error": "told to"}, fault[1])
            return
        self.hub.uploads[self.path.rpartition("/")[2]] = body
        self._json({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._refused("push"):
            return
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            self.hub.created.append(json.loads(body))
            content = json.loads(body)
            repo = f"{content.get('organization') or 'me'}/{content['name']}"
            self.hub.files.setdefault(repo, {})
            self._json({"url": f"{self.hub.url}/{repo}", "id": repo})
        elif path.endswith("/preupload/main"):
            files = [{"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular", "shouldIgnore": False} for f in json.loads(body)["files"]]  # fmt: skip
            self._json({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            actions = [
                {"oid": o["oid"], "size": o["size"], "actions": {"upload": {"href": f"{self.hub.url}/lfs/{o['oid']}"}}} for o in wanted
            ]
            self._json({"transfer": "basic", "objects": actions})
        elif "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            for line in lines:
                if line["key"] == "file":
                    self.hub.uploads[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.hub.commits.append({"lines": lines})
            self._json(
                {
                    "success": True,
                    "commitOid": OTHER,
                    "commitUrl": f"{self.hub.url}/{path.split('/')[3]}/{path.split('/')[4]}/commit/{OTHER}",
                }
            )
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        else:
            self._json({"error": "no such thing"}, 404)
