"""The realm's signing keys: each is good for 90 days, the next one is published before it signs, and
the former stays until what it signed has ended (spec 42).

A key is what tokens are believed by, so one that came from elsewhere is taken out like a role given by hand.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from keycloak import KeycloakAdmin

from shared.identity.keycloak_admin import Report
from shared.identity.realm_policies import Representation
from shared.schemas import SHANGHAI

KEY_LIFE = timedelta(days=90)
NOTICE = timedelta(days=1)
"""How long the next key is published before it signs: partners that read the metadata once a day know it by then."""
OVERLAP = timedelta(days=1)
"""How long the former key is still published: longer than any session, so whatever it signed has ended by then."""

_KIND = "org.keycloak.keys.KeyProvider"
_PREFIX = "his-"
_BORN = "rsa-generated"
"""The signing key every realm is born with; the first of ours takes its place."""
_NOT_SIGNING_TOKENS = frozenset({"aes-generated", "hmac-generated", "rsa-enc-generated"})


class _Key(NamedTuple):
    """One of ours: when it was published, and whether it signs yet."""

    published: date
    component: Representation

    @property
    def name(self) -> str:
        return f"signing key {_PREFIX}{self.published:%Y%m%d}"

    @property
    def waits(self) -> bool:
        return bool(self.component["config"].get("active") == ["false"])


def keep_signing_keys(admin: KeycloakAdmin, now: datetime) -> Report:
    """Publish the next key when the newest is 90 days old, sign with it a day later, retire the former after another.

    Works in the admin's current realm. What was taken out, because it is none of ours, is in `removed`; what came and
    went in its time is in `created` and `updated`. Functions learn of a new key when they meet it (keys.SigningKeys).
    """
    report = Report()
    today = now.astimezone(SHANGHAI).date()
    ours, born = _settle(admin, report)
    report.unchanged += len(ours)
    if not ours:
        _publish(admin, report, today, signs=True)
        return report
    *former, newest = ours
    age = today - newest.published
    if newest.waits:
        if age >= NOTICE:
            _sign_with(admin, newest)
            report.updated.append(f"{newest.name} signs")
    elif age >= KEY_LIFE:
        _publish(admin, report, today, signs=False)
    elif age >= (NOTICE + OVERLAP if former else OVERLAP):
        for key in former:
            admin.delete_component(key.component["id"])
            report.updated.append(f"{key.name} retired")
        for provider_id in born:
            admin.delete_component(provider_id)
            report.updated.append(f"signing key {_BORN} retired")
    return report


def _settle(admin: KeycloakAdmin, report: Report) -> tuple[list[_Key], list[str]]:
    """Our keys from the oldest to the newest, and those the realm was born with; every other one is taken out."""
    ours: dict[date, _Key] = {}
    born: list[str] = []
    for provider in admin.get_components({"type": _KIND}):
        name, kind = str(provider["name"]), provider["providerId"]
        published = _published_on(name) if kind == "rsa-generated" else None
        if published is not None and published not in ours:
            ours[published] = _Key(published, provider)
        elif kind == "rsa-generated" and name == _BORN:
            born.append(provider["id"])
        elif kind in _NOT_SIGNING_TOKENS:
            report.unchanged += 1
        else:
            admin.delete_component(provider["id"])
            report.removed.append(f"signing key {name}")
    return [ours[day] for day in sorted(ours)], born


def _publish(admin: KeycloakAdmin, report: Report, today: date, *, signs: bool) -> None:
    """Of those that sign the newest does: its priority is the day it was published."""
    name = f"{_PREFIX}{today:%Y%m%d}"
    config = {"priority": [str(today.toordinal())], "algorithm": ["RS256"], "keySize": ["2048"]}
    config["active"] = ["true" if signs else "false"]
    admin.create_component({"name": name, "providerId": "rsa-generated", "providerType": _KIND, "config": config})
    report.created.append(f"signing key {name}")


def _sign_with(admin: KeycloakAdmin, key: _Key) -> None:
    config = {**key.component["config"], "active": ["true"]}
    admin.update_component(key.component["id"], {**key.component, "config": config})


def _published_on(name: str) -> date | None:
    try:
        return datetime.strptime(name, f"{_PREFIX}%Y%m%d").date()  # noqa: DTZ007  a day, no moment
    except ValueError:
        return None
