"""Bounds of a sign-on: how many sessions, at which hours, from which networks. No I/O, no clock."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from ipaddress import ip_address, ip_network
from typing import Literal, NamedTuple, Protocol

from shared.identity.posts import POSTS
from shared.schemas import SHANGHAI

Beyond = Literal["displace", "confirm", "refuse"]
Cause = Literal[
    "displaced",
    "not_confirmed",
    "refused",
    "wrong_hour",
    "wrong_place",
    "second_factor",
    "locked_too_long",
    "unlock_failed",
]
Workplace = Literal["counter", "clinical", "office"]

CONFIRM_WITHIN = timedelta(minutes=2)
"""How long a newcomer may take to agree that another session ends, or to show the second factor."""
TOLD = timedelta(minutes=1)
"""How long a session that makes room is shown why before it ends: enough to save what is half typed."""
LOCKED_FOR = timedelta(minutes=30)
"""A screen locked for so long: the session ends (spec 42)."""
UNLOCK_FAILURES = 5
"""Wrong answers at one locked screen before the session ends."""
UNBOUND_POSTS = frozenset({"security_admin"})
"""Whoever sets bounds is not bound by them: a wrong network or hour would shut everybody out for good."""

MESSAGES: dict[str, str] = {
    "displaced": "您的账号在其他电脑登录（{address}，{at}），同时在线数已满，本机将在 1 分钟内退出，请先保存。"
    "不是本人登录的，请立即改密并联系信息科。",
    "not_confirmed": "同时在线数已满，且没有确认结束其他会话，本次登录已退出。请先在原电脑退出，或重新登录并确认。",
    "refused": "同时在线数已满，本次登录已退出。请先在原电脑退出后再登录。",
    "wrong_hour": "您的岗位现在不能登录：{note}",
    "wrong_place": "您的岗位不能在此网络登录：{note}",
    "second_factor": "在医院网络以外登录须用密码加动态口令：{note}",
    "locked_too_long": "锁屏超过 30 分钟，会话已结束，请重新登录。",
    "unlock_failed": "解锁连续错误 5 次，会话已结束，请重新登录。",
}
"""What the person reads; `refused` to `second_factor` say what to do."""


class Policy(NamedTuple):
    """How many sessions at once, and what happens to the one too many."""

    max_sessions: int
    beyond: Beyond


STAFF = Policy(3, "displace")
CASHIER = Policy(1, "confirm")
"""Clinical staff 3, cashier 1; a second sign-on of a cashier ends the first once it is agreed to (spec 42)."""


def takes_money(post: str) -> bool:
    """Whether holders of a post stand at a counter and take money."""
    return post in POSTS and "payments.cashier.write" in POSTS[post].permissions


def policy_of(posts: Collection[str], settled: dict[str, Policy]) -> Policy:
    """The strictest policy for somebody with these posts. `settled`: what the hospital has set, by subject."""
    found = [settled.get("staff", STAFF)]
    for post in sorted(posts):
        own = settled.get(f"post:{post}", CASHIER if takes_money(post) else None)
        if own is not None:
            found.append(own)
    return min(found, key=lambda one: (one.max_sessions, ("refuse", "confirm", "displace").index(one.beyond)))


def workplace_of(posts: Collection[str]) -> Workplace:
    """Where somebody with these posts works; the place that locks soonest counts."""
    held = [POSTS[post] for post in posts if post in POSTS]
    if any(takes_money(post.code) or post.code.endswith("_pharmacist") for post in held):
        return "counter"
    if any("patients.index.record_safety" in post.permissions for post in held):
        return "clinical"
    return "office"


class Session(NamedTuple):
    """A running session as it is judged."""

    session_id: str
    started_at: datetime
    entered: bool


def one_too_many(
    sessions: Iterable[Session], policy: Policy, now: datetime, keep: str = ""
) -> list[tuple[Session, Cause]]:
    """Who has to go so that the policy holds, with the cause. `keep`: a newcomer that was let in just now.

    A newcomer that has not come in at the product may do so for CONFIRM_WITHIN before it goes.
    """
    oldest_first = sorted(sessions, key=lambda one: (one.session_id == keep, one.started_at, one.session_id))
    surplus = len(oldest_first) - policy.max_sessions
    if surplus <= 0:
        return []
    if policy.beyond == "displace" or keep:
        return [(one, "displaced") for one in oldest_first[:surplus]]
    if policy.beyond == "refuse":
        # Whoever was let in stays: the realm counts in seconds, so the start does not tell two of one second apart.
        newest_last = sorted(oldest_first, key=lambda one: not one.entered)
        return [(one, "refused") for one in newest_last[-surplus:]]
    strangers = [one for one in reversed(oldest_first) if not one.entered][:surplus]
    late: list[tuple[Session, Cause]] = [
        (one, "not_confirmed") for one in strangers if now - one.started_at >= CONFIRM_WITHIN
    ]
    settled = [one for one in oldest_first if one not in strangers]
    return [*late, *((one, "displaced") for one in settled[: surplus - len(strangers)])]


class Bound(Protocol):
    """A rule of a post as it is judged (SignOnRule)."""

    @property
    def post(self) -> str: ...
    @property
    def weekdays(self) -> Sequence[int]: ...
    @property
    def from_time(self) -> time: ...
    @property
    def to_time(self) -> time: ...
    @property
    def networks(self) -> Sequence[str]: ...
    @property
    def outside(self) -> str: ...
    @property
    def message(self) -> str: ...


class Verdict(NamedTuple):
    """Why a sign-on is refused."""

    cause: Cause
    post: str
    note: str


def in_hours(rule: Bound, at: datetime) -> bool:
    """Whether a moment lies in a rule's days and hours; a night span belongs to the day it begins on."""
    local = at.astimezone(SHANGHAI)
    clock, today = local.time(), local.isoweekday()
    if rule.from_time < rule.to_time:
        return today in rule.weekdays and rule.from_time <= clock < rule.to_time
    yesterday = (today - 2) % 7 + 1
    return (today in rule.weekdays and clock >= rule.from_time) or (yesterday in rule.weekdays and clock < rule.to_time)


def in_networks(rule: Bound, address: str) -> bool:
    """Whether an address is one of a rule's; an address that can't be read is none."""
    if not rule.networks:
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in ip_network(network) for network in rule.networks)


def judge(
    rules: Iterable[Bound], posts: Collection[str], at: datetime, address: str | None, strong: bool
) -> Verdict | None:
    """Whether somebody with these posts may sign on now from there; None says yes.

    Every post that has rules must have one that admits. `address` None: at a registered workstation, a place of the
    hospital. `strong`: signed on with a second factor.
    """
    of_post: dict[str, list[Bound]] = {}
    for rule in rules:
        if rule.post in posts:
            of_post.setdefault(rule.post, []).append(rule)
    for post, bounds in sorted(of_post.items()):
        now = [rule for rule in bounds if in_hours(rule, at)]
        if not now:
            return Verdict("wrong_hour", post, bounds[0].message)
        if address is None or any(in_networks(rule, address) for rule in now):
            continue
        by_factor = [rule for rule in now if rule.outside == "second_factor"]
        if not by_factor:
            return Verdict("wrong_place", post, now[0].message)
        if not strong:
            return Verdict("second_factor", post, by_factor[0].message)
    return None
