"""The realm's signing keys: each is good for 90 days, the next one stands beside it before it goes (spec 42).

A key is what tokens are believed by, so one that came from elsewhere is taken out like a role given by hand.
"""

from datetime import date, datetime, timedelta

from keycloak import KeycloakAdmin

from shared.identity.keycloak_admin import Report
from shared.schemas import SHANGHAI

KEY_LIFE = timedelta(days=90)
OVERLAP = timedelta(days=1)
"""How long the former key is still published: longer than any session, so whatever it signed has ended by then."""

_KIND = "org.keycloak.keys.KeyProvider"
_PREFIX = "his-"
_BORN = "rsa-generated"
"""The signing key every realm is born with; the first of ours takes its place."""
_NOT_SIGNING_TOKENS = frozenset({"aes-generated", "hmac-generated", "rsa-enc-generated"})


def keep_signing_keys(admin: KeycloakAdmin, now: datetime) -> Report:
    """Make the next key when the newest is 90 days old, retire the former a day later, take out strange ones.

    Works in the admin's current realm. What was taken out is in `removed`; a key made or retired in its time is in
    `created` or `updated`. Functions learn of a new key when they meet it (keys.SigningKeys).
    """
    report = Report()
    today = now.astimezone(SHANGHAI).date()
    ours: dict[date, str] = {}
    born: list[str] = []
    for provider in admin.get_components({"type": _KIND}):
        name, kind = str(provider["name"]), provider["providerId"]
        made_on = _made_on(name) if kind == "rsa-generated" else None
        if made_on is not None and made_on not in ours:
            ours[made_on] = provider["id"]
        elif kind == "rsa-generated" and name == _BORN:
            born.append(provider["id"])
        elif kind in _NOT_SIGNING_TOKENS:
            report.unchanged += 1
        else:
            admin.delete_component(provider["id"])
            report.removed.append(f"signing key {name}")
    newest = max(ours, default=None)
    if newest is None or today - newest >= KEY_LIFE:
        _make(admin, today)
        report.created.append(f"signing key {_PREFIX}{today:%Y%m%d}")
    elif today - newest >= OVERLAP:
        for made_on, provider_id in sorted(ours.items()):
            if made_on != newest:
                admin.delete_component(provider_id)
                report.updated.append(f"signing key {_PREFIX}{made_on:%Y%m%d} retired")
        for provider_id in born:
            admin.delete_component(provider_id)
            report.updated.append(f"signing key {_BORN} retired")
    report.unchanged += len(ours)
    return report


def _make(admin: KeycloakAdmin, today: date) -> None:
    """The newest signs: its priority is the day it was made."""
    config = {"priority": [str(today.toordinal())], "algorithm": ["RS256"], "keySize": ["2048"]}
    provider = {"name": f"{_PREFIX}{today:%Y%m%d}", "providerId": "rsa-generated", "providerType": _KIND}
    admin.create_component({**provider, "config": config})


def _made_on(name: str) -> date | None:
    try:
        return datetime.strptime(name, f"{_PREFIX}%Y%m%d").date()  # noqa: DTZ007  a day, no moment
    except ValueError:
        return None
