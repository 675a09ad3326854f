"""Pages a person without a token sees on the way: a heading and what to do, an onward address."""

from collections.abc import Mapping
from html import escape

from functions.platform.sso.visitors import Reply
from shared.problems import Problem

Cookies = tuple[tuple[str, str], ...]
_DOCUMENT = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body{{font:16px/1.7 "Microsoft YaHei","PingFang SC",sans-serif;background:#f3f6f9;color:#1d2b36;margin:0}}
main{{max-width:32em;margin:10vh auto;padding:2em 2.2em;background:#fff;border-top:4px solid #0b6aa2}}
h1{{font-size:1.35em;margin:0 0 .6em}}p{{margin:.4em 0}}small{{color:#5b6b78}}
label{{display:block;margin:1em 0 .2em}}
input[type=password]{{width:100%;font:inherit;padding:.45em;box-sizing:border-box}}
button{{font:inherit;margin-top:1.4em;padding:.5em 1.6em;border:0;background:#0b6aa2;color:#fff}}
.refused{{color:#a3210f;font-weight:bold}}
</style></head><body><main><h1>{title}</h1>{content}</main></body></html>
"""
NO_REFERRER = ("referrer-policy", "no-referrer")


def document(title: str, content: str, *, status: int = 200, cookies: Cookies = ()) -> Reply:
    """A page of ours around `content`, which is HTML: it posts to ourselves only, and no cache keeps it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return guarded(_DOCUMENT.format(title=escape(title), content=content), policy, status=status, cookies=cookies)


def guarded(body: str, policy: str, *, status: int = 200, cookies: Cookies = ()) -> Reply:
    """A page under a content security policy: nobody frames it, no cache keeps it, its address goes nowhere."""
    framed_by_nobody = ("content-security-policy", f"{policy}; frame-ancestors 'none'")
    return Reply(status, body, headers=(framed_by_nobody, NO_REFERRER, ("cache-control", "no-store"), *cookies))


def page(title: str, text: str, *, status: int = 200, code: str = "", cookies: Cookies = ()) -> Reply:
    """A page with a heading and what to do."""
    shown = f"<small>代码 {escape(code)}</small>" if code else ""
    return document(title, f"<p>{escape(text)}</p>{shown}", status=status, cookies=cookies)


def refused(problem: Problem, given: Mapping[str, str]) -> Reply:
    """Why somebody was not let through."""
    return page(problem.title, problem.detail, status=problem.status, code=problem.code)


def onward(address: str, cookies: Cookies = ()) -> Reply:
    """Sends the browser somewhere by GET."""
    return Reply(302, headers=(("location", address), NO_REFERRER, *cookies))
