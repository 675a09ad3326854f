"""Actor: who acts in a request or event, and what that person, device or function may do where."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from shared.identity.posts import EVERY_POST, PATIENT
from shared.identity.problems import (
    CampusNotAllowed,
    FreshSignOnRequired,
    PasswordDue,
    PermissionDenied,
    SecondFactorRequired,
)
from shared.identity.rights import CODE, FRESH_SIGN_ON, FRESH_WITHIN, STRONG_METHODS, Grant, Templates

Kind = Literal["staff", "patient", "device", "system"]

INITIAL, AGED, EXPIRED = "initial", "aged", "expired"
"""Why a password is due: somebody else has set it; it is too old for anybody; it is too old for a privileged post."""
_SET_ANOTHER = {
    INITIAL: "现在用的是初始密码，请先在“修改密码”中设置自己的密码，重新登录后再办理。",
    AGED: "密码已满 180 天，请先在“修改密码”中设置新密码，重新登录后再办理。",
}
ALL_CAMPUSES = frozenset({"*"})
"""Stands for every campus, those opened tomorrow too. `*` can't be a campus code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts.

    kind: staff (职工), patient (患者), device (设备, bound to one campus), system (a function acting for itself:
    event handlers and sweeps; never built from a token).
    subject: stable id in the realm; for the system `system:<function>`.
    posts: campus code -> post codes held there now. Secondment (派驻) shows as a campus that comes and goes.
    patient_ids: persons of the patient index a patient account is bound to (self and family).
    campus: the one campus of a device or of the system; None for people.
    session_id, client, acr, signed_on_at: the sign-on itself (OpenID Connect `sid`, `azp`, `acr`, `auth_time`).
    methods: how the person proved to be it (`amr`, RFC 8176); empty after a change of user by badge.
    asks_second_factor: the realm asks for a second factor of whoever uses a privileged post.
    password_due: why another password has to be set first: initial and aged shut everything, short and expired what
    only a privileged post may do; empty when none has to.
    templates, grants: what the posts may do now, and single permissions beside them.
    clock: Unix seconds, for the end of a grant and the age of a sign-on.
    """

    kind: Kind
    subject: str
    name: str
    staff_id: UUID | None = None
    posts: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    patient_ids: frozenset[UUID] = frozenset()
    campus: str | None = None
    session_id: str | None = None
    client: str | None = None
    acr: str | None = None
    signed_on_at: datetime | None = None
    methods: frozenset[str] = frozenset()
    asks_second_factor: bool = False
    password_due: str = ""
    templates: Templates = field(default=CODE, compare=False, repr=False)
    grants: tuple[Grant, ...] = ()
    clock: Callable[[], float] = field(default=time.time, compare=False, repr=False)

    def __post_init__(self) -> None:
        held = MappingProxyType({campus: frozenset(codes) for campus, codes in self.posts.items() if codes})
        object.__setattr__(self, "posts", held)

    def posts_at(self, campus: str) -> frozenset[str]:
        """Post codes held at a campus."""
        return self.posts.get(campus, frozenset())

    @property
    def campuses(self) -> frozenset[str]:
        """Campuses where the actor may act and write. Empty for a patient, who may ask at any and owns none."""
        if self.campus is not None:
            return frozenset((self.campus,))
        return frozenset(self.posts)

    @property
    def readable_campuses(self) -> frozenset[str]:
        """Campuses whose rows the actor may read in some function: `ALL_CAMPUSES` with a consortium-wide post.

        `readable_with` is narrower and to be preferred where the permission is known.
        """
        if any(self.templates.consortium_wide(self.posts_at(campus)) for campus in self.posts):
            return ALL_CAMPUSES
        return self.campuses

    def readable_with(self, permission: str) -> frozenset[str]:
        """Campuses whose rows the actor may read under this very permission.

        A cashier of one campus who keeps prices at another reads visits of the first only, and a consortium-wide
        post opens all campuses for its own permissions, not for those of the other posts its holder has.
        """
        if self.kind == "system":
            return self.campuses
        if any(permission in self.templates.consortium_wide(self.posts_at(campus)) for campus in self.posts):
            return ALL_CAMPUSES
        return frozenset(campus for campus in self.posts if self.may(permission, campus))

    def may(self, permission: str, campus: str) -> bool:
        """Whether the actor may do this while acting at this campus.

        Staff and devices: by the posts held there, staff also by single grants there. Patients: what every patient
        may, at any campus. The system: all, at its own campus; what calls it was decided when the code was written.
        """
        held = self.posts.get(campus)
        if held:
            return permission in self.templates.permissions_of(held) or self._granted(permission, campus)
        if self.kind == "patient":
            return permission in PATIENT.permissions
        return self.kind == "system" and campus == self.campus

    def require(self, permission: str, campus: str) -> None:
        """Refuse with CampusNotAllowed (no post at that campus) or PermissionDenied (a post without this right).

        A right of a privileged post then asks for a second factor (SecondFactorRequired), and what FRESH_SIGN_ON lists
        for a sign-on of the last minutes (FreshSignOnRequired).
        """
        if self.may(permission, campus):
            if self.kind == "staff":
                self._require_proof(permission, campus)
            return
        if self.kind != "patient" and campus not in self.campuses:
            raise CampusNotAllowed("您在该院区当前没有任职或派驻，请切换到有岗位的院区再办理。", campus=campus)
        raise PermissionDenied("您的岗位没有办理此业务的权限，如工作需要请向科室负责人申请。", permission=permission)

    def _granted(self, permission: str, campus: str) -> bool:
        return bool(self.grants) and any(
            grant.permission == permission and grant.campus == campus and self.clock() < grant.until
            for grant in self.grants
        )

    def require_two_factors(self) -> None:
        """Ask for the password and something by cryptography beside it (GB/T 22239-2019, 8.1.4.1 d; spec 42).

        A certificate alone, though its key asks for a PIN, has a PIN nobody here can see to. Raises
        SecondFactorRequired.
        """
        if "pwd" not in self.methods or self.methods.isdisjoint(STRONG_METHODS):
            raise SecondFactorRequired(
                "该业务属于特权岗位，须用密码加动态口令登录，或在共用工作站用密码加 CA 证书登录。请退出后重新登录；"
                "尚未绑定动态口令的，登录时按页面提示绑定。"
            )

    def _require_proof(self, permission: str, campus: str) -> None:
        if self.asks_second_factor and permission not in self.templates.ordinary(self.posts_at(campus)):
            self.require_two_factors()
            if self.password_due:
                raise PasswordDue(
                    "特权岗位的密码至少 14 位、每 90 天更换。请先在“修改密码”中设置新密码，重新登录后再办理；"
                    "一般业务不受影响。"
                )
        if self.password_due in _SET_ANOTHER and permission not in EVERY_POST:
            raise PasswordDue(_SET_ANOTHER[self.password_due])
        if permission in FRESH_SIGN_ON:
            self.require_fresh_sign_on(datetime.fromtimestamp(self.clock(), UTC))

    def require_fresh_sign_on(self, now: datetime, within: timedelta = FRESH_WITHIN) -> None:
        """Ask for the password again (再认证) unless the person signed on within the last minutes.

        Before refund approval, break-glass, export and signing of narcotics. Raises FreshSignOnRequired.
        """
        if self.signed_on_at is None or now - self.signed_on_at > within:
            raise FreshSignOnRequired("该操作需要再次验证身份，请重新输入密码后继续，已填写的内容会保留。")


def system_actor(function_name: str, campus: str) -> Actor:
    """The function itself as actor, for event handlers and sweeps, bound to the campus of the event."""
    return Actor(kind="system", subject=f"system:{function_name}", name=function_name, campus=campus)
