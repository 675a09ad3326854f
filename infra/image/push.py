"""Puts an OCI layout into a registry (OCI distribution 1.1), a blob at a time, leaving out what is there already."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from infra.image.oci import MANIFEST


class PushError(Exception):
    """The registry refused; the text says what it answered."""


def push(layout: Path, reference: str, *, plain: bool = False) -> str:
    """Push; returns the image's digest. `HIS_REGISTRY_AUTH=user:password` signs in."""
    registry, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    if not (registry and name and tag):
        raise PushError(f"{reference}: expected registry/name:tag")
    client = _Client(registry, plain)
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    described = index["manifests"][0]
    content = _blob(layout, described["digest"]).read_bytes()
    manifest = json.loads(content)
    for part in (*manifest["layers"], manifest["config"]):
        client.blob(name, part["digest"], _blob(layout, part["digest"]))
    client.ask("PUT", f"/v2/{name}/manifests/{tag}", (201,), body=content, headers={"Content-Type": MANIFEST})
    return str(described["digest"])


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


class _Client:
    def __init__(self, registry: str, plain: bool) -> None:
        self._registry = registry
        self._plain = plain
        login = os.environ.get("HIS_REGISTRY_AUTH")
        self._headers = {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}

    def blob(self, name: str, digest: str, path: Path) -> None:
        status, _ = self.ask("HEAD", f"/v2/{name}/blobs/{digest}", (200, 404))
        if status == 200:
            return
        _, headers = self.ask("POST", f"/v2/{name}/blobs/uploads/", (202,))
        place = urlsplit(headers["Location"])
        where = f"{place.path}?{place.query}{'&' if place.query else ''}digest={digest}"
        with path.open("rb") as content:
            sized = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
            self.ask("PUT", where, (201,), body=content, headers=sized)

    def ask(
        self,
        method: str,
        path: str,
        expected: tuple[int, ...],
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, http.client.HTTPMessage]:
        connection: http.client.HTTPConnection = (
            http.client.HTTPConnection(self._registry, timeout=300)
            if self._plain
            else http.client.HTTPSConnection(self._registry, timeout=300, context=ssl.create_default_context())
        )
        try:
            connection.request(method, path, body=body, headers=self._headers | (headers or {}))  # type: ignore[arg-type]
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status not in expected:
            raise PushError(f"{method} {path}: {answer.status} {said[:500].decode(errors='replace')}")
        return answer.status, answer.headers
