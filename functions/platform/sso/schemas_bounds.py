"""Inputs and outputs of what bounds a sign-on."""

from datetime import time
from ipaddress import ip_network
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.identity.posts import POSTS
from shared.schemas import Input, Moment, Text, View


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError as error:
        raise ValueError("网段须写作 10.20.0.0/16 或 2001:db8::/32") from error


def _post(value: str) -> str:
    if value not in POSTS:
        raise ValueError("没有这个岗位")
    return value


def _subject(value: str) -> str:
    if value not in {"staff", "patient"}:
        _post(value.removeprefix("post:") if value.startswith("post:") else "")
    return value


Network = Annotated[str, StringConstraints(max_length=50), AfterValidator(_network)]
PostCode = Annotated[str, StringConstraints(max_length=40), AfterValidator(_post)]
Subject = Annotated[str, StringConstraints(max_length=45), AfterValidator(_subject)]
Beyond = Literal["displace", "confirm", "refuse"]


class EnterSession(Input):
    """Right after a sign-on. `end_others`: the person agrees that the oldest other sessions end."""

    end_others: bool


class SessionStateView(View):
    """The session one works in, for the header, the lock timer and the notice that it ends (轮询)."""

    session_id: str
    entered: bool
    max_sessions: int
    beyond: Beyond
    lock_after_minutes: int
    """Without a key or a touch for so long, the screen locks."""
    end_after_minutes: int
    """Locked for so long, the session ends."""
    locked_at: Moment | None
    ending_cause: str | None
    ending_message: str | None
    ends_at: Moment | None
    password_due: str | None
    """Why another password has to be set first: initial, short, expired, aged."""
    password_due_at: Moment | None
    """When the password becomes too old, from a week before on."""


class SetPolicy(Input):
    """`subject`: staff, patient or post:<code>."""

    subject: Subject
    max_sessions: int = Field(ge=1, le=20)
    beyond: Beyond
    reason: Text

    @model_validator(mode="after")
    def _patients_are_not_asked(self) -> "SetPolicy":
        if self.subject == "patient" and self.beyond != "displace":
            raise ValueError("患者账号只能结束最早的会话（displace）")
        return self


class PolicyView(View):
    """`policy_id` null: the product's own start value."""

    policy_id: UUID | None
    subject: str
    title: str
    max_sessions: int
    beyond: Beyond
    reason: str
    set_at: Moment | None


class SetSignOnRule(Input):
    """`from_time` after `to_time` is a span over midnight; `networks` empty means anywhere."""

    post: PostCode
    weekdays: list[Annotated[int, Field(ge=1, le=7)]] = Field(min_length=1, max_length=7)
    from_time: time
    to_time: time
    networks: list[Network] = Field(max_length=20)
    outside: Literal["refuse", "second_factor"]
    message: Text

    @model_validator(mode="after")
    def _has_hours(self) -> "SetSignOnRule":
        if self.from_time.tzinfo or self.to_time.tzinfo or self.from_time == self.to_time:
            raise ValueError("起止时间不能相同，按北京时间填写，全天为 00:00 至 23:59:59")
        if len(set(self.weekdays)) != len(self.weekdays):
            raise ValueError("星期不能重复")
        return self


class SignOnRuleView(View):
    rule_id: UUID
    campus_id: str
    post: str
    post_title: str
    weekdays: list[int]
    from_time: time
    to_time: time
    networks: list[str]
    outside: str
    message: str
    set_at: Moment
    ended_at: Moment | None


class SessionNoticeView(View):
    notice_id: UUID
    account_id: UUID
    cause: str
    message: str
    address: str
    raised_at: Moment
    ends_at: Moment
    ended_at: Moment | None
