"""Fetching a revocation list from the address the authority publishes it at: plain HTTP, no redirect, bounded."""

import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from functions.platform.sso.problems_trust import ListUnfit
from functions.platform.sso.rules_revocation import LARGEST

TIMEOUT = 15


class NotFetched(Exception):
    """The address gave no list; says why, in words for the list of authorities."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """The address is what two people agreed on: wherever it sends somebody, nobody goes."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def check_url(url: str) -> str:
    """An address a list may be fetched from: http or https, no credentials. Raises ListUnfit."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
        fine = (
            fine and (parts.port is None or parts.port > 0) and url.isascii() and url.isprintable() and " " not in url
        )
    except ValueError:
        fine = False
    if not fine:
        raise ListUnfit("吊销列表地址须是 http 或 https 地址，不带用户名和密码；LDAP 地址请改为上传文件。")
    return url


def fetch(url: str) -> bytes:
    """The bytes at an address that `check_url` has passed. A list is signed: the way needs no secrecy.

    Raises NotFetched.
    """
    opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT) as answer:
            content: bytes = answer.read(LARGEST + 1)
    except (OSError, HTTPException, ValueError) as error:
        raise NotFetched(f"地址没有给出吊销列表（{type(error).__name__}）。") from None
    if len(content) > LARGEST:
        raise NotFetched("地址给出的文件超过 16 MB。")
    return content
