"""A local imitation of a hub's HTTP API: dataset repositories in memory, as far as pushing needs them."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_of_the_tests"


@dataclass
class Repository:
    """Files by path, and commits with the paths that each added and deleted."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[tuple[list[str], list[str]]] = field(default_factory=list)


@dataclass
class Hub:
    """The server's contents and requests.

    Attributes:
        broken: status of the answer to commits; None: they are accepted.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: int | None = None


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a hub on a free port of this machine."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET", b"")

    def do_HEAD(self) -> None:
        self._answer("HEAD", b"")

    def do_POST(self) -> None:
        self._answer("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def do_PUT(self) -> None:
        self._answer("PUT", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, method: str, body: bytes) -> None:
        path = self.path.partition("?")[0]
        self.state.asked.append(f"{method} {path}")
        if blob := re.fullmatch(r"/blobs/(\w+)", path):  # like a signed URL, without a token
            self.state.blobs[blob[1]] = body
            return self._send(200, {})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, {"error": "Invalid username or password."})
        if (method, path) == ("POST", "/api/repos/create"):
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._send(200, {"warnings": [], "errors": []})
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        for pattern, handle in (
            (r"/api/datasets/([^/]+/[^/]+)/preupload/[^/]+", self._preupload),
            (r"/api/datasets/([^/]+/[^/]+)/commit/[^/]+", self._commit),
            (r"/api/datasets/([^/]+/[^/]+)/tree/[^/]+", self._tree),
            (r"/api/datasets/([^/]+/[^/]+)(?:/revision/[^/]+)?", self._info),
            (r"/datasets/([^/]+/[^/]+)/raw/[^/]+/(.+)", self._raw),
        ):
            if found := re.fullmatch(pattern, path):
                repository = self.state.repositories.get(found[1])
                if repository is None:
                    return self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
                return handle(repository, found, body)
        return self._send(404, {"error": f"no such path: {path}"})

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        private = asked["private"] if "private" in asked else asked["visibility"] == "private"  # client 1 and 2
        self.state.repositories[name] = Repository(private=private)
        self._send(200, {"url": f"{self.state.url}/datasets/{name}", "id": name})

    def _info(self, repository: Repository, found: re.Match[str], _: bytes) -> None:
        files = [{"rfilename": path} for path in sorted(repository.files)]
        self._send(200, {"id": found[1], "private": repository.private, "siblings": files, "sha": "0" * 40, "tags": []})

    def _tree(self, repository: Repository, _: re.Match[str], __: bytes) -> None:
        listed = [
            {"type": "file", "path": path, "size": len(data), "oid": "0" * 40}
            for path, data in sorted(repository.files.items())
        ]
        self._send(200, listed)

    def _raw(self, repository: Repository, found: re.Match[str], _: bytes) -> None:
        data = repository.files.get(found[2])
        if data is None:
            self._send(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        else:
            self._send(200, data)

    def _preupload(self, _: Repository, __: re.Match[str], body: bytes) -> None:
        def mode(path: str) -> str:
            return "regular" if path.endswith(".md") else "lfs"

        files = json.loads(body)["files"]
        self._send(
            200, {"files": [{"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False} for f in files]}
        )

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.state.url}/blobs/{one['oid']}"}}} for one in asked["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _commit(self, repository: Repository, _: re.Match[str], body: bytes) -> None:
        if self.state.broken is not None:
            return self._send(self.state.broken, {"error": "the hub is being repaired"})
        added, deleted = [], []
        for line in body.splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "lfsFile":
                repository.files[value["path"]] = self.state.blobs[value["oid"]]
            elif said["key"] == "deletedFile":
                del repository.files[value["path"]]
            if said["key"] != "header":
                (deleted if said["key"] == "deletedFile" else added).append(value["path"])
        repository.commits.append((sorted(added), sorted(deleted)))
        url = f"{self.state.url}/datasets/me/x/commit/{'0' * 40}"
        return self._send(200, {"success": True, "commitOid": "0" * 40, "commitUrl": url})

    def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
