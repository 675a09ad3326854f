"""Forms of sign-on: 账号开通通知单 (a sealed slip), 第三方系统接入登记表."""

from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries
from functions.platform.sso.problems import PartnerNotFound
from functions.platform.sso.service.devices import partner_view
from functions.platform.sso.service.realm import asks_second_factor
from functions.platform.sso.service.recovery import first_password, giving_password
from shared.command import Document
from shared.identity.posts import POSTS
from shared.tx import Tx

PDF = "application/pdf"
_STATES = {"active": "在用", "ended": "已停用"}
_PROTOCOLS = {"oidc": "OIDC（授权码加 PKCE）", "saml": "SAML 2.0", "cas": "CAS 票据"}
_BY_TICKET = "按票据的服务地址通知"


def account_slip(tx: Tx, staff_id: UUID, reason: str) -> Document:
    """《账号开通通知单》 with a first password for one sign-on: folded, sealed and handed over.

    The password is on this one sheet and nowhere else: not on a screen, not in a table, and a repeated command gets an
    empty answer. Printing again gives another password, with its own reason. Sessions end, a lock is taken off. Raises
    SamePerson, AccountNotHere, StaffNotFound, RealmOutOfReach.
    """
    password = first_password()
    give = giving_password(tx, staff_id, "account_slip.printed", reason, password)
    person = organisation.staff_member(tx, staff_id)
    posts = {held.post: held for held in organisation.posts_of(tx, staff_id) if held.post in POSTS}
    units = dict.fromkeys(organisation.unit(tx, held.unit_id).name for held in posts.values())
    privileged = any(POSTS[code].privileged for code in posts)
    settings = directory.configuration()
    data = {
        "name": person.name,
        "staff_no": person.staff_no,
        "unit": "、".join(units) or None,
        "posts": "、".join(POSTS[code].title for code in posts) or "尚未任岗",
        "username": person.staff_no.lower(),
        "password": password,
        "address": f"{settings.host_url}/",
        "second_factor": privileged and asks_second_factor(settings),
    }
    form = organisation.office_form(tx, "account_slip", data, f"账号开通通知单-{person.staff_no}.pdf")

    def make() -> bytes:
        content = bytes(form.response().body)
        give()  # after the sheet is there: a password nobody can read would shut its owner out
        return content

    return Document(make, PDF, f"账号开通通知单-{person.staff_no}.pdf")


def partner_form(tx: Tx, partner_id: UUID) -> Document:
    """《第三方系统接入登记表》 of another maker's program. Raises PartnerNotFound."""
    row = tx.session.first(queries.PARTNER, partner_id=partner_id)
    if row is None:
        raise PartnerNotFound("没有这个第三方系统。")
    tx.audit("partner.printed", "partner", partner_id, code=row.code)
    data = {
        "code": row.code,
        "title": row.title,
        "client_id": partner_view(row).cas_url or partner_view(row).client_id,
        "protocol": _PROTOCOLS.get(row.protocol, row.protocol),
        "owner": row.owner,
        "shared_data": row.shared_data,
        "addresses": list(row.redirect_uris),
        "logout_address": row.backchannel_logout_url or (_BY_TICKET if row.protocol == "cas" else None),
        "registered_at": row.registered_at,
        "valid_to": row.valid_to,
        "state": _STATES[row.state],
        "ended_at": row.ended_at,
    }
    return organisation.office_form(tx, "partner_registration", data, f"第三方系统接入登记表-{row.code}.pdf")
