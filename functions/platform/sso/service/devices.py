"""Devices, bridges, workstations and other makers' programs: enrolled with an owner and an end, secrets shown once."""

from datetime import timedelta
from uuid import UUID

from functions.platform.sso import directory, queries, queries_cas, rules, rules_cas
from functions.platform.sso.models import Device, Partner
from functions.platform.sso.problems import DeviceEnded, DeviceNotFound, PartnerNotFound, RealmOutOfReach
from functions.platform.sso.problems_cas import ServiceTaken
from functions.platform.sso.schemas import DeviceView, EnrolDevice, PartnerView, RegisterPartner
from functions.platform.sso.service.realm import declaration, note
from functions.platform.sso.service.sessions import refuse_before
from shared.command import Onward
from shared.identity.realm import DeviceDeclaration, PartnerDeclaration
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.steps import Steps
from shared.tx import Tx

PARTNER_TERM = timedelta(days=366)


def enrol_device(tx: Tx, command: EnrolDevice) -> Onward[DeviceView]:
    """Enrol a device of the acting campus; its secret is in this one answer. Raises DeviceCodeTaken.

    While the realm is out of reach there is no secret to show: it is told later, and the device gets its secret by
    rotating.
    """
    row = Device(
        device_id=new_id(),
        campus_id=tx.campus,
        code=command.code,
        kind=command.kind,
        title=command.title,
        owner=command.owner,
        state="active",
        enrolled_at=tx.now,
        enrolled_by=tx.actor.subject,
        secret_since=tx.now,
        valid_to=tx.now + rules.DEVICE_TERM,
    )
    tx.session.add(row)
    tx.audit("device.enrolled", "device", row.device_id, code=row.code, device_kind=row.kind)
    note(tx, "realm", "", "device enrolled")
    return Onward(device_view(row), lambda steps: _with_secret(steps, row))


def rotate_device(tx: Tx, device_id: UUID, version: int) -> Onward[DeviceView]:
    """Give a device a new secret; the old one signs on for another 24 hours.

    Raises DeviceNotFound, DeviceEnded, Stale.
    """
    before = _own(tx, device_id)
    row = tx.session.first(
        queries.ROTATE,
        id_=device_id,
        seen=version,
        now=tx.now,
        until=tx.now + rules.DEVICE_TERM,
        former=tx.now + rules.SECRET_OVERLAP,
    )
    if row is None:
        raise Stale("该设备已被他人修改，请刷新后再操作。", current_version=before.version)
    tx.audit("device.rotated", "device", device_id, generation=row.generation)
    note(tx, "realm", "", "device rotated")
    return Onward(device_view(row), lambda steps: _with_secret(steps, row))


def end_device(tx: Tx, device_id: UUID) -> DeviceView:
    """A device is taken out of service, lost or stolen: it signs on no more, and what it holds is refused within a
    minute. Raises DeviceNotFound, DeviceEnded."""
    _own(tx, device_id)
    row = tx.session.first(queries.END_DEVICE, id_=device_id, now=tx.now)
    if row is None:
        raise DeviceEnded("该设备已停用。")
    for generation in range(max(1, row.generation - 1), row.generation + 1):
        client = DeviceDeclaration(row.code, row.campus_id, row.kind, row.title, generation).client_id
        refuse_before(tx, client, "device ended")
    tx.audit("device.ended", "device", device_id)
    note(tx, "realm", "", "device ended")
    return device_view(row)


def devices_here(tx: Tx, before: UUID, limit: int) -> list[Device]:
    """Devices of the acting campus, latest first."""
    return tx.session.all(queries.DEVICES_HERE, campus=tx.campus, before=before, limit=limit)


def register_partner(tx: Tx, command: RegisterPartner) -> Onward[PartnerView]:
    """Register another maker's program for sign-on by OpenID Connect, SAML 2.0 or CAS; a secret is in this one answer.

    Raises PartnerCodeTaken, EntityTaken, ServiceTaken, Invalid (an end beyond 12 months or past, a SAML program without
    its name, a SAML or CAS program with a pattern for an address, a CAS program that is to learn what there is not).
    """
    if not tx.now < command.valid_to <= tx.now + PARTNER_TERM:
        raise Invalid("第三方系统的接入期限须在 12 个月以内，到期可续。")
    saml = command.protocol == "saml"
    if saml != (command.entity_id is not None):
        raise Invalid("SAML 系统须填写实体标识（entityID），其他系统不填。")
    if saml and any("*" in address for address in command.redirect_uris):
        raise Invalid("SAML 系统的断言接收地址（ACS）须逐个写全，不能用通配符。")
    if command.protocol == "cas":
        _check_cas(tx, command)
    row = Partner(
        partner_id=new_id(),
        code=command.code,
        title=command.title,
        owner=command.owner,
        shared_data=command.shared_data,
        redirect_uris=list(command.redirect_uris),
        backchannel_logout_url=command.backchannel_logout_url or "",
        state="active",
        valid_to=command.valid_to,
        registered_at=tx.now,
        registered_by=tx.actor.subject,
        protocol=command.protocol,
        entity_id=command.entity_id,
    )
    tx.session.add(row)
    tx.audit("partner.registered", "partner", row.partner_id, code=row.code, protocol=row.protocol)
    note(tx, "realm", "", "partner registered")

    def go_on(steps: Steps) -> PartnerView:
        secret = _secret(steps, _partner_client(row))
        return partner_view(row, secret if row.protocol == "oidc" else None)

    return Onward(partner_view(row), go_on)


def end_partner(tx: Tx, partner_id: UUID) -> PartnerView:
    """Another maker's program is shut out. Raises PartnerNotFound."""
    row = tx.session.first(queries.END_PARTNER, id_=partner_id, now=tx.now)
    if row is None:
        raise PartnerNotFound("没有这个在用的第三方系统。")
    tx.audit("partner.ended", "partner", partner_id, code=row.code)
    note(tx, "realm", "", "partner ended")
    return partner_view(row)


def partners(tx: Tx) -> list[Partner]:
    """Every program registered, by code, at most 200."""
    return tx.session.all(queries.PARTNERS)


def device_view(row: Device, secret: str | None = None) -> DeviceView:
    """A device as its administrator sees it."""
    names = [name for name in DeviceView.model_fields if name not in {"client_id", "secret"}]
    return DeviceView(client_id=_client(row), secret=secret, **{name: getattr(row, name) for name in names})


def partner_view(row: Partner, secret: str | None = None) -> PartnerView:
    """A registered program."""
    names = [
        name for name in PartnerView.model_fields if name not in {"client_id", "metadata_url", "cas_url", "secret"}
    ]
    settings = directory.configuration()
    metadata = f"{settings.issuer}/protocol/saml/descriptor"
    cas_url = f"{settings.host_url.rstrip('/')}{rules_cas.COOKIE_PATH}"
    return PartnerView(
        client_id=_partner_client(row),
        metadata_url=metadata if row.protocol == "saml" else None,
        cas_url=cas_url if row.protocol == "cas" else None,
        secret=secret,
        **{name: getattr(row, name) for name in names},
    )


# -- inside


def _check_cas(tx: Tx, command: RegisterPartner) -> None:
    if any(mark in address for address in command.redirect_uris for mark in "*#"):
        raise Invalid("CAS 系统的服务地址须逐个写全，不能用通配符，也不含“#”。")
    try:
        rules_cas.items(command.shared_data)
    except ValueError as error:
        known = "、".join(rules_cas.ITEMS)
        raise Invalid(f"CAS 系统共享的数据只能从“{known}”中选，用顿号分开；不认识“{error}”。") from None
    taken = {
        address: row.title for row in tx.session.all(queries_cas.PROGRAMS, now=tx.now) for address in row.redirect_uris
    }
    for address in command.redirect_uris:
        if address in taken:
            raise ServiceTaken(f"服务地址 {address} 已由“{taken[address]}”登记，请核对；换新登记的先停用旧的。")


def _client(row: Device) -> str:
    return DeviceDeclaration(row.code, row.campus_id, row.kind, row.title, row.generation).client_id


def _partner_client(row: Partner) -> str:
    return row.entity_id or PartnerDeclaration(row.code, row.title, ()).client_id


def _own(tx: Tx, device_id: UUID) -> Device:
    row = tx.session.first(queries.DEVICE, device_id=device_id)
    if row is None or row.campus_id != tx.campus:
        raise DeviceNotFound("本院区没有这个设备，请刷新后核对。")
    if row.state != "active":
        raise DeviceEnded("该设备已停用。")
    return row


def _with_secret(steps: Steps, row: Device) -> DeviceView:
    return device_view(row, _secret(steps, _client(row)))


def _secret(steps: Steps, client_id: str) -> str | None:
    """Tell the realm now, so that the secret can be handed over; None while it is out of reach."""
    try:
        door = directory.Directory()
        door.provision(steps.step(declaration), people=False)
        return door.secret_of(client_id)
    except (RealmOutOfReach, KeyError):
        return None
