"""Pages on which people set another password by themselves (设置新密码)."""

from html import escape

from functions.platform.sso.pages import document, page
from functions.platform.sso.visitors import Reply

_FORM = """<p>{name}（{number}）</p>{refused}
<form method="post" action="{address}"><input type="hidden" name="proof" value="{proof}">
<label for="password">新密码</label>
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="128" required autofocus>
<label for="again">再输一次</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="128" required>
<button>保存</button></form>
<p><small>至少 {least} 位，大写字母、小写字母、数字、符号至少三类；不含工号、姓名、电话、医院名称（包括拼音）；
不与最近 5 次相同，不用常见密码。请在 {minutes} 分钟内提交，提交后各处登录全部退出。</small></p>"""


def form(*, address: str, name: str, number: str, proof: str, least: int, minutes: int, refused: str = "") -> Reply:
    """The form for another password; `refused`: why the last one was not taken."""
    shown = _FORM.format(
        address=escape(address),
        name=escape(name),
        number=escape(number),
        proof=escape(proof),
        least=least,
        minutes=minutes,
        refused=f'<p class="refused" role="alert">{escape(refused)}</p>' if refused else "",
    )
    return document("设置新密码", shown, status=422 if refused else 200)


def done() -> Reply:
    """Another password is set."""
    return page("新密码已设置", "各处登录已全部退出。请返回业务系统，用新密码重新登录；共用电脑请关闭本页。")


def bound() -> Reply:
    """A key is bound."""
    return page(
        "安全密钥已登记", "忘记密码时，可在登录页旁的“用安全密钥重置密码”自行设置新密码。请妥善保管密钥和它的 PIN。"
    )
