"""Telling the realm what the hospital says (待同步), and comparing the two every few minutes (一致性核对)."""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from events.platform import RealmDriftFound
from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.platform.permissions import service as permissions
from functions.platform.sso import (
    directory,
    queries,
    queries_passwords,
    queries_trust,
    rules_cas,
    rules_passwords,
    rules_trust,
)
from functions.platform.sso.models import IdentityChange
from functions.platform.sso.problems import RealmOutOfReach
from shared.identity.denied import KEPT
from shared.identity.partners import SamlDeclaration
from shared.identity.people import StaffAccount, kept_up
from shared.identity.posts import POSTS
from shared.identity.realm import DeviceDeclaration, PartnerDeclaration, RealmDeclaration
from shared.identity.rights import MAX_PROOFS, Grant
from shared.ids import new_id
from shared.settings import Settings
from shared.steps import Steps
from shared.tables import DeniedSubject
from shared.tx import Tx

if TYPE_CHECKING:
    from shared.identity.keycloak_admin import Report

log = logging.getLogger("his.identity")

AT_ONCE = 40
ROUNDS = 25
LEASE = timedelta(minutes=2)
PASSWORD_PAGE = "/api/platform/sso/password"  # noqa: S105  an address
RIGHTS = ("client role", "realm role", "realm-management role", "group", "post", "grant", "account")
"""Lines of a report that are about rights; the others are about clients, flows and policies."""

Onward = Callable[[Steps], None]


def note(tx: Tx, kind: str, subject_id: object, cause: str) -> None:
    """Remember that the realm must be told of something; what is told is the state at the telling."""
    tx.session.execute(queries.NOTE, change_id=new_id(), kind=kind, subject_id=str(subject_id), cause=cause, now=tx.now)


def declaration(tx: Tx, configuration: Settings | None = None) -> RealmDeclaration:
    """The realm as code, organisation, published templates, devices and partners make it. `configuration`: of an
    operator's command; of this process otherwise."""
    settings = configuration or directory.configuration()
    campuses = tx.session.send(queries.DEVICES_NOW, now=tx.now)
    partners = tx.session.send(queries.PARTNERS_NOW, now=tx.now)
    devices = [
        DeviceDeclaration(row.code, row.campus_id, row.kind, row.title, generation)
        for row in campuses.all()
        for generation in (
            (row.generation - 1, row.generation)
            if row.former_until is not None and row.former_until > tx.now
            else (row.generation,)
        )
    ]
    registered = partners.all()
    programs = [
        PartnerDeclaration(row.code, row.title, tuple(row.redirect_uris), row.backchannel_logout_url)
        for row in registered
        if row.protocol == "oidc"
    ]
    here = f"{settings.host_url.rstrip('/')}{rules_cas.COOKIE_PATH}"
    programs += [
        PartnerDeclaration(row.code, row.title, (f"{here}/back",), f"{here}/signed-out", tells_moment=True)
        for row in registered
        if row.protocol == "cas"
    ]
    saml = [
        SamlDeclaration(row.entity_id, row.title, tuple(row.redirect_uris), row.backchannel_logout_url)
        for row in registered
        if row.entity_id is not None
    ]
    opened = tuple(campus.code for campus in organisation.open_campuses(tx))
    return RealmDeclaration(
        campuses=opened,
        web_redirect_uris=(f"{settings.host_url}/", f"{settings.host_url}/*"),
        realm=settings.keycloak_realm,
        audience=settings.keycloak_audience,
        devices=tuple(device for device in devices if device.campus in opened),
        partners=tuple(programs),
        saml_partners=tuple(saml),
        self_reset=True,
        certificates=True,
        second_factor=asks_second_factor(settings),
        password_page=f"{settings.host_url.rstrip('/')}{PASSWORD_PAGE}",
        templates=permissions.published(tx),
        directory_secret=directory.secret(),
    )


def asks_second_factor(configuration: Settings) -> bool:
    """Everywhere but in a demonstration, whose people have one password for all."""
    return not configuration.demo_password


def people(tx: Tx, only: Collection[UUID] | None = None, configuration: Settings | None = None) -> list[StaffAccount]:
    """Everybody who ever worked here, or some, as the realm has to know them at this moment."""
    settings = configuration or directory.configuration()
    opened = {campus.code for campus in organisation.open_campuses(tx)}
    frozen = permissions.frozen(tx)
    strong = asks_second_factor(settings)
    grants: dict[UUID, list[str]] = {}
    for row in permissions.all_grants(tx):
        if row.campus_id in opened:
            grant = Grant(row.campus_id, row.permission, int(row.valid_to.timestamp()))
            grants.setdefault(row.staff_id, []).append(str(grant))
    states = {row.staff_id: row for row in tx.session.all(queries_passwords.STATES)}
    proofs: dict[UUID, list[str]] = {}
    for proof in tx.session.all(queries_trust.PROOFS_NOW, now=tx.now):
        proofs.setdefault(proof.staff_id, []).append(rules_trust.proof_text(proof))
    found = []
    for person in organisation.staff_accounts(tx):
        if only is not None and person.staff_id not in only:
            continue
        posts = {
            campus: frozenset(code for code in held if code in POSTS)
            for campus, held in person.posts.items()
            if campus in opened
        }
        privileged = any(POSTS[code].privileged for held in posts.values() for code in held)
        state = states.get(person.staff_id)
        set_at, least = (None, None) if state is None else (state.set_at, state.least)
        found.append(
            StaffAccount(
                staff_no=person.staff_no,
                name=person.name,
                staff_id=person.staff_id,
                posts=posts,
                enabled=person.enabled and person.staff_id not in frozen,
                grants=tuple(sorted(grants.get(person.staff_id, []))),
                proofs=tuple(sorted(proofs.get(person.staff_id, [])[:MAX_PROOFS])),
                password_due=rules_passwords.due(strong and privileged, set_at if strong else None, least, tx.now),
                second_factor=strong and privileged,
                initial_password=settings.demo_password or None,
                must_change_password=not settings.demo_password,
            )
        )
    return found


def fingerprint(person: StaffAccount) -> str:
    """Changes when anything the realm has to know of a person does."""
    parts = (person.name, str(person.enabled), *sorted(person.group_paths), "", *(person.grants or ()))
    if person.proofs:
        parts += ("", *person.proofs)
    if person.password_due:
        parts += ("due", person.password_due)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def tell(steps: Steps) -> None:
    """Tell the realm what waits, as far as it answers. Safe to run by several at once, and again after a crash."""
    if not directory.available():
        return
    for _ in range(ROUNDS):
        taken = steps.step(_take)
        if not taken:
            return
        try:
            _carry_out(steps, taken)
        except (RealmOutOfReach, ValueError) as error:
            reason = type(error).__name__ if isinstance(error, RealmOutOfReach) else str(error)[:200]
            ids = [row.change_id for row in taken]
            delay = timedelta(seconds=min(300, 5 * 2 ** max(row.attempts for row in taken)))
            steps.step(lambda tx, ids=ids, reason=reason, delay=delay: _put_back(tx, ids, reason, delay))  # type: ignore[misc]
            log.warning("the realm was not told", extra={"fields": {"changes": len(taken), "reason": reason}})
            return


def reconcile(steps: Steps, run_id: UUID) -> None:
    """Compare everything with the realm, put right what differs, and raise an alarm over what was made by hand."""
    try:
        wanted, applied = steps.step(
            lambda tx: (
                declaration(tx),
                {row.staff_id: row.fingerprint for row in tx.session.all(queries.APPLIED)},
            )
        )
        door = directory.Directory()
        realm = door.provision(wanted, people=True)
        keys = door.keep_signing_keys(steps.clock())
        # The comparison reads the accounts before it changes one, so that a line names what was found.
        everybody, accounts = kept_up(lambda: steps.step(people), door.keep_staff)
        strangers = door.shut_strangers(lambda: {person.username for person in steps.step(people)})
    except (RealmOutOfReach, ValueError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        steps.step(lambda tx: permissions.finish_run(tx, run_id, people=0, changes=[], drift=[], failed=reason))
        return
    ours = {person.staff_no: person for person in everybody}
    by_hand = [line for line in accounts.changes if _settled(line, ours, applied)]
    drift = [*realm.drift, *keys.removed, *by_hand, *strangers.changes]
    everything = [*realm.changes, *keys.changes, *accounts.changes, *strangers.changes]
    changes = [line for line in everything if line not in set(drift)]

    def book(tx: Tx) -> None:
        _applied(tx, [one for one in everybody if applied.get(one.staff_id) != fingerprint(one)])
        _refuse_tokens(tx, _losers(accounts.removed, ours))
        rights = [line for line in drift if line.startswith(RIGHTS)]
        permissions.finish_run(tx, run_id, people=len(everybody), changes=changes, drift=rights)
        others = [line for line in drift if not line.startswith(RIGHTS)]
        if others:
            tx.audit("realm.drift_repaired", "reconciliation", run_id, differences=len(others))
            tx.emit(RealmDriftFound(run_id=run_id, differences=len(others), lines=others[:100]))

    steps.step(book)


# -- inside


def _take(tx: Tx) -> list[IdentityChange]:
    return tx.session.all(queries.TAKE, now=tx.now, until=tx.now + LEASE, limit=AT_ONCE)


def _put_back(tx: Tx, ids: list[UUID], reason: str, delay: timedelta) -> None:
    tx.session.execute(queries.GIVE_UP, ids=ids, now=tx.now, error=reason)
    tx.session.execute(queries.PUT_BACK, ids=ids, due=tx.now + delay, error=reason)


def _carry_out(steps: Steps, taken: Sequence[IdentityChange]) -> None:
    door = directory.Directory()
    if any(row.kind == "realm" for row in taken):
        before = steps.step(declaration)
        door.provision(before, people=False)
        losers = [
            UUID(row.cause.partition(":")[2])
            for row in taken
            if row.kind == "realm" and row.cause.startswith("template:")
        ]
        if losers:
            steps.step(lambda tx: _refuse_holders(tx, losers))
    ids = {UUID(row.subject_id) for row in taken if row.kind == "person"}
    if ids:
        some, report = kept_up(
            lambda: steps.step(lambda tx: people(tx, ids)), lambda some: _keep_staff(steps, door, some)
        )
        ours = {person.staff_no: person for person in some}

        def book(tx: Tx) -> None:
            _applied(tx, some)
            _refuse_tokens(tx, _losers(report.removed, ours))

        steps.step(book)
        if report.refused:
            log.error("accounts refused", extra={"fields": {"accounts": len(report.refused)}})
    for row in taken:
        if row.kind == "sessions":
            door.end_sessions(row.subject_id)
        elif row.kind == "session":
            door.end_session(row.subject_id)
        elif row.kind == "patient":
            keep_patient(steps, door, UUID(row.subject_id))
    done = [row.change_id for row in taken]
    steps.step(lambda tx: tx.session.execute(queries.DONE, ids=done, now=tx.now))


def _keep_staff(steps: Steps, door: directory.Directory, some: Sequence[StaffAccount]) -> "Report":
    """Accounts first need the realm itself and the groups of a campus or post opened a moment ago."""
    try:
        if door.exists():
            return door.keep_staff(some)
    except ValueError:
        log.info("accounts of groups the realm does not know yet")
    door.provision(steps.step(declaration), people=False)
    return door.keep_staff(some)


def keep_patient(steps: Steps, door: directory.Directory, account_id: UUID) -> None:
    """Make a patient's account in the realm act for the persons bound to it now, merged records included."""
    name, ids = steps.step(lambda tx: bound_persons(tx, account_id))
    if door.keep_patient(account_id, name, ids):
        steps.step(lambda tx: _refuse_subject(tx, str(account_id), tx.now))


def bound_persons(tx: Tx, account_id: UUID) -> tuple[str, list[UUID]]:
    """A greeting and the patient ids of an account: each bound record and the one that speaks for it now."""
    links = tx.session.all(queries.LINKS, account_id=account_id, now=tx.now)
    survivors = patients.resolve(tx, [link.patient_id for link in links])
    ids = {link.patient_id for link in links if link.patient_id in survivors} | set(survivors.values())
    own = next((link for link in links if link.relation == "self"), None)
    name = patients.access_patient(tx, own.patient_id).name if own is not None else "微信用户"
    return name, sorted(ids)


def _applied(tx: Tx, some: Sequence[StaffAccount]) -> None:
    for person in some:
        tx.session.execute(queries.APPLY, staff_id=person.staff_id, fingerprint=fingerprint(person), now=tx.now)


def _settled(line: str, ours: dict[str, StaffAccount], applied: dict[UUID, str]) -> bool:
    """Whether a difference is of somebody the realm had been told of as he is now: then it was made by hand."""
    person = ours.get(line.rpartition(" ")[2])
    return person is not None and applied.get(person.staff_id) == fingerprint(person)


def _losers(lines: Sequence[str], ours: dict[str, StaffAccount]) -> list[UUID]:
    """Who lost something: the tokens at hand still say more."""
    numbers = dict.fromkeys(line.rpartition(" ")[2] for line in lines)
    return [ours[number].staff_id for number in numbers if number in ours]


def _refuse_tokens(tx: Tx, staff_ids: Sequence[UUID]) -> None:
    for staff_id in staff_ids:
        _refuse_subject(tx, str(staff_id), tx.now)


def _refuse_holders(tx: Tx, template_ids: Sequence[UUID]) -> None:
    for staff_id in permissions.holders_losing(tx, template_ids):
        _refuse_subject(tx, str(staff_id), tx.now)


def _refuse_subject(tx: Tx, subject: str, before: datetime) -> None:
    tx.session.add(
        DeniedSubject(
            denial_id=new_id(),
            subject=subject,
            login_session=None,
            issued_before=before,
            reason="rights changed",
            expires_at=before + KEPT,
        )
    )
