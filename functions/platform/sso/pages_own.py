"""Pages on which people set another password by themselves (设置新密码)."""

from html import escape

from functions.platform.sso.pages_cas import page
from functions.platform.sso.visitors import Reply

_FORM = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>设置新密码</title><style>
body{{font:16px/1.7 "Microsoft YaHei","PingFang SC",sans-serif;background:#f3f6f9;color:#1d2b36;margin:0}}
main{{max-width:32em;margin:8vh auto;padding:2em 2.2em;background:#fff;border-top:4px solid #0b6aa2}}
h1{{font-size:1.35em;margin:0 0 .6em}}p{{margin:.4em 0}}small{{color:#5b6b78}}
label{{display:block;margin:1em 0 .2em}}
input[type=password]{{width:100%;font:inherit;padding:.45em;box-sizing:border-box}}
button{{font:inherit;margin-top:1.4em;padding:.5em 1.6em;border:0;background:#0b6aa2;color:#fff}}
.refused{{color:#a3210f;font-weight:bold}}
</style></head><body><main><h1>设置新密码</h1><p>{name}（{number}）</p>{refused}
<form method="post" action="{address}"><input type="hidden" name="proof" value="{proof}">
<label for="password">新密码</label>
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="128" required autofocus>
<label for="again">再输一次</label>
<input id="again" name="again" type="password" autocomplete="new-password" maxlength="128" required>
<button>保存</button></form>
<p><small>至少 {least} 位，大写字母、小写字母、数字、符号至少三类；不含工号、姓名、电话、医院名称（包括拼音）；
不与最近 5 次相同，不用常见密码。请在 {minutes} 分钟内提交，提交后各处登录全部退出。</small></p></main></body></html>
"""
_HEADERS = (
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


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
    return Reply(422 if refused else 200, shown, headers=_HEADERS)


def done() -> Reply:
    """Another password is set."""
    return page("新密码已设置", "各处登录已全部退出。请返回业务系统，用新密码重新登录；共用电脑请关闭本页。")


def bound() -> Reply:
    """A key is bound."""
    return page(
        "安全密钥已登记", "忘记密码时，可在登录页旁的“用安全密钥重置密码”自行设置新密码。请妥善保管密钥和它的 PIN。"
    )
