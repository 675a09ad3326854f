"""What the realm answers when a browser comes back from its login page with a code: whose sign-on it was."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from functions.platform.sso import client, directory
from functions.platform.sso.problems import RealmOutOfReach
from shared.identity.keys import SigningKeys, http_fetch
from shared.problems import Problem

ALGORITHMS = ("RS256", "ES256")
_UNREACHABLE = "认证服务暂时没有应答，请稍后再试；急用时按应急流程办理。"


def realm_answer(client_id: str, code: str, verifier: str, back: str) -> Mapping[str, Any]:
    """Change a code for the claims it stands for; none where the realm took it for no code of this client's. Raises
    RealmOutOfReach."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "client_id": client_id,
        "client_secret": _secret(client_id),
        "code_verifier": verifier,
    }
    try:
        answer = client.post_form(f"{directory.configuration().issuer}/protocol/openid-connect/token", form)
    except client.NoAnswer:
        raise RealmOutOfReach(_UNREACHABLE) from None
    if answer.status == 401:
        _secrets.cache_clear()  # the client was made anew: the next one has the new secret
    if answer.status >= 500:
        raise RealmOutOfReach(_UNREACHABLE)
    return verified(str(answer.json().get("id_token", "")), client_id)


def verified(token: str, audience: str | None) -> Mapping[str, Any]:
    """Claims of a token the realm has signed; none of any other."""
    import jwt

    settings = directory.configuration()
    try:
        key = _keys(settings.jwks_url).get(str(jwt.get_unverified_header(token).get("kid", "")))
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=audience,
            issuer=settings.issuer,
            leeway=30,
            options={"require": ["iss", "aud", "iat"], "verify_aud": audience is not None},
        )
    except (jwt.PyJWTError, Problem):
        return {}
    return found


@lru_cache(maxsize=64)
def _secrets(client_id: str, issuer: str) -> str:
    return directory.Directory().secret_of(client_id)


def _secret(client_id: str) -> str:
    try:
        return _secrets(client_id, directory.configuration().issuer)
    except (KeyError, TypeError):
        raise RealmOutOfReach("该系统刚刚登记，认证服务尚未同步，请一分钟后再试。") from None


@lru_cache(maxsize=4)
def _keys(address: str) -> SigningKeys:
    return SigningKeys(http_fetch(address), ALGORITHMS)
