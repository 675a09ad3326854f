"""Authorities certificates are judged by (信任的 CA): registered by one, confirmed by another, and the judgement."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import queries_trust as queries
from functions.platform.sso import rules_trust
from functions.platform.sso.authorities import client
from functions.platform.sso.models_trust import RevocationList, TrustAnchor
from functions.platform.sso.problems_trust import (
    AnchorNotFound,
    AnchorState,
    AnchorUnfit,
    CertificateUntrusted,
    FingerprintDiffers,
)
from functions.platform.sso.schemas_trust import AnchorView, ListView, RegisterAnchor
from shared.ids import new_id
from shared.problems import Stale
from shared.tx import Tx


def register_anchor(tx: Tx, command: RegisterAnchor) -> TrustAnchor:
    """Enter the certificate of an authority, a root or one whose issuer is in force; nothing rests on it yet.

    Raises CertificateUnreadable, PrivateKeyShown, CertificateUnfit, AnchorUnfit, ListUnfit, AnchorKnown.
    """
    found = rules_trust.read_authority(command.certificate, tx.now)
    url = None if command.crl_url is None else client.check_url(command.crl_url)
    campuses = sorted(set(command.campuses))
    unknown = set(campuses) - {one.code for one in organisation.open_campuses(tx)}
    if unknown:
        raise AnchorUnfit(f"没有这个院区：{'、'.join(sorted(unknown))}。请填写已开放院区的代码。")
    if not found.root:
        _check_above(tx, found.content, campuses)
    row = TrustAnchor(
        anchor_id=new_id(),
        **found._asdict(),
        campuses=campuses,
        crl_url=url,
        state="registered",
        registered_at=tx.now,
        registered_by=tx.actor.subject,
        registered_name=tx.actor.name,
    )
    tx.session.add(row)
    tx.audit("anchor.registered", "anchor", row.anchor_id, fingerprint=row.fingerprint, campuses=campuses)
    return row


def confirm_anchor(tx: Tx, anchor_id: UUID, fingerprint: str, version: int) -> TrustAnchor:
    """A second person has compared the fingerprint with the authority's own paper: it vouches from now on.

    From then on every certificate of these campuses is judged, also when the authority is ended one day. Raises
    AnchorNotFound, SamePerson, AnchorState, FingerprintDiffers, Stale.
    """
    row = _anchor(tx, anchor_id)
    tx.assert_distinct([row.registered_by], "登记人和复核人不能是同一人，请由另一人核对指纹。")
    if row.state != "registered":
        raise AnchorState("该 CA 证书已复核或已停用。", state_now=row.state)
    if rules_trust.fingerprint_of(fingerprint) != row.fingerprint:
        raise FingerprintDiffers(
            "输入的指纹与登记的证书不一致。请核对 CA 机构公布的 SHA-256 指纹；确实不符的，停用这条登记并查明文件来源。"
        )
    if row.valid_to <= tx.now:
        raise AnchorState("该 CA 证书已到期，不能启用，请取得新的 CA 证书。", state_now=row.state)
    after = tx.session.first(
        queries.CONFIRM, id_=anchor_id, seen=version, now=tx.now, by=tx.actor.subject, name=tx.actor.name
    )
    if after is None:
        raise Stale("该 CA 证书已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("anchor.confirmed", "anchor", anchor_id, fingerprint=row.fingerprint)
    return after


def point_anchor(tx: Tx, anchor_id: UUID, url: str | None, version: int) -> TrustAnchor:
    """Say where the revocation list is fetched from. Raises AnchorNotFound, ListUnfit, AnchorState, Stale."""
    row = _anchor(tx, anchor_id)
    address = None if url is None else client.check_url(url)
    if row.state == "ended":
        raise AnchorState("该 CA 证书已停用。", state_now=row.state)
    after = tx.session.first(queries.POINT_AT, id_=anchor_id, seen=version, now=tx.now, url=address)
    if after is None:
        raise Stale("该 CA 证书已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("anchor.pointed", "anchor", anchor_id, former=row.crl_url or "", url=address or "")
    return after


def end_anchor(tx: Tx, anchor_id: UUID, reason: str, version: int) -> TrustAnchor:
    """Trust it no longer, at once: its certificates sign nobody on. Raises AnchorNotFound, AnchorState, Stale."""
    row = _anchor(tx, anchor_id)
    if row.state == "ended":
        raise AnchorState("该 CA 证书已停用。", state_now=row.state)
    after = tx.session.first(queries.END, id_=anchor_id, seen=version, now=tx.now, by=tx.actor.subject, why=reason)
    if after is None:
        raise Stale("该 CA 证书已由他人办理，请刷新后再操作。", current_version=row.version)
    tx.audit("anchor.ended", "anchor", anchor_id, fingerprint=row.fingerprint, reason=reason)
    return after


def anchors(tx: Tx, before: UUID, limit: int) -> list[TrustAnchor]:
    """Every authority there was, latest first."""
    return tx.session.all(queries.ANCHORS, before=before, limit=limit)


def anchor_views(tx: Tx, rows: Sequence[TrustAnchor]) -> list[AnchorView]:
    """Authorities with the list each has now."""
    lists = _lists(tx, [row.anchor_id for row in rows])
    until = grace(tx)
    views = []
    for row in rows:
        now = lists.get(row.anchor_id)
        kept = {name: getattr(row, name) for name in AnchorView.model_fields if hasattr(row, name)}
        views.append(
            AnchorView(
                **kept,
                revocation_list=None if now is None else list_view(now),
                refused_from=None if now is None else now.next_update + until,
            )
        )
    return views


def list_view(row: RevocationList) -> ListView:
    """A revocation list as it is shown."""
    return ListView(
        **{name: getattr(row, name) for name in ListView.model_fields if name != "number"},
        number=None if row.number is None else f"{row.number:f}",
    )


def revocation_lists(tx: Tx, anchor_id: UUID, before: UUID, limit: int) -> list[RevocationList]:
    """The lists an authority has had, latest first. Raises AnchorNotFound."""
    _anchor(tx, anchor_id)
    return tx.session.all(queries.LISTS_OF, id_=anchor_id, before=before, limit=limit)


def grace(tx: Tx) -> timedelta:
    """For how long a revocation list that has run out is still taken."""
    return timedelta(hours=int(permissions.parameter(tx, "platform.sso.crl_grace_hours").value))


def check_certificate(tx: Tx, content: bytes, purpose: rules_trust.Purpose) -> None:
    """Judge a certificate by the authorities of the acting campus: chain, purposes, validity, revocation of each link.

    Where no authority was ever in force there is nothing to judge by: one is registered for signing unjudged, and
    nobody signs on. Raises CertificateUntrusted.
    """
    ever = [row for row in tx.session.all(queries.ANCHORS_EVER) if tx.campus in row.campuses]
    if not ever:
        if purpose == "signing":
            return
        raise CertificateUntrusted("本院区没有登记信任的 CA，不能用证书登录，请联系信息科。", cause="no_authority")
    links = rules_trust.chain_of(content, _in_force(tx), tx.campus, tx.now, purpose)
    rules_trust.check_lists(links, tx.now, grace(tx))
    found = tx.session.all(
        queries.LISTED_AMONG,
        anchors=sorted({link.anchor.anchor_id for link in links}),
        serials=sorted({link.serial for link in links}),
    )
    lines = {(line.anchor_id, line.serial): line for line in found}
    for link in links:
        line = lines.get((link.anchor.anchor_id, link.serial))
        if line is not None:
            raise rules_trust.revoked(link, line.revoked_at, line.suspended)


# -- inside


def _anchor(tx: Tx, anchor_id: UUID) -> TrustAnchor:
    row = tx.session.first(queries.ANCHOR, id_=anchor_id)
    if row is None:
        raise AnchorNotFound("没有登记这张 CA 证书，请刷新后核对。")
    return row


def _lists(tx: Tx, ids: list[UUID]) -> dict[UUID, RevocationList]:
    return {row.anchor_id: row for row in tx.session.all(queries.LISTS_NOW, anchors=ids)}


def _in_force(tx: Tx) -> list[rules_trust.Anchor]:
    rows = [row for row in tx.session.all(queries.ANCHORS_EVER) if row.state == "in_force"]
    lists = _lists(tx, [row.anchor_id for row in rows])
    return [_anchor_of(row, lists.get(row.anchor_id)) for row in rows]


def _anchor_of(row: TrustAnchor, now: RevocationList | None) -> rules_trust.Anchor:
    until: datetime | None = None if now is None else now.next_update
    return rules_trust.Anchor(
        row.anchor_id, row.content, frozenset(row.campuses), until, "all" if now is None else now.scope
    )


def _check_above(tx: Tx, content: bytes, campuses: list[str]) -> None:
    """An intermediate authority hangs on one that is in force at each of its campuses."""
    above = _in_force(tx)
    try:
        for campus in campuses:
            rules_trust.chain_above(content, above, campus, tx.now)
    except CertificateUntrusted as refusal:
        raise AnchorUnfit(f"{refusal.detail}请先登记并复核它的上级 CA 证书。") from refusal
