"""The page that carries a ticket to an old program (CAS)."""

import base64
import hashlib
from html import escape

from functions.platform.sso.client import host_of
from functions.platform.sso.pages import Cookies, guarded
from functions.platform.sso.visitors import Reply

_SEND = "document.forms[0].submit()"
_SENT_BY = base64.b64encode(hashlib.sha256(_SEND.encode()).digest()).decode()


def posted(address: str, ticket: str, cookies: Cookies = ()) -> Reply:
    """Sends the browser to a program with its ticket in a form (CAS 3.0, 2.1.1); by a button without script."""
    program = f"{address.partition('://')[0]}://{host_of(address)}"
    body = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>正在进入业务系统</title></head><body>'
        f'<form method="post" action="{escape(address)}"><input type="hidden" name="ticket" value="{escape(ticket)}">'
        f"<noscript><button>继续进入业务系统</button></noscript></form><script>{_SEND}</script></body></html>"
    )
    policy = f"default-src 'none'; script-src 'sha256-{_SENT_BY}'; form-action {program}"
    return guarded(body, policy, cookies=cookies)
