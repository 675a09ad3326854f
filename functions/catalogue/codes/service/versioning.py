"""Versions of code systems: rejected rows decided, published by a second person for a moment, compared."""

import re
from uuid import UUID

from events.catalogue import CodeSystemPublished
from functions.catalogue.codes import rules
from functions.catalogue.codes.models import CodeReject, CodeSystem, CodeVersion
from functions.catalogue.codes.problems import (
    CodeTaken,
    CountUnconfirmed,
    VersionNotClean,
    VersionOverlaps,
    VersionStateWrong,
)
from functions.catalogue.codes.queries import systems as queries
from functions.catalogue.codes.queries import terms
from functions.catalogue.codes.queries.terms import Changed
from functions.catalogue.codes.rules import Entry
from functions.catalogue.codes.schemas import DecideReject, DiscardVersion, PublishVersion
from functions.catalogue.codes.searching import search_words
from functions.catalogue.codes.service.files import require_head
from functions.catalogue.codes.service.registering import system_of, write_codes
from shared.problems import Invalid, NotFound, Stale
from shared.tx import Tx


def rejects(tx: Tx, version_id: UUID) -> list[CodeReject]:
    """Rows of a version that could not be taken, and what was decided."""
    return tx.session.all(queries.REJECTS, version_id=version_id)


def decide_reject(tx: Tx, version_id: UUID, row_no: int, command: DecideReject) -> CodeReject:
    """Leave a row out, or take it with its code and display put right.

    Raises CodeTaken when the list has the code already and `replace` was not chosen, Invalid, VersionStateWrong.
    """
    version = _staged(tx, version_id)
    system = system_of(tx, version.system)
    row = tx.session.first(queries.REJECT, version_id=version_id, row_no=row_no)
    if row is None or row.decision is not None:
        raise NotFound("没有这一行，或已处理，请刷新后核对。")
    if not command.leave_out:
        if command.code is None or command.display is None:
            raise Invalid("请填写更正后的编码和名称，或选择剔除。")
        _take(tx, version_id, system, rules.clean_code(command.code), rules.clean_text(command.display), command)
    decided = tx.session.one(
        queries.DECIDE,
        id_=row.reject_id,
        what="left_out" if command.leave_out else "fixed",
        who=tx.actor.subject,
        at=tx.now,
        why=command.note,
    )
    tx.audit("code_reject.decided", "code_version", version_id, row=row_no, decision=decided.decision)
    return decided


def _take(tx: Tx, version_id: UUID, system: CodeSystem, code: str, display: str, command: DecideReject) -> None:
    if not re.fullmatch(system.pattern, code):
        raise Invalid(f"编码“{code}”不符合该体系的编码规则，请核对。")
    there = tx.session.first(terms.TERM_OF_VERSION, version_id=version_id, code=code)
    if there is not None and not command.replace:
        raise CodeTaken(
            f"该版本已有编码“{code}”：{there.display}。如以本行为准，请选择替换名称。", display=there.display
        )
    if there is not None:
        words = search_words(display)
        tx.session.execute(
            queries.REPLACE_DISPLAY,
            version_id_=version_id,
            code_=code,
            new_display=display,
            new_initials=words.initials,
            new_wubi=words.wubi,
            new_grams=words.grams,
        )
        return
    entry = Entry(0, code, display)
    if system.hierarchy == "prefix":
        entry.parent = _longest_prefix(tx, version_id, code)
        if entry.parent is not None:
            tx.session.execute(queries.NOT_A_LEAF, version_id_=version_id, code_=entry.parent)
    if system.kind == "diagnosis":
        entry.attrs = rules.diagnosis_attributes(code)
    write_codes(tx, version_id, [entry])


def _longest_prefix(tx: Tx, version_id: UUID, code: str) -> str | None:
    known = {rules.bare(word.code): word.code for word in tx.session.all(queries.OFFICIAL, version_id=version_id)}
    stem = rules.bare(code)
    return next((known[stem[:length]] for length in range(len(stem) - 1, 0, -1) if stem[:length] in known), None)


def publish_version(tx: Tx, version_id: UUID, command: PublishVersion) -> tuple[CodeVersion, list[str]]:
    """Publish a staged version from a moment on (default now), by somebody else; the last one ends there.

    Local codes go on while their official code does; those that cannot are named. Raises VersionNotClean with
    undecided rows or lost parents, CountUnconfirmed, VersionOverlaps, VersionStateWrong, SamePerson.
    """
    version = _staged(tx, version_id)
    tx.check_version(version.version, command.version)
    tx.assert_distinct([version.maker], "编码版本的导入与发布须由不同人员办理。")
    start = max(command.effective_from or tx.now, tx.now)
    undecided = tx.session.send(queries.UNDECIDED, version_id=version_id)
    lost = tx.session.send(queries.LOST_PARENTS, version_id=version_id)
    counted = tx.session.send(queries.COUNT_CODES, version_id=version_id)
    last = tx.session.first(queries.LAST_PUBLISHED, system=version.system)
    open_rows, lost_parents, count = undecided.one(), lost.all(), counted.one()
    if open_rows or lost_parents:
        raise VersionNotClean(
            f"还有 {open_rows} 行被拒绝的内容未处理，{len(lost_parents)} 个编码找不到上级，请处理后再发布。",
            undecided=open_rows,
            lost_parents=lost_parents,
        )
    odd = rules.count_is_odd(count, version.announced)
    if odd and not command.confirm_count:
        raise CountUnconfirmed(
            f"共 {count} 个编码，与官方公布的 {version.announced} 个相差超过 1%，请核对文件后确认。",
            codes=count,
            announced=version.announced,
        )
    if last is not None:
        if last.effective_from is None or start <= last.effective_from:
            raise VersionOverlaps("已有版本从更晚的时间生效，请核对生效时间。", existing=last.label)
        if last.effective_to is None:
            tx.session.execute(queries.END_VERSION, id_=last.version_id, until=start)
    published = tx.session.first(
        queries.PUBLISH,
        id_=version_id,
        seen=version.version,
        who=tx.actor.subject,
        now=tx.now,
        start=start,
        count=count,
        confirmed_by=tx.actor.subject if odd else None,
    )
    if published is None:
        raise Stale("该版本刚被他人修改，请刷新后再操作。")
    local_lost = _carry_local(tx, last, version_id)
    tx.emit(
        CodeSystemPublished(
            system=version.system, version_id=version_id, label=version.label, codes=count, effective_from=start
        )
    )
    tx.audit("code_version.published", "code_version", version_id, codes=count)
    return published, local_lost


def discard_version(tx: Tx, version_id: UUID, command: DiscardVersion) -> CodeVersion:
    """Give a staged version up; it stays readable."""
    version = _staged(tx, version_id)
    tx.check_version(version.version, command.version)
    discarded = tx.session.first(queries.DISCARD, id_=version_id, seen=version.version)
    if discarded is None:
        raise Stale("该版本刚被他人修改，请刷新后再操作。")
    tx.audit("code_version.discarded", "code_version", version_id, reason=command.reason)
    return discarded


def versions(tx: Tx, system: str) -> list[CodeVersion]:
    """Every version of a system, latest first."""
    system_of(tx, system)
    return tx.session.all(queries.VERSIONS, system=system)


def version_difference(tx: Tx, older: UUID, newer: UUID, after: str, limit: int) -> list[Changed]:
    """Codes that differ between two versions of a system, in order of code: new, changed and gone."""
    changed = tx.session.send(terms.NEWER_DIFFERS, older=older, newer=newer, after=after, limit=limit)
    gone = tx.session.all(terms.ONLY_OLDER, older=older, newer=newer, after=after, limit=limit)
    return sorted([*changed.all(), *gone], key=lambda one: one.code)[:limit]


def _carry_local(tx: Tx, last: CodeVersion | None, version_id: UUID) -> list[str]:
    if last is None:
        return []
    local = tx.session.send(queries.LOCAL_CODES, version_id=last.version_id)
    carried = set(tx.session.all(queries.CARRY_LOCAL, from_version=last.version_id, to_version=version_id))
    return sorted(set(local.all()) - carried)


def _staged(tx: Tx, version_id: UUID) -> CodeVersion:
    require_head(tx)
    version = tx.session.first(queries.LOCK_VERSION, version_id=version_id)
    if version is None:
        raise NotFound("没有这个版本，请刷新后重试。")
    if version.status != "staged":
        raise VersionStateWrong("该版本已发布或已作废，请刷新后核对。", current_status=version.status)
    return version
