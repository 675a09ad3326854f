"""Codes in force: looked up, searched, checked, withdrawn, extended. What every coded field of the house calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from events.catalogue import CodeWithdrawn
from functions.catalogue.codes import diagnoses as checks
from functions.catalogue.codes import rules
from functions.catalogue.codes.diagnoses import Diagnosis, Finding, Patient
from functions.catalogue.codes.models import Code
from functions.catalogue.codes.problems import CodeStateWrong, CodeUnknown, LocalCodeBlocked
from functions.catalogue.codes.queries import terms as queries
from functions.catalogue.codes.queries.terms import Found, Term
from functions.catalogue.codes.schemas import AddLocalCode, WithdrawCode
from functions.catalogue.codes.searching import search_words, wanted_grams
from functions.catalogue.codes.service.files import require_head
from functions.catalogue.codes.service.registering import system_of
from shared.ids import new_id
from shared.problems import Invalid
from shared.tx import Tx

MOST_FOUND = 20
RANKED_MONTHS = 12
"""Use of so many months ranks what is found."""


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What a search is for. `principal`: the field of the principal diagnosis, which hides what can't stand there."""

    unit_id: UUID | None = None
    sex: str | None = None
    age_days: int | None = None
    principal: bool = False


def lookup(tx: Tx, system: str, code: str, at: datetime | None = None) -> Term:
    """A code of the version in force at a moment (default now). Raises CodeUnknown."""
    return lookup_all(tx, system, [code], at)[code]


def lookup_all(tx: Tx, system: str, codes: Sequence[str], at: datetime | None = None) -> dict[str, Term]:
    """Several codes at once. Raises CodeUnknown with the first that is none."""
    found = {
        term.code: term for term in tx.session.all(queries.TERMS, system=system, codes=list(codes), at=at or tx.now)
    }
    missing = next((code for code in codes if code not in found), None)
    if missing is not None:
        raise CodeUnknown(f"“{missing}”不是现行版本中的编码，请重新选择。", system=system, unknown=missing)
    return found


def pin(tx: Tx, system: str, code: str, at: datetime | None = None) -> tuple[str, str, str, str]:
    """What a record keeps of a code: system, version, code, display as written. Raises CodeUnknown, CodeStateWrong."""
    term = validate(tx, system, code, at)
    return term.system, term.label, term.code, term.display


def validate(tx: Tx, system: str, code: str, at: datetime | None = None) -> Term:
    """A code that may be chosen now: in force, not withdrawn, not a heading. Raises CodeUnknown, CodeStateWrong."""
    moment = at or tx.now
    term = lookup(tx, system, code, moment)
    if term.withdrawn_from is not None and term.withdrawn_from <= moment:
        instead = f"，请改用 {term.successor}" if term.successor else ""
        raise CodeStateWrong(f"编码 {code} 已停用{instead}。", successor=term.successor)
    if not term.leaf:
        raise CodeStateWrong(f"编码 {code}“{term.display}”是类目，请选择更具体的编码。")
    return term


def search(
    tx: Tx,
    system: str,
    text: str,
    context: SearchContext | None = None,
    at: datetime | None = None,
    limit: int = MOST_FOUND,
) -> list[Found]:
    """Codes by code, display, first letters of pinyin or wubi, or alias; words between blanks must all occur.

    Rank: exact, own favourites, use in the department, use in the hospital, beginning before inside, length. Codes not
    in force, headings and those that don't fit sex, age or field are hidden.
    """
    known = context or SearchContext()
    typed = rules.clean_text(text).lower()
    tokens = typed.split()
    if not tokens:
        return []
    month = tx.today.year * 12 + tx.today.month - 1 - RANKED_MONTHS
    return tx.session.all(
        queries.SEARCH,
        system=system,
        at=at or tx.now,
        typed=typed,
        code_typed=rules.clean_code(text).upper() if typed[:1].isalpha() and typed[1:2].isdigit() else text.strip(),
        tokens=tokens,
        wanted=sorted({gram for token in tokens for gram in wanted_grams(token)}),
        unit=known.unit_id,
        sex=known.sex if known.sex in {"1", "2"} else None,
        age_days=known.age_days,
        since_month=month // 12 * 100 + month % 12 + 1,
        principal=known.principal,
        most=limit,
    )


def children(tx: Tx, system: str, parent: str | None, after: str, limit: int, at: datetime | None = None) -> list[Term]:
    """Codes directly below another, or the topmost ones, in order of code."""
    moment = at or tx.now
    if parent is None:
        return tx.session.all(queries.ROOTS, system=system, at=moment, after=after, limit=limit)
    return tx.session.all(queries.CHILDREN, system=system, parent=parent, at=moment, after=after, limit=limit)


def ancestors(tx: Tx, system: str, code: str, at: datetime | None = None) -> list[Term]:
    """Codes above another, topmost first."""
    lookup(tx, system, code, at)
    return tx.session.all(queries.ANCESTORS, system=system, code=code, at=at or tx.now)


def descendants(tx: Tx, system: str, code: str, after: str, limit: int, at: datetime | None = None) -> list[Term]:
    """Codes that may be chosen anywhere below another (a chapter, a section, a category), in order of code.

    Raises CodeUnknown.
    """
    lookup(tx, system, code, at)
    return tx.session.all(queries.DESCENDANTS, system=system, above=code, at=at or tx.now, after=after, limit=limit)


def expand(tx: Tx, system: str, at: datetime | None = None) -> list[Term]:
    """Every code of a value set that may be chosen, in its official order (5,000 at most)."""
    return tx.session.all(queries.VALUE_SET, system=system, at=at or tx.now)


def check_diagnoses(
    tx: Tx,
    system: str,
    coded: Sequence[tuple[str, bool, int | None]],
    patient: Patient,
    purpose: Literal["clinical", "front_page", "settlement"] = "clinical",
    *,
    delivery_record: bool = False,
    at: datetime | None = None,
) -> list[Finding]:
    """What is wrong with a record's diagnoses, given as (code, principal, age in days at onset). Raises CodeUnknown.

    A grey code as principal names the codes below it that may stand in its place.
    """
    moment = at or tx.now
    terms = lookup_all(tx, system, [code for code, _, _ in coded], moment)
    grey = [code for code, term in terms.items() if term.attrs.get("grey")]
    below = tx.session.all(queries.CHILDREN_OF, system=system, parents=grey, at=moment) if grey else []
    given = [
        Diagnosis(
            code=code,
            principal=principal,
            attrs=terms[code].attrs,
            sex=terms[code].sex,
            age_min_days=terms[code].age_min_days,
            age_max_days=terms[code].age_max_days,
            replacements=tuple(
                term.code for term in below if term.parent == code and not term.attrs.get("grey") and not term.local
            ),
            age_days=age_days,
        )
        for code, principal, age_days in coded
    ]
    return checks.check_diagnoses(given, patient, purpose, delivery_record=delivery_record)


def outgoing(tx: Tx, system: str, code: str, at: datetime | None = None) -> str:
    """The official code under which a code leaves the house. Raises LocalCodeBlocked, CodeUnknown."""
    term = lookup(tx, system, code, at)
    if not term.local:
        return term.code
    target = tx.session.all(queries.TERMS, system=system, codes=[term.official_code or ""], at=at or tx.now)
    if not target or target[0].local:
        raise LocalCodeBlocked(f"院内扩展码 {code} 没有有效的官方编码，不能外传；请先完成对照。", local_code=code)
    return target[0].code


def withdraw_code(tx: Tx, system: str, code: str, command: WithdrawCode) -> Term:
    """Let a code be chosen no more from a moment on (停用), with what replaces it. Records keep it."""
    require_head(tx)
    term = lookup(tx, system, code)
    start = command.withdrawn_from or tx.now
    if start < tx.now:
        raise Invalid("停用时间不能早于现在。")
    if command.successor is not None:
        validate(tx, system, command.successor)
    changed = tx.session.first(
        queries.WITHDRAW, version_id_=term.version_id, code_=code, start=start, next_code=command.successor
    )
    if changed is None:
        raise CodeStateWrong("该编码已停用，请刷新后核对。")
    tx.emit(CodeWithdrawn(system=system, code=code, withdrawn_from=start, successor=command.successor))
    tx.audit("code.withdrawn", "code", f"{system} {code}", reason=command.reason)
    return lookup(tx, system, code)


def add_local_code(tx: Tx, system: str, command: AddLocalCode) -> Term:
    """A local code (院内扩展) under an official parent, mapped to the official code it stands for. Raises CodeTaken."""
    require_head(tx)
    system_of(tx, system)
    terms = lookup_all(tx, system, [command.parent, command.official_code])
    if any(term.local for term in terms.values()):
        raise Invalid("院内扩展码须挂在官方编码之下，并对照到官方编码。")
    parent = terms[command.parent]
    attrs = {name: value for name, value in terms[command.official_code].attrs.items() if name != "wubi"}
    words = search_words(command.display)
    tx.session.add(
        Code(
            code_id=new_id(),
            version_id=parent.version_id,
            code=command.code,
            display=rules.clean_text(command.display),
            initials=words.initials,
            wubi=words.wubi,
            grams=words.grams,
            parent=parent.code,
            leaf=True,
            place=0,
            attrs=attrs,
            sex=parent.sex,
            local=True,
            official_code=command.official_code,
        )
    )
    tx.audit("code.extended", "code", f"{system} {command.code}", reason=command.reason)
    return lookup(tx, system, command.code)


def every_term(tx: Tx, version_id: UUID, after: str, limit: int) -> list[Term]:
    """Codes of one version in order of code, for exports."""
    return tx.session.all(queries.EVERY_TERM, version_id=version_id, after=after, limit=limit)


def conformity(tx: Tx, system: str, values: Sequence[str], at: datetime | None = None) -> tuple[int, list[str]]:
    """How many values of a data set are codes in force, and those that are not (each once, the first fifty)."""
    wanted = sorted(set(values))
    known = {term.code for term in tx.session.all(queries.TERMS, system=system, codes=wanted, at=at or tx.now)}
    good = sum(value in known for value in values)
    return good, [value for value in wanted if value not in known][:50]
