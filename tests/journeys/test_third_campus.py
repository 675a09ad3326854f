"""A third campus is data alone: opened through HTTP by the right posts, it serves its first patient the same day."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service as organisation
from integrity.runner import run
from tests.payments.conftest import pieces
from tests.support.clinic import (
    FEE,
    Desk,
    ok,
    open_hospital,
    open_shift,
    pay_cash,
    put_on_sale,
    register_person,
    register_visit,
    resident_id,
)
from tests.support.hospital import Caller, Hospital

ORGANISATION = "/api/organisation/structure"
PRICES = "/api/catalogue/prices"
SCHEDULE = "/api/outpatient/schedule"
VISITS = "/api/outpatient/registration/visits"
CASHIER = "/api/payments/cashier"
BILLING = "/api/payments/billing"
FEE_CODE = "110200009"
ZX_FEE = Decimal("5.00")


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    """Head hospital and branch, as they worked before."""
    return open_hospital(hospital)


class ThirdCampus:
    """zx, set up by its own officers; everybody signs on with the posts the organisation says they hold."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self._accounts: dict[str, organisation.Account] = {}

    def sign_on(self, staff_no: str) -> Caller:
        """A token with exactly the posts of the person's account, as the realm would give it."""
        with self.hospital.tx("hq") as tx:
            account = next(one for one in organisation.staff_accounts(tx) if one.staff_no == staff_no)
        assert account.enabled
        held = {campus: sorted(posts) for campus, posts in account.posts.items()}
        return self.hospital.caller(campus="zx", at=held, staff_id=account.staff_id, name=account.name)

    def engage(self, personnel: Caller, unit: str, staff_no: str, post: str) -> Caller:
        body = {"staff_no": staff_no, "name": "覃小莲", "category": "management", "unit_id": unit}
        staff = ok(personnel.post(f"{ORGANISATION}/staff", body))["staff_id"]
        ok(personnel.post(f"{ORGANISATION}/post-assignments", {"staff_id": staff, "post": post}))
        return self.sign_on(staff_no)

    def open(self) -> Desk:
        """Campus, units, places, people, prices and a clinic: rows, entered by those whose post it is."""
        founders = [
            {"staff_no": "Z0001", "name": "农院长", "category": "management", "posts": ["campus_admin"]},
            {"staff_no": "Z0002", "name": "黄人事", "category": "management", "posts": ["personnel"]},
        ]
        ok(
            self.hospital.caller("consortium_admin", campus="hq").post(
                f"{ORGANISATION}/campuses",
                {
                    "code": "zx",
                    "letter": "Z",
                    "name": "安和县中心卫生院",
                    "short_name": "中心院",
                    "price_level": "primary",
                    "address": "中心镇",
                    "founders": founders,
                },
            )
        )
        admin, personnel = self.sign_on("Z0001"), self.sign_on("Z0002")
        unit = ok(admin.post(f"{ORGANISATION}/units", {"code": "general", "name": "全科门诊", "kind": "clinical"}))[
            "unit_id"
        ]
        building = self._place(admin, "building", "b", "门诊楼")
        room = self._place(admin, "room", "r", "1诊室", parent_id=building, unit_id=unit)
        counter = self._place(admin, "counter", "c1", "1号窗口", parent_id=building)
        self._publish_price()
        clerk = self.engage(personnel, unit, "Z0101", "schedule_clerk")
        clinic = ok(
            clerk.post(
                f"{SCHEDULE}/clinics",
                {
                    "code": "general",
                    "name": "全科普通门诊",
                    "unit_id": unit,
                    "grade": "general",
                    "fee_item_code": FEE_CODE,
                    "standard_code": "general",
                },
            )
        )
        registrar = self.engage(personnel, unit, "Z0102", "registrar")
        return Desk("zx", UUID(unit), UUID(room), [UUID(counter)], clinic, registrar)

    @staticmethod
    def _place(admin: Caller, kind: str, code: str, name: str, **more: Any) -> str:
        body = {"kind": kind, "code": code, "name": name, **more}
        return str(ok(admin.post(f"{ORGANISATION}/places", body))["place_id"])

    def _publish_price(self) -> None:
        """The head hospital keeps the price list of all; a new campus needs a price of its level."""
        officer, checker = self.hospital.caller("price_officer"), self.hospital.caller("price_checker")
        row = {
            "code": FEE_CODE,
            "name": "一般诊疗费",
            "unit": "次",
            "kind": "service",
            "fee_class": "02",
            "price_tertiary": "12.00",
            "price_secondary": "9.00",
            "price_primary": str(ZX_FEE),
        }
        body = {"title": "一级价格", "basis_document": "依据", "rows": [row]}
        batch = ok(officer.post(f"{PRICES}/batches", body))
        ok(checker.post(f"{PRICES}/batches/{batch['batch_id']}/publish", {"version": 1}))


@pytest.mark.case("P-organisation", 1)
def test_a_third_campus_serves_its_first_patient(hospital: Hospital, desks: dict[str, Desk]) -> None:
    tables = hospital.value("SELECT count(*) FROM pg_class WHERE relkind = 'r'")
    functions = [app.name for app in hospital.apps]
    head = desks["hq"].registrar
    stranger = register_person(head, resident_id(7), name="韦总院")
    head_shift = open_shift(desks["hq"])
    head_visit = register_visit(head, stranger, put_on_sale(hospital, desks["hq"]))
    pay_cash(head, head_visit)

    desk = ThirdCampus(hospital).open()
    registrar = desk.registrar
    assert registrar.get(f"{ORGANISATION}/acting/choices").json()[0]["post"] == "registrar"
    session = put_on_sale(hospital, desk, numbers=5)
    assert session["status"] == "published"

    # find nobody, register the person
    number = resident_id(8)
    find = {"text": number}
    assert ok(registrar.post("/api/patients/index/patients/find", find))["items"] == []
    patient = register_person(registrar, number, name="蒙小妹")
    found = ok(registrar.post("/api/patients/index/patients/find", find))["items"]
    assert [one["patient_id"] for one in found] == [patient]

    # shift, visit, cash, slip
    shift = open_shift(desk, amount="100.00")
    visit = register_visit(registrar, patient, session)
    assert (visit["status"], Decimal(visit["fee"])) == ("registered", ZX_FEE)
    paid = pay_cash(registrar, visit)
    ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/slips"))
    slip = registrar.get(f"{VISITS}/{visit['encounter_id']}/slip.pdf")
    assert slip.content.startswith(b"%PDF")

    # numbers of its own, from 1
    assert (visit["visit_no"][0], head_visit["visit_no"][0]) == ("Z", "H")
    assert visit["visit_no"][1:] == head_visit["visit_no"][1:], "both are the first of the day"
    series = hospital.rows(
        "SELECT campus_id, last_value FROM kernel.number_series WHERE series = 'visit' ORDER BY campus_id"
    )
    assert {row["campus_id"]: row["last_value"] for row in series} == {"hq": 1, "zx": 1}

    # nothing of the others, from either side
    listed = ok(registrar.get(VISITS, limit=50))["items"]
    assert [one["encounter_id"] for one in listed] == [visit["encounter_id"]]
    for path in (
        f"{VISITS}/{head_visit['encounter_id']}",
        f"{BILLING}/charges/{head_visit['charges'][0]['charge_id']}",
        f"{CASHIER}/shifts/{head_shift['shift_id']}",
    ):
        assert registrar.get(path).status_code == 404, path
        elsewhere = registrar.at("hq").get(path)
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "acting_campus")
    assert head.get(f"{VISITS}/{visit['encounter_id']}").status_code == 404
    assert desks["mch"].registrar.get(f"{BILLING}/settlements/{paid['settlement_id']}").status_code == 404
    before = hospital.census()
    meddling = registrar.post(f"{VISITS}/{head_visit['encounter_id']}/cancel", {"version": head_visit["version"]})
    assert meddling.status_code == 404
    assert hospital.census() == before

    # refund, close
    version = ok(registrar.get(f"{VISITS}/{visit['encounter_id']}"))["version"]
    cancelled = ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": version}))
    assert (cancelled["status"], Decimal(cancelled["refunded"])) == ("cancelled", ZX_FEE)
    again = register_visit(registrar, patient, session)
    assert again["slot_number"] == visit["slot_number"], "the number is on sale again"
    pay_cash(registrar, again)
    path = f"{CASHIER}/shifts/{shift['shift_id']}"
    seen = ok(registrar.get(path))["version"]
    counting = ok(registrar.post(f"{path}/start-count", {"version": seen}))
    drawer = {"version": counting["version"], "denominations": pieces("105.00")}
    closed = ok(registrar.post(f"{path}/count", drawer))
    assert (closed["state"], Decimal(closed["difference"])) == ("closed", Decimal(0))

    # what must add up does, for all three; nothing was deployed
    checks = run(hospital.settings.auditor_database_url)
    assert [check.name for check in checks if not check.holds and check.severity == "critical"] == []
    assert [app.name for app in hospital.apps] == functions
    assert hospital.value("SELECT count(*) FROM pg_class WHERE relkind = 'r'") == tables
    assert Decimal(head_visit["fee"]) == FEE["hq"]
