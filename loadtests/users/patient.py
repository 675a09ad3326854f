"""患者: opens the mini-program, binds the family, looks at their data and at who opened their records.

Patients sign on by WeChat, so somebody must play WeChat: the simulator the settings point to. Where there is none (a
cluster, a real mini-program) this user stays away, and the report of the day says so.
"""

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from functions.platform.sso.client import WeChatLogin
from infra.local.credentials import write_private
from infra.local.environment import adopt, state_dir
from infra.local.login import LoginRefused, Tokens, device_login
from loadtests.desk import Desk, Refused
from loadtests.front_desk import FrontDesk
from loadtests.population import Person
from loadtests.population.hospital import campuses
from loadtests.preparing import all_items, holder, registrars
from loadtests.users import HospitalUser
from loadtests.window import PATIENTS

SSO = "/api/platform/sso"
TRIES = 5
GATEWAY = "load-miniprogram"
"""Device code of the mini-program's gateway, enrolled once."""
LASTS = 30.0
"""Seconds a token of the gateway must still be good for."""
SETTLES = 20
"""Sign-ons, a second apart, until a token names a family just bound."""
_HARMLESS = frozenset({"identity_disputed", "identifier_in_use", "real_name_mismatch"})
"""Refusals of made-up people who resemble those of an earlier day: such a family stays at home."""
_ANEW = frozenset({"subject_denied", "person_bound"})
"""Refusals after which the mini-program signs on again by itself and shows what holds now."""


@cache
def missing() -> str:
    """Why no patient can sign on here; empty when somebody plays WeChat. A real one is reached over TLS only."""
    adopt(state_dir())
    login = WeChatLogin()
    if urlsplit(login.url).scheme != "http" or not login.secret:
        return "no WeChat log-in simulator behind HIS_WECHAT_LOGIN_URL"
    try:
        httpx.get(f"{login.url}/control/wechat_login", timeout=5, trust_env=False).raise_for_status()
    except httpx.HTTPError:
        return f"no WeChat log-in simulator answers at {login.url}"
    return ""


@dataclass
class Visits:
    """What patients did in the mini-program, and what they saw go wrong."""

    signed_on: int = 0
    begun_anew: int = 0
    """Openings begun again with a new sign-on."""
    families: int = 0
    opened: int = 0
    """Registers of record access read to their end."""
    entries: int = 0
    stayed_home: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Everything wrong, that nobody came among it."""
        found = [f"mini-program: {failure}" for failure in self.failures]
        return found if self.opened else [*found, "mini-program: no patient read a register of record access"]

    def summary(self) -> str:
        """The patients' day in one line of JSON."""
        return json.dumps(
            {
                "signed_on": self.signed_on,
                "begun_anew": self.begun_anew,
                "families": self.families,
                "registers": self.opened,
                "entries": self.entries,
                "stayed_home": dict(self.stayed_home),
            },
            ensure_ascii=False,
        )


class MiniProgram:
    """The mini-program's gateway: a device of the head hospital through which WeChat users sign on."""

    def __init__(self, front: FrontDesk, login: WeChatLogin) -> None:
        self._front = front
        self._login = login
        self._campus = campuses()[0].code
        self._wechat = httpx.Client(base_url=login.url, timeout=30, trust_env=False)
        self._kept = Path(front.settings.secrets_dir) / f"{GATEWAY}.json"
        self._tokens: Tokens | None = None
        self._lock = Lock()
        self.visits = Visits()
        self.phones = 0
        """Users who took one."""

    def account(self, openid: str, watch: Any) -> Desk:
        """The phone of a WeChat user, signed on now."""
        gateway = Desk(self._front.http, self._campus, self._token, watch)
        for _ in range(TRIES):
            answer = self._wechat.post("/control/wechat_login/codes", json={"openid": openid}).raise_for_status()
            tokens = gateway.post(f"{SSO}/patient-logins", {"code": answer.json()["code"]})
            if tokens["state"] == "done":
                self.visits.signed_on += 1
                return self._phone(str(tokens["access_token"]), watch)
            # The answer was lost on its way and is not told twice: the mini-program signs on again by itself.
        raise LoginRefused(f"no tokens within {TRIES} sign-ons")

    def _phone(self, access: str, watch: Any) -> Desk:
        return Desk(self._front.http, self._campus, lambda: access, watch)

    def open(self) -> None:
        """Before the first patient: the gateway is enrolled and signs on."""
        self._token()

    def _token(self) -> str:
        with self._lock:
            if self._tokens is None or time.time() > self._tokens.expires_at - LASTS:
                self._tokens = self._signed_on()
            return self._tokens.access

    def _signed_on(self) -> Tokens:
        """Sign on with the secret of the last day, else have it changed: it is shown once and kept here."""
        settings = self._front.settings
        if self._kept.exists():
            known = json.loads(self._kept.read_text(encoding="utf-8"))
            try:
                return device_login(settings.keycloak_url, settings.keycloak_realm, known["client_id"], known["secret"])
            except LoginRefused:
                pass  # another installation's, or past its year
        device = self._issued()
        self._kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._kept, json.dumps({name: device[name] for name in ("client_id", "secret")}))
        return device_login(settings.keycloak_url, settings.keycloak_realm, device["client_id"], device["secret"])

    def _issued(self) -> Mapping[str, Any]:
        """The device with a new secret. It stands in one answer only; one that was lost is changed again."""
        admin = self._front.desk(holder(self._campus, "system_admin").staff_no, self._campus)
        for _ in range(TRIES):
            known = next((one for one in all_items(admin, f"{SSO}/devices") if one["code"] == GATEWAY), None)
            if known is None:
                body = {"code": GATEWAY, "kind": "miniprogram", "title": "压力测试小程序网关", "owner": "信息科"}
                device = admin.post(f"{SSO}/devices", body)
            else:
                device = admin.post(f"{SSO}/devices/{known['device_id']}/rotate", {"version": known["version"]})
            if device["secret"]:
                return dict(device)
        raise LoginRefused(f"no secret for {GATEWAY}")


class Patient(HospitalUser):
    """A parent with a phone. The window has read both documents; from then on the phone does it all."""

    post = "patient"
    share = 2
    pause = 1.0

    @classmethod
    def left_out(cls) -> str:
        """Why there are no patients in this load test; empty when there are."""
        return missing()

    def on_start(self) -> None:
        self.day = self.environment.clinic_day
        self.campus, self.place = self.day.next_at(type(self).__name__)
        self.program: MiniProgram = self.environment.mini_program
        self.window = self.day.desk(registrars(self.campus)[0].staff_no, self.campus, self.watch)
        # One phone, one person: two at once with the same account would end each other's tokens.
        self.families = cycle(_families(self.day.people)[self._turn_of() :: self.share])

    def _turn_of(self) -> int:
        self.program.phones += 1
        return (self.program.phones - 1) % self.share

    def turn(self) -> bool:
        family = next(self.families, None)
        if family is None:
            self.program.visits.failures.append("nobody with a phone in today's crowd")
            return False
        for attempt in range(TRIES):
            try:
                self.look(*family)
                break
            except Refused as refused:
                if refused.code in _HARMLESS:
                    self.program.visits.stayed_home[refused.code] += 1
                    break
                # A binding whose answer was lost, or that a function hears of late, ends tokens: sign on and look anew.
                if refused.code not in _ANEW or attempt == TRIES - 1:
                    raise
            self.program.visits.begun_anew += 1
            self._wait(1)
        return False  # a person puts the phone away before the next look

    def look(self, parent: Person, child: Person | None) -> None:
        """One opening of the mini-program: bound on the first, read on every one."""
        openid = f"load-{parent.id_number}"
        phone = self.program.account(openid, self.watch)
        wanted = {("self", parent.name)} | ({("child", child.name)} if child else set())
        lacking = wanted - _named(phone.get(f"{SSO}/my/persons"))
        if lacking:
            phone = self._bind(openid, phone, parent, child, {relation for relation, _ in lacking})
            self.program.visits.families += 1
        persons = phone.get(f"{SSO}/my/persons")
        self._expect(wanted <= _named(persons), "the family is not the one bound")
        for one in persons:
            mine = phone.get(f"{PATIENTS}/self/{one['patient_id']}")
            self._expect(mine["name"] == one["name"] and "*" in str(mine["identifiers"]), "own data not masked")
            self._read_register(phone, one["patient_id"])
        self._ask_for_a_stranger(phone)

    def _bind(self, openid: str, phone: Desk, parent: Person, child: Person | None, lacking: set[str]) -> Desk:
        """Bind who is lacking. Each binding ends the tokens of before, so the mini-program signs on anew after it."""
        self._file(parent, None)
        if "self" in lacking:
            body = {"document_no": parent.id_number, "name": parent.name, "phone": parent.phone}
            phone.post(f"{SSO}/my/persons/self", body)
            phone = self._settled(openid)
        if child is None or "child" not in lacking:
            return phone
        child_id = self._file(child, parent)
        wanted = {"document_no": child.id_number, "name": child.name}
        try:
            phone.post(f"{SSO}/my/persons/children", wanted)
        except Refused as refused:
            if refused.code != "guardian_proof_missing":
                raise
            # Somebody else brought the child first: this parent goes to the window with the household book.
            self.window.post(f"{PATIENTS}/patients/{child_id}/relations", {**_guardian(parent), "is_guardian": True})
            phone.post(f"{SSO}/my/persons/children", wanted)
        return self._settled(openid)

    def _file(self, person: Person, guardian: Person | None) -> str:
        """At the window: who is known already is found by the card."""
        body: dict[str, Any] = {
            "document": {"type": "resident_id", "number": person.id_number, "read_by": "chip"},
            "name": person.name,
            "sex": person.sex,
            "birth_date": person.birth_date.isoformat(),
            "phone": person.phone or (guardian.phone if guardian else None),
        }
        if guardian is not None:
            said = _guardian(guardian)
            body["guardian"] = {"relation": said.pop("kind"), **said}
        return str(self.window.post(f"{PATIENTS}/patients", body)["patient_id"])

    def _settled(self, openid: str) -> Desk:
        """Signed on until the token is accepted: one of the very second of a binding is refused, on purpose.

        A function may hear of the binding a few seconds later and refuse it then, so that second is let pass first.
        """
        for _ in range(SETTLES):
            self._wait(1)
            phone = self.program.account(openid, self.watch)
            try:
                for one in phone.get(f"{SSO}/my/persons"):
                    phone.get(f"{PATIENTS}/self/{one['patient_id']}")
            except Refused as refused:
                if refused.status not in (401, 404):
                    raise
                continue
            return phone
        raise LoginRefused(f"no token names the family within {SETTLES} sign-ons")

    def _wait(self, seconds: float) -> None:
        from gevent import sleep

        sleep(seconds)

    def _read_register(self, phone: Desk, patient_id: str) -> None:
        """The register page by page: newest first, nothing twice, every entry in words, the registration in it."""
        entries = all_items(phone, f"{PATIENTS}/self/{patient_id}/access-log", limit=20)
        self._expect(len({one["entry_id"] for one in entries}) == len(entries), "an entry stands in the register twice")
        moments = [one["at"] for one in entries]
        self._expect(moments == sorted(moments, reverse=True), "the register is out of order")
        acts = {one["action"] for one in entries}
        self._expect({"patient.registered", "person.bound", "patient.own_read"} <= acts, f"the register lacks {acts}")
        self._expect(all(one["action_label"] and one["campus_name"] for one in entries), "an entry without words")
        self.program.visits.opened += 1
        self.program.visits.entries += len(entries)

    def _ask_for_a_stranger(self, phone: Desk) -> None:
        """Of anybody else the mini-program says there is nobody."""
        for path in (f"{PATIENTS}/self/{uuid4()}/access-log", f"{PATIENTS}/self/{uuid4()}"):
            try:
                phone.get(path)
            except Refused as refused:
                if refused.code in _ANEW:
                    raise
                self._expect(refused.status == 404, f"a stranger's record was refused by {refused}")
            else:
                self._expect(False, "a stranger's record was shown")

    def _expect(self, holds: bool, failure: str) -> None:
        if not holds:
            self.program.visits.failures.append(failure)


def _named(persons: list[Any]) -> set[tuple[str, str]]:
    """Who is bound to an account: relation and name."""
    return {(one["relation"], one["name"]) for one in persons}


def _guardian(parent: Person) -> dict[str, Any]:
    """A parent as the window writes one down, document in hand."""
    return {
        "kind": "mother" if parent.sex == "2" else "father",
        "name": parent.name,
        "phone": parent.phone,
        "document_type": "resident_id",
        "document_no": parent.id_number,
    }


def _families(crowd: Mapping[int, Person]) -> list[tuple[Person, Person | None]]:
    """Parents with a phone and the child they act for, of today's crowd; where no child came, people by themselves."""
    owners = [person for person in crowd.values() if person.phone.startswith("1") and person.guardian is None]
    parents = {owner.number: owner for owner in owners}
    with_child = [
        (parents[child.guardian], child)
        for child in crowd.values()
        if child.guardian is not None and child.guardian in parents
    ]
    return list(dict(with_child).items()) or [(owner, None) for owner in owners]
