"""A consortium of two campuses whose people have tokens exactly as the realm would give them."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from shared.identity.posts import POSTS
from shared.identity.rights import Grant, claim_of
from shared.schemas import SHANGHAI
from tests.support import tokens
from tests.support.hospital import Caller, Hospital, cloned_hospital

if TYPE_CHECKING:
    from infra.local.keycloak import Keycloak
    from infra.simulators.sms import SmsSimulator
    from infra.simulators.wechat_login import WeChatLoginSimulator
    from tests.platform.beyond import Listener
    from tests.platform.realm import World

BASE = "/api/platform/permissions"
ORGANISATION = "/api/organisation/structure"


class Consortium:
    """Two campuses with the officers of permissions, and people who are engaged and posted for real."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.personnel = hospital.caller("personnel")
        self.mch_personnel = hospital.caller("personnel", campus="mch")
        self.admin = hospital.caller("campus_admin")
        self.security = hospital.caller("security_admin")
        self.second_security = hospital.caller("security_admin")
        self.office = hospital.caller("owner_office")
        self.head = hospital.caller("department_head")
        self.system = hospital.caller("system_admin")
        self.auditor = hospital.caller("audit_admin")

    def moment(self, **later: float) -> str:
        return (self.hospital.clock() + timedelta(**later)).astimezone(SHANGHAI).isoformat()

    def root(self, campus: str = "hq") -> str:
        units = self.admin.get(f"{ORGANISATION}/units", campus=campus).json()
        return next(unit["unit_id"] for unit in units if unit["code"] == "root")

    def unit(self, **fields: Any) -> str:
        body = {"code": f"u{uuid4().hex[:10]}", "name": "内科一病区", "kind": "nursing", **fields}
        answer = self.admin.post(f"{ORGANISATION}/units", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["unit_id"])

    def engage(self, campus: str = "hq", *, unit_id: str | None = None, **fields: Any) -> dict[str, Any]:
        officer = self.personnel if campus == "hq" else self.mch_personnel
        body = {
            "staff_no": f"P{uuid4().hex[:10]}",
            "name": "覃小兰",
            "category": "management",
            "unit_id": unit_id or self.root(campus),
            **fields,
        }
        answer = officer.post(f"{ORGANISATION}/staff", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def assign(self, staff_id: str, post: str, campus: str = "hq", **fields: Any) -> dict[str, Any]:
        officer = self.personnel if campus == "hq" else self.mch_personnel
        body = {"staff_id": staff_id, "post": post, "is_main": False, **fields}
        answer = officer.post(f"{ORGANISATION}/post-assignments", body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def licensed(self, staff_id: str, kind: str = "physician", campus: str = "hq") -> str:
        """A licence of the person's, valid since 2015; the number is of the right shape and nobody else's."""
        officer = self.personnel if campus == "hq" else self.mch_personnel
        number = {"physician": f"{uuid4().int % 10**15:015d}", "nurse": f"{uuid4().int % 10**12:012d}"}
        body = {"kind": kind, "number": number.get(kind, f"N{uuid4().hex[:12]}"), "valid_from": "2015-07-01"}
        if kind == "physician":
            body["category"] = "clinical"
        answer = officer.post(f"{ORGANISATION}/staff/{staff_id}/licences", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["licence_id"])

    def posted(self, *posts: str, campus: str = "hq", **fields: Any) -> UUID:
        """Somebody new who holds these posts."""
        person = self.engage(campus, **fields)
        if "outpatient_doctor" in posts:
            self.licensed(person["staff_id"], campus=campus)
        for post in posts:
            self.assign(person["staff_id"], post, campus)
        return UUID(person["staff_id"])

    def signed_on(self, staff_id: UUID, campus: str = "hq", **claims: Any) -> Caller:
        """The person with the token the realm gives at this moment: posts, single grants, published templates."""
        with self.hospital.tx(campus) as tx:
            account = next(one for one in organisation.staff_accounts(tx) if one.staff_id == staff_id)
            grants = [
                str(Grant(row.campus_id, row.permission, int(row.valid_to.timestamp())))
                for row in permissions.grants_of(tx, staff_id)
            ]
            changed = claim_of(permissions.published(tx))
        token = tokens.sign(
            {
                "sub": str(staff_id),
                "name": account.name,
                "staff_id": str(staff_id),
                "posts": [f"/{at}/{post}" for at, held in account.posts.items() for post in held],
                **({"grants": grants} if grants else {}),
                **({"templates": changed} if changed else {}),
                **claims,
            }
        )
        return Caller(self.hospital.client, token, campus, str(staff_id), staff_id)

    def granted(self, staff_id: UUID, permission: str, **fields: Any) -> dict[str, Any]:
        """A single permission, through all three desks."""
        body = {
            "staff_id": str(staff_id),
            "kind": "permission",
            "code": permission,
            "valid_to": self.moment(days=3),
            "ground": "代班",
            **fields,
        }
        asked = ok(self.head.post(f"{BASE}/requests", body))
        agreed = ok(self.office.post(f"{BASE}/requests/{asked['request_id']}/agree", {"version": 1}))
        return ok(
            self.security.post(f"{BASE}/requests/{asked['request_id']}/carry-out", {"version": agreed["version"]})
        )

    def published(self, post: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = (), **fields: Any) -> Any:
        """Another version of a template in force, through both desks."""
        with self.hospital.tx("hq") as tx:
            now = permissions.template(tx, post).permissions
        body = {
            "permissions": sorted((now | set(add)) - set(remove)),
            "dimension": POSTS[post].dimension,
            "reason": "调整",
            **fields,
        }
        draft = ok(self.security.post(f"{BASE}/templates/{post}/versions", body))
        path = f"{BASE}/template-versions/{draft['template_id']}"
        ok(self.office.post(f"{path}/review", {"version": 1}))
        return ok(self.security.post(f"{path}/publish", {"version": 2}))


def ok(answer: Any) -> Any:
    assert answer.status_code < 300, f"{answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return dict(answer.json())


def open_consortium(hospital: Hospital) -> Consortium:
    """Open hq and mch, with nobody but their first administrators."""
    for code, letter, name in (("hq", "H", "总院"), ("mch", "M", "妇幼分院")):
        founder = organisation.Founder(
            staff_no=f"{letter}0001",
            name="韦建国",
            category=organisation.StaffCategory.MANAGEMENT,
            posts=["consortium_admin" if code == "hq" else "campus_admin"],
        )
        command = organisation.OpenCampus(
            code=code,
            letter=letter,
            name=f"安和县{name}",
            short_name=name,
            price_level="tertiary" if code == "hq" else "secondary",
            address="健康路1号",
            founders=[founder],
        )
        with hospital.tx(code) as tx:
            (organisation.bootstrap if code == "hq" else organisation.open_campus)(tx, command)
    return Consortium(hospital)


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    names = ("organisation/structure", "platform/permissions")
    with cloned_hospital([registry.app(name) for name in names]) as one:
        yield one


@pytest.fixture(scope="module")
def consortium(hospital: Hospital) -> Consortium:
    return open_consortium(hospital)


@pytest.fixture(scope="module")
def world(keycloak: "Keycloak") -> "Iterator[World]":
    from tests.platform.realm import opened_world  # which stands on this file

    with opened_world(keycloak) as one:
        yield one


@pytest.fixture(scope="module")
def secrets() -> set[str]:
    """Every password, PIN, token, secret and code of a file's tests."""
    from tests.platform.realm import PASSWORD

    return {PASSWORD}


@pytest.fixture(scope="module")
def listener() -> "Iterator[Listener]":
    """What is logged from now on, down to the last detail."""
    from tests.platform.beyond import Listener

    heard = Listener()
    his = logging.getLogger("his")
    before = his.level
    his.addHandler(heard)
    his.setLevel(logging.DEBUG)
    yield heard
    his.removeHandler(heard)
    his.setLevel(before)


@pytest.fixture(scope="module")
def phones(world: "World") -> "Iterator[SmsSimulator]":
    """The gateway for messages, and the phones they reach."""
    from tests.platform.phones import messages_of

    with messages_of(world) as one:
        yield one


@pytest.fixture(scope="module")
def wechat() -> "Iterator[WeChatLoginSimulator]":
    from tests.platform.phones import wechat_here

    with wechat_here() as one:
        yield one


@pytest.fixture(scope="module")
def gateway(world: "World", secrets: set[str]) -> Caller:
    """The mini-program's own server."""
    from tests.platform.beyond import enrolled, signed_on

    return signed_on(world, secrets, enrolled(world, secrets, "wx", "miniprogram"))
