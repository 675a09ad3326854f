"""Pages a person sees on the way to an old program (CAS): what went wrong, and what to do."""

from collections.abc import Mapping
from html import escape

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
