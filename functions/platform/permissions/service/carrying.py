"""Templates and rules over data put in force by a package that two people have agreed on, in its transaction."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from events.platform import DataRuleChanged, TemplateChanged
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions import queries_data as data
from functions.platform.permissions.models import DataRule, TemplateVersion
from functions.platform.permissions.problems import TemplateBreaksSeparation
from functions.platform.permissions.service.templating import supersede_template, templates
from shared.identity.posts import EVERY_POST, POSTS
from shared.ids import new_id
from shared.tx import Tx


class Agreed(NamedTuple):
    """Who brought a package in and when, who agreed, and what is written beside each change."""

    asked_at: datetime
    asked_by: str
    approved_at: datetime
    approved_by: str
    reason: str


class Meant(NamedTuple):
    """What a template is to be."""

    permissions: frozenset[str]
    dimension: str


def carry_templates(tx: Tx, wanted: Mapping[str, Meant], agreed: Agreed) -> None:
    """Put several templates in force at one moment, judged together as they will stand beside each other.

    Raises TemplateBreaksSeparation, TemplateTooFar.
    """
    if not wanted:
        return
    now = templates(tx)
    before = {post: one.permissions for post, one in now.items()}
    after = before | {post: meant.permissions | EVERY_POST for post, meant in wanted.items()}
    for post in wanted:
        rules.check_template(after[post])
    rules.check_distance({post: meant for post, meant in after.items() if meant != POSTS[post].permissions})
    holders = _holders(tx, wanted, before, after)
    for post, meant in sorted(wanted.items()):
        versions = tx.session.all(queries.LOCK_TEMPLATES, post=post)
        for former in versions:
            if former.template_id == now[post].template_id:
                supersede_template(tx, former)
        row = TemplateVersion(
            template_id=new_id(),
            post=post,
            version_no=max((one.version_no for one in versions), default=0) + 1,
            permissions=sorted(after[post]),
            dimension=meant.dimension,
            state="in_force",
            reason=agreed.reason,
            drafted_at=agreed.asked_at,
            drafted_by=agreed.asked_by,
            reviewed_at=agreed.approved_at,
            reviewed_by=agreed.approved_by,
            holders=holders[post],
            valid_from=tx.now,
        )
        tx.session.add(row)
        tx.audit(
            "template.published",
            "post_template",
            row.template_id,
            post=post,
            version_no=row.version_no,
            holders=row.holders,
        )
        tx.emit(
            TemplateChanged(
                post=post,
                template_id=row.template_id,
                version_no=row.version_no,
                added=sorted(after[post] - before[post]),
                removed=sorted(before[post] - after[post]),
                holders=holders[post],
            )
        )


def carry_rule(tx: Tx, key: tuple[str, str, str], content: dict[str, Any] | None, agreed: Agreed) -> None:
    """Put a rule over data (kind, key, campus or '') in force, or lift it."""
    kind, name, at_campus = key
    for former in tx.session.all(data.LOCK_RULE, kind=kind, key=name, at_campus=at_campus):
        tx.session.execute(data.END_RULE, id_=former.rule_id, until=tx.now)
    row = DataRule(
        rule_id=new_id(),
        kind=kind,
        key=name,
        at_campus=at_campus,
        content=content,
        state="effective",
        reason=agreed.reason,
        asked_at=agreed.asked_at,
        asked_by=agreed.asked_by,
        decided_at=tx.now,
        decided_by=agreed.approved_by,
        valid_from=tx.now,
    )
    tx.session.add(row)
    tx.audit("data_rule.approved", "data_rule", row.rule_id, kind=kind, key=name, at_campus=at_campus)
    tx.emit(DataRuleChanged(rule_id=row.rule_id, kind=kind, key=name, campus_code=at_campus, lifted=content is None))


def holders_of(tx: Tx, posts: Collection[str]) -> dict[str, int]:
    """How many people hold each of these posts now, at whatever campus."""
    found = dict.fromkeys(posts, 0)
    if posts:
        for person in organisation.staff_accounts(tx):
            for post in {post for held in person.posts.values() for post in held} & found.keys():
                found[post] += 1
    return found


def _holders(
    tx: Tx,
    wanted: Mapping[str, Meant],
    before: Mapping[str, frozenset[str]],
    after: Mapping[str, frozenset[str]],
) -> dict[str, int]:
    """How many hold each post. Raises TemplateBreaksSeparation when somebody would stand on two sides."""
    found = dict.fromkeys(wanted, 0)
    for person in organisation.staff_accounts(tx):
        held = {post for posts in person.posts.values() for post in posts} & wanted.keys()
        if not held:
            continue
        for post in held:
            found[post] += 1
        already = {(rule.code, campus) for rule, campus in rules.broken_by(person.posts, before)}
        for rule, campus in rules.broken_by(person.posts, after):
            if (rule.code, campus) not in already:
                raise TemplateBreaksSeparation(
                    f"生效后有人员违反“{rule.title}”（如工号 {person.staff_no}），请先调整岗位。", rule=rule.code
                )
    return found
