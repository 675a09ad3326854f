"""Our own page for another password (设置新密码): after a sign-on just made, or by a security key with its PIN.

Whoever has to set another before a program of another maker lets him in is led here by the realm (flows.py). What the
realm proves is sealed into the form, for ten minutes and one password; nothing of it is kept.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, pages_own, queries_passwords, rules_cas
from functions.platform.sso import rules_passwords as rules
from functions.platform.sso.pages import onward
from functions.platform.sso.problems import AccountShut
from functions.platform.sso.problems_offline import WeakPassword
from functions.platform.sso.problems_passwords import KnownPassword, NotProved, PageLost
from functions.platform.sso.schemas_reset import NewPassword
from functions.platform.sso.service.answering import realm_answer
from functions.platform.sso.service.changing_over import end_former, shut_out_now
from functions.platform.sso.service.passwords import is_privileged, password_changed, tell_owner, words_of
from functions.platform.sso.service.realm import PASSWORD_PAGE, asks_second_factor
from functions.platform.sso.service.resetting import password_reset
from functions.platform.sso.visitors import Asked, Reply
from shared.column_cipher import SealBroken, cipher
from shared.identity.own_pages import KEY_CLIENT, PAGE_CLIENT
from shared.identity.problems import SecondFactorRequired
from shared.identity.rights import STRONG_METHODS
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

GOOD_FOR = timedelta(minutes=10)
_ABOUT = "platform.sso.own_page"
_CLIENTS = {"sign-on": PAGE_CLIENT, "bind": PAGE_CLIENT, "key": KEY_CLIENT}
_PROVED_BY = {"sign-on": "pwd", "bind": "pwd", "key": "hwk"}
_AGAIN = "请重新打开“设置新密码”页面，按提示验证身份。"
_PASSWORD: TypeAdapter[str] = TypeAdapter(NewPassword)


def own_page(steps: Steps, asked: Asked) -> Reply:
    """Send the browser to the realm's login page, which asks for the password of now."""
    return _asking(steps, "sign-on")


def own_page_by_key(steps: Steps, asked: Asked) -> Reply:
    """Send the browser to the realm's page that asks for a security key and its PIN, and for no name."""
    return _asking(steps, "key")


def bind_key(steps: Steps, asked: Asked) -> Reply:
    """Send the browser to the realm to bind a security key, after a sign-on with the password of now."""
    return _asking(steps, "bind")


def own_page_back(steps: Steps, asked: Asked) -> Reply:
    """The realm has proved who it is: the form. Raises PageLost, NotProved, AccountShut, SecondFactorRequired,
    RealmOutOfReach."""
    name = rules_cas.sign_on_cookie(asked.text("state"))
    way = rules_cas.unpacked(asked.cookies.get(name, ""))
    now = steps.clock()
    if way is None or way.state != asked.text("state") or way.service not in _CLIENTS:
        raise PageLost(f"浏览器没有保存 Cookie，或页面已用过。{_AGAIN}")
    asked_at = datetime.fromtimestamp(way.asked_at, UTC)
    if not now - asked_at < rules_cas.SIGN_ON_WITHIN:
        raise PageLost(f"验证已超过 10 分钟。{_AGAIN}")
    claims = realm_answer(_CLIENTS[way.service], asked.text("code"), way.verifier, f"{_address()}/back")
    sid = claims.get("sid")
    if way.service == "key" and isinstance(sid, str):  # a key alone leaves nobody signed on
        end_former(steps, None, sid)
    try:
        staff_id, proved_at = UUID(claims["sub"]), datetime.fromtimestamp(claims["auth_time"], UTC)
        methods, issued_at = frozenset(claims["amr"]), int(claims["iat"])
        right = claims["nonce"] == way.nonce and proved_at >= asked_at - rules_cas.FRESH_SKEW
    except (KeyError, TypeError, ValueError):
        raise NotProved(f"认证服务没有确认身份，或已取消。{_AGAIN}") from None
    if not right or _PROVED_BY[way.service] not in methods:
        raise NotProved(f"须在认证服务的页面上重新验证身份。{_AGAIN}")
    if way.service != "key" and asked.denied(str(staff_id), sid, issued_at):
        raise AccountShut("账号已停用、已退出或屏幕已锁定，请重新登录或联系信息科。")
    if way.service == "bind":
        if asked.text("kc_action_status") != "success":
            raise NotProved("安全密钥没有登记成功，请重新登记；仍不行请换一个支持 PIN 的安全密钥。")
        steps.step(lambda tx: tx.audit("security_key.bound", "staff", staff_id))
        return pages_own.bound()
    proof = _Proof(str(staff_id), way.service, int(now.timestamp() * 1000), not methods.isdisjoint(STRONG_METHODS))
    return _form(steps.step(lambda tx: _owner(tx, proof)), proof)


def own_password(steps: Steps, asked: Asked) -> Reply:
    """Set another password on the proof in the form; every session ends.

    What the rule refuses is said in the form again. Raises PageLost, AccountShut, SecondFactorRequired,
    RealmOutOfReach.
    """
    proof = _opened(asked.text("proof"), steps.clock())
    staff_id = UUID(proof.staff_id)
    try:
        password = _typed(asked)
        owner = steps.step(lambda tx: _judged(tx, proof, password))
        door = directory.Directory()
        account_id = door.account_of(owner.username)
        if account_id is None or not door.choose_password(account_id, password):
            raise WeakPassword("新密码不能与最近 5 次用过的相同，请换一个。")
    except (WeakPassword, KnownPassword) as refusal:
        return _form(steps.step(lambda tx: _owner(tx, proof)), proof, f"{refusal.title}：{refusal.detail}")
    steps.step(lambda tx: _done(tx, proof, owner))
    tell_owner(steps, door, staff_id)
    return pages_own.done()


# -- inside


class _Proof(NamedTuple):
    """Who has proved to be it, how, and when."""

    staff_id: str
    way: str
    at: int
    """Unix milliseconds."""
    strong: bool
    """By something beside the password."""


class _Owner(NamedTuple):
    staff_no: str
    username: str
    name: str
    privileged: bool
    least: int


def _address() -> str:
    return f"{directory.configuration().host_url.rstrip('/')}{PASSWORD_PAGE}"


def _asking(steps: Steps, way: str) -> Reply:
    settings = directory.configuration()
    sign_on = rules_cas.new_sign_on(way, renew=way != "key", gateway=False, now=steps.clock())
    query = rules_cas.question(sign_on, _CLIENTS[way], f"{_address()}/back")
    if way == "bind":
        query += "&kc_action=webauthn-register-passwordless"
    cookie = rules_cas.set_cookie(
        rules_cas.sign_on_cookie(sign_on.state),
        rules_cas.packed(sign_on),
        secure=settings.host_url.startswith("https:"),
        seconds=int(rules_cas.SIGN_ON_WITHIN.total_seconds()),
        path=PASSWORD_PAGE,
    )
    return onward(f"{settings.issuer}/protocol/openid-connect/auth?{query}", (cookie,))


def _form(owner: _Owner, proof: _Proof, refused: str = "") -> Reply:
    return pages_own.form(
        address=PASSWORD_PAGE,
        name=owner.name,
        number=owner.staff_no,
        proof=cipher().seal(json.dumps(proof), _ABOUT),
        least=owner.least,
        minutes=int(GOOD_FOR.total_seconds()) // 60,
        refused=refused,
    )


def _opened(sealed: str, now: datetime) -> _Proof:
    try:
        proof = _Proof(*json.loads(cipher().open(sealed, _ABOUT)))
    except SealBroken:
        raise PageLost(f"提交的内容不完整。{_AGAIN}") from None
    if now - _moment(proof) >= GOOD_FOR:
        raise PageLost(f"验证已超过 10 分钟。{_AGAIN}")
    return proof


def _moment(proof: _Proof) -> datetime:
    return datetime.fromtimestamp(proof.at / 1000, UTC)


def _typed(asked: Asked) -> str:
    try:
        password = _PASSWORD.validate_python(asked.text("password"))
    except ValidationError:
        raise WeakPassword("新密码为 1 至 128 个可见字符，请重新输入。") from None
    if password != asked.text("again"):
        raise WeakPassword("两次输入的新密码不一致，请重新输入。")
    return password


def _owner(tx: Tx, proof: _Proof) -> _Owner:
    """Whose password it is, if the proof is enough for it."""
    staff_id = UUID(proof.staff_id)
    try:
        person, shut = organisation.staff_member(tx, staff_id), shut_out_now(tx, staff_id)
    except Problem as refusal:
        if refusal.status != 404:
            raise
        raise AccountShut("只有在册职工能在此设置密码；应急账号和患者账号不能。") from None
    if shut:
        raise AccountShut("账号已冻结或已停用，请联系信息科。")
    state = tx.session.first(queries_passwords.STATE, whose=staff_id)
    if state is not None and state.set_at >= _moment(proof):
        raise PageLost(f"此页面提交前密码刚刚改过。{_AGAIN}")
    privileged = is_privileged(held.post for held in organisation.posts_of(tx, staff_id))
    if privileged and not proof.strong and asks_second_factor(directory.configuration()):
        raise SecondFactorRequired("特权岗位须用密码加动态口令验证后才能改密；尚未绑定的，登录时按页面提示绑定。")
    least = rules.LEAST_PRIVILEGED if privileged else rules.LEAST
    return _Owner(person.staff_no, person.staff_no.lower(), person.name, privileged, least)


def _judged(tx: Tx, proof: _Proof, password: str) -> _Owner:
    staff_id = UUID(proof.staff_id)
    owner = _owner(tx, proof)
    rules.check_password(password, owner.least, words_of(tx, staff_id))
    tx.audit("password.changing", "staff", staff_id, way=proof.way)
    return owner


def _done(tx: Tx, proof: _Proof, owner: _Owner) -> None:
    staff_id = UUID(proof.staff_id)
    if proof.way == "key":
        password_reset(tx, staff_id, privileged=owner.privileged, way="key", place="own page")
    else:
        password_changed(tx, staff_id, owner.least)
