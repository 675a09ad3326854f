"""Events of the platform area: permissions, parameters, sign-ons, the realm."""

from datetime import datetime
from uuid import UUID

from events.envelope import Event


class TemplateChanged(Event, type="platform.permissions.template_changed", subject="post"):
    """Another version of a post's template (岗位模板) is in force. Sign-on carries it into the realm and the tokens."""

    post: str
    template_id: UUID
    version_no: int
    added: list[str]
    removed: list[str]
    holders: int


class ExtraScopeGranted(Event, type="platform.permissions.extra_scope_granted", subject="staff_id"):
    """A person holds one more permission at a campus until a moment (单项授权)."""

    grant_id: UUID
    staff_id: UUID
    campus_code: str
    permission: str
    valid_from: datetime
    valid_to: datetime


class ExtraScopeEnded(Event, type="platform.permissions.extra_scope_ended", subject="staff_id"):
    """A single grant was ended before its time; tokens issued before are refused."""

    grant_id: UUID
    staff_id: UUID
    campus_code: str
    permission: str
    ended_at: datetime


class StaffFrozen(Event, type="platform.permissions.staff_frozen", subject="staff_id"):
    """A person is frozen (冻结): every token is refused, sessions end, the account is disabled."""

    freeze_id: UUID
    staff_id: UUID
    reason_code: str
    frozen_at: datetime


class StaffUnfrozen(Event, type="platform.permissions.staff_unfrozen", subject="staff_id"):
    """Two people have lifted a freeze; the person may sign on again."""

    freeze_id: UUID
    staff_id: UUID
    lifted_at: datetime


class ParameterChanged(Event, type="platform.permissions.parameter_changed", subject="key"):
    """A parameter has another value at a level (system, campus, department, workstation) from a moment on."""

    key: str
    level: str
    level_id: str
    valid_from: datetime


class FeatureSwitched(Event, type="platform.permissions.feature_switched", subject="key"):
    """A function is switched on or off at a campus from a moment on (功能开关)."""

    key: str
    campus_code: str
    on: bool
    valid_from: datetime


class DataRuleChanged(Event, type="platform.permissions.data_rule_changed", subject="key"):
    """A rule over data (data rules: masks, purposes, sensitive classes, exports, break-glass) is in force or lifted."""

    rule_id: UUID
    kind: str
    key: str
    campus_code: str
    """Empty for all campuses."""
    lifted: bool


class AttestationOverdue(Event, type="platform.permissions.attestation_overdue", subject="unit_id"):
    """A department has not reviewed the posts of its people within 15 days (权限复核); clinical ones are escalated."""

    attestation_id: UUID
    unit_id: UUID
    campus_code: str
    quarter: str
    due_at: datetime


class DriftRepaired(Event, type="platform.permissions.drift_repaired", subject="run_id"):
    """Roles, groups or posts in the realm were not what the hospital says, and were put right: an alarm."""

    run_id: UUID
    differences: int
    lines: list[str]
    """Objects of the realm by their technical names."""


class LoggedIn(Event, type="platform.sso.logged_in", subject="account_id"):
    """Somebody signed on by a way the realm doesn't see itself: WeChat, phone code, badge, scan, certificate."""

    account_id: UUID
    way: str
    client: str


class LoginFailed(Event, type="platform.sso.login_failed", subject="account_id"):
    """A change of user by badge, an unlocking, a sign-on by scan or certificate was refused: wrong PIN, locked badge,
    wrong hour, a certificate that is not trusted."""

    account_id: UUID
    way: str
    reason: str


class AccountLocked(Event, type="platform.sso.account_locked", subject="staff_id"):
    """Too many wrong passwords or PINs: the account is shut for a while. Shows on the staff card."""

    staff_id: UUID
    way: str
    until: datetime | None


class MessageAsked(Event, type="platform.sso.message_asked", subject="code_id"):
    """A code was asked for, or a relative is to be told: sign-on sends what is due. Unknown phones have it as well."""

    code_id: UUID
    """A row of sign-on; the code itself is stored nowhere."""


class SignOnWayFailed(Event, type="platform.sso.sign_on_way_failed", subject="way"):
    """A way patients sign on by (WeChat, text messages) failed several times in a row: an alarm, once an outage."""

    way: str
    since: datetime
    failures: int


class SignOnWayRestored(Event, type="platform.sso.sign_on_way_restored", subject="way"):
    """A way patients sign on by works again after an alarm."""

    way: str
    since: datetime
    failures: int


class LoginRiskFound(Event, type="platform.sso.login_risk_found", subject="subject_key"):
    """A pattern of attack, an emergency account in use, an administrator let in anew: security looks at it, a freeze is
    proposed."""

    subject_key: str
    """The account, the address or the session the risk was seen at."""
    staff_id: UUID | None
    cause: str
    score: int


class SessionsEnded(Event, type="platform.sso.sessions_ended", subject="subject_key"):
    """Sessions were ended by somebody, or by leaving, freezing, a new password or signing out."""

    subject_key: str
    """The person or account; the campus, where everybody of it was signed off."""
    sessions: int
    cause: str


class CertificateExpiring(Event, type="platform.sso.certificate_expiring", subject="certificate_id"):
    """A certificate somebody signs with ends within 30 days; told once. The holder's department renews it in time."""

    certificate_id: UUID
    staff_id: UUID
    campus_code: str
    valid_to: datetime


class RevocationListStale(Event, type="platform.sso.revocation_list_stale", subject="anchor_id"):
    """The revocation list of an authority has run out and no newer one came, so its certificates are refused. Told
    once: security sees to the authority's address or uploads a list; meanwhile people sign on by password."""

    anchor_id: UUID
    authority: str
    """The name in its certificate."""
    campuses: list[str]


class RealmDriftFound(Event, type="platform.sso.realm_drift_found", subject="run_id"):
    """Clients, flows or policies of the realm had been changed by hand, and were put right: an alarm."""

    run_id: UUID
    differences: int
    lines: list[str]
