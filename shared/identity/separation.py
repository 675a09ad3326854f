"""What one person must not join (职责分离), and which posts that keeps apart (不相容岗位)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from shared.identity.posts import POSTS, permissions_of


@dataclass(frozen=True, slots=True)
class SeparationRule:
    """Permissions of two different `sides` must not meet in one person (职责分离).

    Checked campus by campus; with `anywhere`, over all campuses together, as the three administrators (三员) demand.
    """

    code: str
    title: str
    sides: tuple[frozenset[str], ...]
    anywhere: bool = False

    def broken_by(self, permissions: Collection[str]) -> bool:
        """Whether one holder of all these permissions would stand on two sides."""
        return sum(not side.isdisjoint(permissions) for side in self.sides) > 1


def _rule(code: str, title: str, *sides: Iterable[str], anywhere: bool = False) -> SeparationRule:
    return SeparationRule(code, title, tuple(frozenset(side) for side in sides), anywhere)


SEPARATION_RULES: tuple[SeparationRule, ...] = (
    _rule(
        "cashier_refund_approval",
        "收费与退费审批不相容",
        {"payments.billing.write", "payments.cashier.write"},
        {"payments.billing.approve", "payments.billing.approve_large"},
    ),
    _rule(
        "cashier_receipt",
        "收款与收款监督、财务收款确认不相容",
        {"payments.cashier.write"},
        {"payments.cashier.supervise", "payments.cashier.receive"},
    ),
    _rule("price_approval", "物价维护与物价复核不相容", {"catalogue.prices.write"}, {"catalogue.prices.approve"}),
    _rule(
        "access_review", "紧急调阅与调阅审查不相容", {"patients.index.break_glass"}, {"patients.index.review_access"}
    ),
    _rule(
        "three_administrators",
        "系统管理、安全管理、审计管理三员分立",
        {"operations.maintenance.write", "platform.permissions.configure", "platform.sso.devices"},
        {"platform.permissions.grant", "platform.permissions.freeze"},
        {"operations.audit.read"},
        anywhere=True,
    ),
    _rule(
        "permission_approval",
        "授予权限、设置参数与归口审批不相容",
        {"platform.permissions.grant", "platform.permissions.configure"},
        {"platform.permissions.approve"},
    ),
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Posts of one person that break a rule; `campus` is None for a rule that holds over all campuses."""

    rule: SeparationRule
    campus: str | None
    posts: frozenset[str]


def conflicts(posts: Mapping[str, Collection[str]]) -> list[Conflict]:
    """Every separation rule broken by the posts one person holds, given as campus -> post codes.

    A rule looks at one campus at a time, so 收费员 at one campus and 退费审批 at another are allowed; the three
    administrators are kept apart over all campuses.
    """
    everywhere = frozenset(code for held in posts.values() for code in held)
    found: list[Conflict] = []
    for rule in SEPARATION_RULES:
        places = (
            [(None, everywhere)] if rule.anywhere else [(campus, frozenset(held)) for campus, held in posts.items()]
        )
        for campus, held in places:
            if rule.broken_by(permissions_of(held)):
                sides = frozenset().union(*rule.sides)
                guilty = frozenset(c for c in held if not sides.isdisjoint(permissions_of(frozenset((c,)))))
                found.append(Conflict(rule, campus, guilty))
    return found


def incompatible_pairs() -> dict[tuple[str, str], SeparationRule]:
    """Pairs of posts one person must not hold (不相容岗位), first post before second by code, with the rule."""
    pairs: dict[tuple[str, str], SeparationRule] = {}
    for first, second in combinations(sorted(POSTS), 2):
        joined = permissions_of(frozenset((first, second)))
        rule = next((rule for rule in SEPARATION_RULES if rule.broken_by(joined)), None)
        if rule:
            pairs[first, second] = rule
    return pairs
