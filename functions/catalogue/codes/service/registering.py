"""Code systems: registered once, read from official spreadsheets, published by a second person for a moment."""

import re
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from functions.catalogue.codes import rules
from functions.catalogue.codes.models import CodeImport, CodeReject, CodeSystem, CodeVersion
from functions.catalogue.codes.problems import (
    SystemUnknown,
)
from functions.catalogue.codes.queries import systems as queries
from functions.catalogue.codes.rules import Entry, Reading
from functions.catalogue.codes.schemas import (
    RegisterSystem,
    StartImport,
)
from functions.catalogue.codes.searching import SEPARATOR, search_words
from functions.catalogue.codes.service.files import content_of, received, require_head
from functions.catalogue.codes.sheets import read_rows
from shared.database.engine import REPORT
from shared.ids import new_id
from shared.problems import Invalid, NotFound, Problem, Stale
from shared.steps import Steps
from shared.tx import Tx

CODES_AT_ONCE = 5000


def register_system(tx: Tx, command: RegisterSystem) -> CodeSystem:
    """Register a code system or value set. Raises SystemTaken, StandardList, Invalid for a pattern that is none."""
    require_head(tx)
    try:
        re.compile(command.pattern)
    except re.error as error:
        raise Invalid("编码规则不是有效的正则表达式。") from error
    row = CodeSystem(
        **command.model_dump(exclude={"profile", "kind", "hierarchy"}),
        kind=command.kind.value,
        hierarchy=command.hierarchy.value,
        profile=command.profile.model_dump(),
        registered_at=tx.now,
        registered_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("code_system.registered", "code_system", command.system)
    return row


def system_of(tx: Tx, system: str) -> CodeSystem:
    """A system by its id. Raises SystemUnknown."""
    found = tx.session.first(queries.SYSTEM, system=system)
    if found is None:
        raise SystemUnknown(f"没有编码体系“{system}”，请核对。", system=system)
    return found


def systems(tx: Tx) -> list[CodeSystem]:
    """Every registered system."""
    return tx.session.all(queries.SYSTEMS)


# -- imports


def start_import(tx: Tx, system: str, command: StartImport) -> CodeImport:
    """Note that a received file is to be read; `read_import` does it, outside this transaction."""
    require_head(tx)
    known = system_of(tx, system)
    file = received(tx, command.file_id)
    if command.keep_profile and command.profile is not None:
        profile = command.profile.model_dump()
        tx.session.execute(queries.SET_PROFILE, system_=system, seen=known.version, new_profile=profile)
    row = _import_row(tx, system, file.file_id)
    tx.session.add(row)
    tx.audit("code_import.started", "code_system", system, file=str(file.file_id))
    return row


def read_import(steps: Steps, started: CodeImport, command: StartImport) -> CodeImport:
    """Read a file and stage what it holds as a version. A file read before, or a list without a difference, gives
    `unchanged` and no version. What cannot be read is noted with the import and raised."""
    try:
        file, content = content_of(steps, command.file_id)
        profile = command.profile.model_dump() if command.profile else None
        return _stage_content(
            steps, started, content, file.name, file.sha256 or "", command.label, command.announced, profile
        )
    except Problem as problem:
        detail = problem.detail
        steps.step(lambda tx: tx.session.first(queries.FAIL_IMPORT, id_=started.import_id, why=detail, hash=""))
        raise


def load_official(
    steps: Steps, system: str, label: str, content: bytes, name: str, sha256: str, announced: int | None = None
) -> CodeImport:
    """Stage an official file that is at hand, as `read_import` does with a received one."""

    def begin(tx: Tx) -> CodeImport:
        require_head(tx)
        system_of(tx, system)
        row = _import_row(tx, system, None)
        tx.session.add(row)
        return row

    return _stage_content(steps, steps.step(begin), content, name, sha256, label, announced, None)


def _import_row(tx: Tx, system: str, file_id: UUID | None) -> CodeImport:
    return CodeImport(
        import_id=new_id(),
        system=system,
        version_id=None,
        file_id=file_id,
        sha256="",
        status="reading",
        rows_read=0,
        accepted=0,
        rejected=0,
        ignored=0,
        new=0,
        changed=0,
        unchanged=0,
        withdrawn=0,
        imported_at=tx.now,
        imported_by=tx.actor.subject,
    )


def _stage_content(
    steps: Steps,
    started: CodeImport,
    content: bytes,
    name: str,
    sha256: str,
    label: str,
    announced: int | None,
    profile: dict[str, object] | None,
) -> CodeImport:
    system = started.system

    def before(tx: Tx) -> tuple[CodeSystem, bool, dict[str, str]]:
        known = system_of(tx, system)
        same = tx.session.first(queries.SAME_FILE, system=system, sha256=sha256) is not None
        return known, same, _words(tx, system)

    known, same, words = steps.step(before, REPORT)
    if same:
        return steps.step(lambda tx: _finish(tx, started, "unchanged", sha256, None, Reading(0, 0, [], []), words))
    how = profile if profile is not None else known.profile
    sheet = how.get("sheet")
    rows = read_rows(content, name, str(sheet) if sheet else None)
    reading = rules.read_sheet(rows, how, known.pattern, words)
    if known.kind == "diagnosis":
        for entry in reading.entries:
            entry.attrs = {**rules.diagnosis_attributes(entry.code), **entry.attrs}
    if known.hierarchy != "prefix":
        reading.above = []
    lost = rules.arrange(reading.codes, known.hierarchy)
    stage: Callable[[Tx], CodeImport] = lambda tx: stage_reading(  # noqa: E731
        tx, started, known, reading, words, label, announced, sha256, lost
    )
    return steps.step(stage, REPORT)


def stage_reading(
    tx: Tx,
    started: CodeImport,
    system: CodeSystem,
    reading: Reading,
    before: dict[str, str],
    label: str,
    announced: int | None,
    sha256: str,
    lost_parents: Sequence[str] = (),
) -> CodeImport:
    """Write a reading as a staged version, whole or not at all."""
    changes = rules.difference(before, reading.codes)
    if not (changes.new or changes.changed or changes.withdrawn or reading.rejected):
        return _finish(tx, started, "unchanged", sha256, None, reading, before)
    version = CodeVersion(
        version_id=new_id(),
        system=system.system,
        label=label,
        maker=tx.actor.subject,
        made_at=tx.now,
        codes=len(reading.entries),
        announced=announced,
    )
    tx.session.add(version)
    write_codes(tx, version.version_id, reading.codes)
    lost = set(lost_parents)
    tx.session.add(
        *(
            CodeReject(
                reject_id=new_id(), version_id=version.version_id, row_no=row.row_no, cells=row.cells, faults=row.faults
            )
            for row in reading.rejected
        )
    )
    tx.audit(
        "code_version.staged", "code_version", version.version_id, codes=len(reading.codes), lost_parents=len(lost)
    )
    return _finish(tx, started, "staged", sha256, version.version_id, reading, before)


def write_codes(tx: Tx, version_id: UUID, entries: Sequence[Entry]) -> None:
    """Put a list into a staged version, a few thousand codes a statement."""
    inner = rules.parents_of(entries)
    for start in range(0, len(entries), CODES_AT_ONCE):
        _write_some(tx, version_id, entries[start : start + CODES_AT_ONCE], inner, start + 1)


def _write_some(tx: Tx, version_id: UUID, entries: Sequence[Entry], inner: Collection[str], place: int) -> None:
    import orjson

    words = [search_words(entry.display, entry.attrs.get("wubi")) for entry in entries]
    tx.session.execute(
        queries.STAGE_CODES,
        version_id=version_id,
        code_id=[new_id() for _ in entries],
        code=[entry.code for entry in entries],
        display=[entry.display for entry in entries],
        initials=[one.initials for one in words],
        wubi=[one.wubi for one in words],
        grams=[SEPARATOR.join(one.grams) for one in words],
        parent=[entry.parent for entry in entries],
        leaf=[entry.code not in inner for entry in entries],
        place=list(range(place, place + len(entries))),
        attrs=[orjson.dumps(entry.attrs).decode() for entry in entries],
        sex=[entry.sex for entry in entries],
        age_min=[entry.age_min_days for entry in entries],
        age_max=[entry.age_max_days for entry in entries],
    )


def _words(tx: Tx, system: str) -> dict[str, str]:
    """Official codes of the version published last, each with everything that would be a change."""
    last = tx.session.first(queries.LATEST, system=system)
    if last is None:
        return {}
    return {
        word.code: rules.signature(word.display, word.attrs, word.sex, word.age_min_days, word.age_max_days)
        for word in tx.session.all(queries.OFFICIAL, version_id=last.version_id)
    }


def _finish(
    tx: Tx,
    started: CodeImport,
    to: str,
    sha256: str,
    version_id: UUID | None,
    reading: Reading,
    before: dict[str, str],
) -> CodeImport:
    above = {entry.code for entry in reading.above}
    rows_before = {code: mark for code, mark in before.items() if code not in above}
    changes = rules.difference(rows_before, reading.entries) if reading.rows_read else None
    done = tx.session.first(
        queries.FINISH_IMPORT,
        id_=started.import_id,
        to=to,
        staged_as=version_id,
        hash=sha256,
        rows_read_=reading.rows_read,
        accepted_=len(reading.entries),
        rejected_=len(reading.rejected),
        ignored_=reading.ignored,
        new_=len(changes.new) if changes else 0,
        changed_=len(changes.changed) if changes else 0,
        unchanged_=changes.unchanged if changes else 0,
        withdrawn_=len(changes.withdrawn) if changes else 0,
    )
    if done is None:
        raise Stale("该导入已由他人处理，请刷新后核对。")
    return done


def read_import_row(tx: Tx, import_id: UUID) -> CodeImport:
    """An import by id. Raises NotFound."""
    found = tx.session.first(queries.IMPORT, import_id=import_id)
    if found is None:
        raise NotFound("没有这次导入，请刷新后重试。")
    return found


def imports(tx: Tx, system: str, before: UUID, limit: int) -> list[CodeImport]:
    """Imports of a system, latest first."""
    return tx.session.all(queries.IMPORTS, system=system, before=before, limit=limit)
