"""Bounds of sign-on as security sets them: sessions at once (同时在线数), hours and networks of posts (登录限制)."""

from uuid import UUID

from functions.platform.sso import queries_bounds as queries
from functions.platform.sso import rules_bounds as rules
from functions.platform.sso.models_limits import SessionNotice, SessionPolicy, SignOnRule
from functions.platform.sso.problems import NotBindable, PolicyNotFound, RuleNotFound
from functions.platform.sso.schemas_bounds import PolicyView, SetPolicy, SetSignOnRule, SignOnRuleView
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.tx import Tx

KINDS = {"staff": "全体职工", "patient": "患者"}


def set_policy(tx: Tx, command: SetPolicy) -> PolicyView:
    """Set how many sessions a post or kind of account may have at once; what was set before ends.

    Raises FreshSignOnRequired.
    """
    _proven(tx)
    tx.session.execute(queries.END_POLICY_OF, whose=command.subject, now=tx.now, by=tx.actor.subject)
    row = SessionPolicy(
        policy_id=new_id(),
        subject=command.subject,
        max_sessions=command.max_sessions,
        beyond=command.beyond,
        reason=command.reason,
        set_at=tx.now,
        set_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit(
        "session_policy.set",
        "session_policy",
        row.policy_id,
        subject=row.subject,
        max_sessions=row.max_sessions,
        beyond=row.beyond,
    )
    return _policy_view(row)


def end_policy(tx: Tx, policy_id: UUID) -> PolicyView:
    """Go back to the product's start value. Raises PolicyNotFound, FreshSignOnRequired."""
    _proven(tx)
    row = tx.session.first(queries.END_POLICY, id_=policy_id, now=tx.now, by=tx.actor.subject)
    if row is None:
        raise PolicyNotFound("没有这条在用的在线数规定，请刷新后核对。")
    tx.audit("session_policy.ended", "session_policy", policy_id, subject=row.subject)
    return _policy_view(row)


def policies(tx: Tx) -> list[PolicyView]:
    """What holds now: set by the hospital, then the product's start values nobody has set otherwise."""
    rows = tx.session.all(queries.POLICIES)
    known = {row.subject for row in rows}
    start = [("staff", rules.STAFF)]
    start += [(f"post:{code}", rules.CASHIER) for code in sorted(POSTS) if rules.takes_money(code)]
    return [_policy_view(row) for row in rows] + [
        PolicyView(
            policy_id=None,
            subject=subject,
            title=_title(subject),
            max_sessions=policy.max_sessions,
            beyond=policy.beyond,
            reason="系统初始值",
            set_at=None,
        )
        for subject, policy in start
        if subject not in known
    ]


def settled(tx: Tx) -> dict[str, rules.Policy]:
    """What the hospital has set, by subject."""
    return {row.subject: policy_in(row) for row in tx.session.all(queries.POLICIES)}


def policy_in(row: SessionPolicy) -> rules.Policy:
    """The rule a row states."""
    return rules.Policy(row.max_sessions, row.beyond)  # type: ignore[arg-type]  # by its check constraint


def set_rule(tx: Tx, command: SetSignOnRule) -> SignOnRuleView:
    """Bind a post's sign-on to hours and networks; rules of one post are alternatives.

    Raises NotBindable, FreshSignOnRequired.
    """
    _proven(tx)
    if command.post in rules.UNBOUND_POSTS:
        raise NotBindable("安全管理员的登录不能限制：设错一次就没有人能再改回来。请改用双因素。")
    row = SignOnRule(
        rule_id=new_id(),
        campus_id=tx.campus,
        post=command.post,
        weekdays=sorted(command.weekdays),
        from_time=command.from_time,
        to_time=command.to_time,
        networks=list(command.networks),
        outside=command.outside,
        message=command.message,
        set_at=tx.now,
        set_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("sign_on_rule.set", "sign_on_rule", row.rule_id, post=row.post, networks=row.networks)
    return rule_view(row)


def end_rule(tx: Tx, rule_id: UUID) -> SignOnRuleView:
    """A bound no longer holds. Raises RuleNotFound, FreshSignOnRequired."""
    _proven(tx)
    row = tx.session.first(queries.END_RULE, id_=rule_id, campus=tx.campus, now=tx.now, by=tx.actor.subject)
    if row is None:
        raise RuleNotFound("本院区没有这条在用的登录限制，请刷新后核对。")
    tx.audit("sign_on_rule.ended", "sign_on_rule", rule_id, post=row.post)
    return rule_view(row)


def rules_here(tx: Tx, before: UUID, limit: int) -> list[SignOnRule]:
    """Sign-on rules the acting campus has set, ended ones too, latest first."""
    return tx.session.all(queries.RULES_HERE, campus=tx.campus, before=before, limit=limit)


def notices(tx: Tx, before: UUID, limit: int) -> list[SessionNotice]:
    """Sessions that were or are being ended by a bound, latest first."""
    return tx.session.all(queries.NOTICES_LATEST, before=before, limit=limit)


def rule_view(row: SignOnRule) -> SignOnRuleView:
    """A rule as security sees it."""
    names = [name for name in SignOnRuleView.model_fields if name != "post_title"]
    return SignOnRuleView(post_title=_title(f"post:{row.post}"), **{name: getattr(row, name) for name in names})


# -- inside


def _proven(tx: Tx) -> None:
    """What shuts colleagues out asks for the password again (spec 42 no. 6: permission change)."""
    tx.actor.require_fresh_sign_on(tx.now)


def _policy_view(row: SessionPolicy) -> PolicyView:
    return PolicyView(
        policy_id=row.policy_id,
        subject=row.subject,
        title=_title(row.subject),
        max_sessions=row.max_sessions,
        beyond=policy_in(row).beyond,
        reason=row.reason,
        set_at=row.set_at,
    )


def _title(subject: str) -> str:
    code = subject.removeprefix("post:")
    return KINDS.get(subject) or (POSTS[code].title if code in POSTS else code)
