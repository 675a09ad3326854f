"""Pages a person sees on the way to an old program (CAS): what went wrong, and what to do."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

from functions.platform.sso.client import host_of
from functions.platform.sso.visitors import Reply
from shared.problems import Problem

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body{{font:16px/1.7 "Microsoft YaHei","PingFang SC",sans-serif;background:#f3f6f9;color:#1d2b36;margin:0}}
main{{max-width:32em;margin:12vh auto;padding:2em 2.2em;background:#fff;border-top:4px solid #0b6aa2}}
h1{{font-size:1.35em;margin:0 0 .6em}}p{{margin:.4em 0}}small{{color:#5b6b78}}
</style></head><body><main><h1>{title}</h1><p>{text}</p>{code}</main></body></html>
"""
_HEADERS = (
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
)


def page(
    title: str, text: str, *, status: int = 200, code: str = "", cookies: tuple[tuple[str, str], ...] = ()
) -> Reply:
    """A page with a heading and what to do."""
    shown = f"<small>代码 {escape(code)}</small>" if code else ""
    return Reply(
        status, _PAGE.format(title=escape(title), text=escape(text), code=shown), headers=(*_HEADERS, *cookies)
    )


def refused(problem: Problem, given: Mapping[str, str]) -> Reply:
    """Why somebody was not let through."""
    return page(problem.title, problem.detail, status=problem.status, code=problem.code)


def onward(address: str, cookies: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Sends the browser somewhere by GET."""
    return Reply(302, headers=(("location", address), ("referrer-policy", "no-referrer"), *cookies))


_SEND = "document.forms[0].submit()"
_SENT_BY = base64.b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


def posted(address: str, ticket: str, cookies: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Sends the browser to a program with its ticket in a form (CAS 3.0, 2.1.1); by a button without script."""
    program = f"{address.partition('://')[0]}://{host_of(address)}"
    policy = f"default-src 'none'; script-src 'sha256-{_SENT_BY}'; form-action {program}"
    body = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>正在进入业务系统</title></head><body>'
        f'<form method="post" action="{escape(address)}"><input type="hidden" name="ticket" value="{escape(ticket)}">'
        f"<noscript><button>继续进入业务系统</button></noscript></form><script>{_SEND}</script></body></html>"
    )
    safe = (("content-security-policy", policy), ("referrer-policy", "no-referrer"), ("cache-control", "no-store"))
    return Reply(200, body, headers=(*safe, *cookies))
