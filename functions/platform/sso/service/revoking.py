"""Revocation lists (吊销列表): taken over from a file or from the authority's address, and what follows from them."""

import logging
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from events.platform import RevocationListStale
from functions.platform.sso import queries_trust as queries
from functions.platform.sso import rules_revocation as rules
from functions.platform.sso.authorities import client
from functions.platform.sso.models_trust import RevocationList, RevokedCertificate, TrustAnchor
from functions.platform.sso.problems_trust import AnchorNotFound, AnchorState, ListUnfit
from functions.platform.sso.service.proving import end_proofs
from functions.platform.sso.service.trusting import grace
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")


def upload_list(tx: Tx, anchor_id: UUID, content: str) -> RevocationList:
    """Take over the list somebody has got from the authority. Raises AnchorNotFound, AnchorState, ListUnfit."""
    return _keep(tx, anchor_id, content.encode(), "uploaded")


def fetch_due(tx: Tx) -> Callable[[Steps], None] | None:
    """The authorities whose lists are to be asked for now, at most two a minute; at the head hospital only."""
    due = tx.session.all(queries.TAKE_FETCH, now=tx.now, again=tx.now + rules.ASKED_AGAIN)
    if not due:
        return None

    def go_on(steps: Steps) -> None:
        for anchor in due:
            _fetch(steps, anchor)

    return go_on


def tell_stale(tx: Tx) -> None:
    """Raise the alarm, once, over authorities whose certificates are refused because their list has run out."""
    run_out = tx.now - grace(tx)
    for row in tx.session.all(queries.TELL_STALE, now=tx.now, run_out=run_out, confirmed_before=run_out):
        tx.audit("revocation_list.stale", "anchor", row.anchor_id, error=row.fetch_error or "")
        tx.emit(RevocationListStale(anchor_id=row.anchor_id, authority=row.subject, campuses=row.campuses))


def revoke_listed(tx: Tx) -> None:
    """What an authority has taken back is revoked in the register of the acting campus, and its sessions end."""
    rows = tx.session.all(queries.REVOKE_LISTED, campus=tx.campus, now=tx.now, by=tx.actor.subject)
    for row in rows:
        tx.audit(
            "certificate.revoked", "certificate", row.certificate_id, staff_id=str(row.staff_id), reason="authority"
        )
    end_proofs(tx, [row.certificate_id for row in rows])


# -- inside


def _fetch(steps: Steps, anchor: TrustAnchor) -> None:
    try:
        content = client.fetch(anchor.crl_url or "")
        steps.step(lambda tx: _keep(tx, anchor.anchor_id, content, "fetched"))
    except (client.NotFetched, ListUnfit, AnchorState) as error:
        why = str(error)[:200]
        steps.step(lambda tx: tx.session.execute(queries.FETCH_FAILED, id_=anchor.anchor_id, why=why))
        log.warning("a revocation list was not taken over", extra={"fields": {"anchor": str(anchor.anchor_id)}})
        return
    steps.step(
        lambda tx: tx.session.execute(
            queries.FETCHED, id_=anchor.anchor_id, now=tx.now, again=tx.now + rules.ASKED_EVERY
        )
    )


def _keep(tx: Tx, anchor_id: UUID, content: bytes, source: str) -> RevocationList:
    """Take a list over, or give back the one in force when it is the same."""
    anchor = tx.session.first(queries.LOCK_ANCHOR, id_=anchor_id)
    if anchor is None:
        raise AnchorNotFound("没有登记这张 CA 证书，请刷新后核对。")
    if anchor.state != "in_force":
        raise AnchorState("该 CA 证书还没有复核，或已停用，不能登记它的吊销列表。", state_now=anchor.state)
    found = rules.read_list(content, anchor.content, tx.now)
    current = tx.session.first(queries.LISTS_NOW, anchors=[anchor_id])
    if current is not None:
        if current.sha256 == found.sha256:
            return current
        rules.check_newer(found, None if current.number is None else int(current.number), current.this_update)
    if found.next_update + grace(tx) <= tx.now:
        raise ListUnfit("这份吊销列表已经过期，不能采用，请从 CA 机构取最新的。")
    row = RevocationList(
        list_id=new_id(),
        anchor_id=anchor_id,
        number=None if found.number is None else Decimal(found.number),
        this_update=found.this_update,
        next_update=found.next_update,
        scope=found.scope,
        entries=len(found.lines),
        sha256=found.sha256,
        source=source,
        kept_at=tx.now,
        kept_by=tx.actor.subject,
    )
    tx.session.add(row)
    added, gone = _lines(tx, anchor_id, found)
    tx.session.execute(queries.FRESH_AGAIN, id_=anchor_id)
    tx.audit(
        "revocation_list.kept",
        "anchor",
        anchor_id,
        number="" if row.number is None else f"{row.number:f}",
        sha256=row.sha256.hex(),
        source=source,
        added=added,
        gone=gone,
    )
    return row


def _lines(tx: Tx, anchor_id: UUID, found: rules.ReadList) -> tuple[int, int]:
    """Only what differs is written: a list of 100,000 lines comes every day and changes by a dozen."""
    known = {(line.serial, line.suspended) for line in tx.session.all(queries.LISTED_SERIALS, id_=anchor_id)}
    wanted = {(line.serial, line.suspended) for line in found.lines.values()}
    gone = sorted({serial for serial, _ in known - wanted})
    if gone:
        tx.session.execute(queries.NO_LONGER_LISTED, id_=anchor_id, serials=gone, now=tx.now)
    fresh = [
        RevokedCertificate(
            line_id=new_id(),
            anchor_id=anchor_id,
            serial=serial,
            revoked_at=found.lines[serial].revoked_at,
            suspended=suspended,
            listed_at=tx.now,
        )
        for serial, suspended in sorted(wanted - known)
    ]
    tx.session.add_many(fresh)
    return len(fresh), len(gone)
