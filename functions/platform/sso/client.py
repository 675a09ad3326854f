"""What leaves this module besides the calls of directory.py: WeChat, the realm's token endpoint, programs told of a
sign-out, the SMS gateway. Called between transactions only.

WeChat: the code of wx.login() in the mini-program against the user's openid (auth.code2Session).

GET /sns/jscode2session?appid=&secret=&js_code=&grant_type=authorization_code answers 200 with `openid`, `session_key`
or with `errcode`: 40029 code invalid, 40163 code used, 45011 too often, -1 busy. The session key is not needed here
and not kept. Address and keys come from the environment (HIS_WECHAT_LOGIN_*).
"""

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError

from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.platform.sso.problems import WeChatCodeRefused, WeChatOutOfReach

BUSY = frozenset({-1, 45011})
"""Answers after which the same code may be tried again."""


class WeChatLogin(BaseSettings):
    """Where WeChat answers, and the mini-program's own credentials. Without a secret there is no WeChat sign-on."""

    model_config = SettingsConfigDict(env_prefix="HIS_WECHAT_LOGIN_", frozen=True, extra="ignore")

    url: str = "https://api.weixin.qq.com"
    appid: str = ""
    secret: str = ""
    timeout: int = 5


def openid_of(code: str, account: WeChatLogin) -> str:
    """Who a code stands for. Raises WeChatCodeRefused, WeChatOutOfReach."""
    if not account.secret:
        raise WeChatOutOfReach("微信登录尚未配置，请改用手机号登录或到窗口办理。")
    query = urllib.parse.urlencode(
        {
            "appid": account.appid,
            "secret": account.secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
    )
    try:
        with urllib.request.urlopen(f"{account.url}/sns/jscode2session?{query}", timeout=account.timeout) as answer:  # noqa: S310  https by configuration
            body = json.loads(answer.read(65_536))
    except (OSError, HTTPException, ValueError):
        # The cause holds the address, and the address holds the secret.
        raise WeChatOutOfReach("微信暂时没有应答，请稍后重试，或改用手机号登录。") from None
    if not isinstance(body, dict):
        raise WeChatOutOfReach("微信暂时没有应答，请稍后重试，或改用手机号登录。")
    error = body.get("errcode", 0)
    if error in BUSY:
        raise WeChatOutOfReach("微信正忙，请稍后重试。")
    openid = body.get("openid")
    if error or not isinstance(openid, str) or not openid:
        raise WeChatCodeRefused("微信登录凭证无效或已过期，请重新打开小程序登录。")
    return openid


def host_of(url: str) -> str:
    """Host and port of an address, as a request names it."""
    return urllib.parse.urlsplit(url).netloc


def quoted(text: str) -> str:
    """A text as it stands in an address (RFC 3986), nothing left as it is but letters, digits and -_.~."""
    return urllib.parse.quote(text, safe="-_.~")


class NoAnswer(Exception):
    """Nobody answered, or not in time. What was asked may have been done all the same."""


class Answer(NamedTuple):
    """What was answered."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes where it was sent and nowhere else: an address is what was registered."""

    def redirect_request(self, *_: Any) -> None:
        return None


_WITHIN = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
_OUTSIDE = urllib.request.build_opener(_Stay)
LONGEST_ANSWER = 65_536


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: int = 5, outside: bool = False) -> Answer:
    """Post and read the answer, whatever its status; `outside` goes by the machine's proxy. Raises NoAnswer."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310  registered or configured
    try:
        with (_OUTSIDE if outside else _WITHIN).open(request, timeout=seconds) as answer:
            return Answer(answer.status, answer.read(LONGEST_ANSWER))
    except HTTPError as refused:
        return Answer(refused.code, refused.read(LONGEST_ANSWER))
    except (OSError, HTTPException, ValueError):
        raise NoAnswer(urllib.parse.urlsplit(url).hostname) from None


def post_form(url: str, form: Mapping[str, str], *, seconds: int = 5) -> Answer:
    """Post a form. Raises NoAnswer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return post(url, urllib.parse.urlencode(form).encode(), headers, seconds=seconds)
