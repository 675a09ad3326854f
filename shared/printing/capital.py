"""Amounts in Chinese capital figures (大写金额), as receipts and vouchers must carry them.

Source: 中国人民银行《正确填写票据和结算凭证的基本规定》 (支付结算办法, 银发〔1997〕393号, 附一) articles 1-4, and
《会计基础工作规范》 article 51. Where the rule leaves a choice, the shorter form is taken: no 零 when only the
place of 万 or 元 is zero and the digit after it is not (107,000.53 is 壹拾万柒仟元伍角叁分).
"""

from decimal import Decimal
from itertools import pairwise

from shared.money import CENT

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿", "万亿")
_LIMIT = Decimal(10) ** 16


def capital_amount(amount: Decimal) -> str:
    """Write yuan as 壹佰贰拾叁元肆角伍分. Whole yuan and whole jiao end in 整.

    A negative amount (a refund) begins with 负. Raises ValueError for an amount with parts of a cent,
    or one of ten thousand billion (10^16) yuan and more: neither may be guessed on a voucher.
    """
    if not amount.is_finite() or amount != amount.quantize(CENT) or abs(amount) >= _LIMIT:
        raise ValueError(f"{amount} is no amount a voucher can carry")
    cents = int(abs(amount) * 100)
    yuan, jiao, fen = cents // 100, cents // 10 % 10, cents % 10
    parts = [_whole(yuan) + "元"] if yuan else []
    if jiao:
        # 元 place zero and 角 not: 零 may be written or left out; it is left out.
        parts.append(_DIGITS[jiao] + "角")
    elif fen and yuan:
        parts.append("零")
    parts.append(_DIGITS[fen] + "分" if fen else "整")
    if not cents:
        return "零元整"
    return ("负" if amount < 0 else "") + "".join(parts)


def _whole(yuan: int) -> str:
    groups: list[int] = []
    while yuan:
        yuan, group = divmod(yuan, 10_000)
        groups.append(group)
    written = [(index, value) for index, value in reversed(list(enumerate(groups))) if value]
    text = _group(written[0][1])
    for (index, _), (below, value) in pairwise(written):
        text += _unit(index, below)
        text += "零" if value < 1_000 or index - below > 1 else ""
        text += _group(value)
    return text + _GROUPS[written[-1][0]]


def _unit(index: int, below: int) -> str:
    """万亿 above a written 亿 group says only 万: 壹拾贰万叁仟亿, not 壹拾贰万亿叁仟亿."""
    return "万" if index == 3 and below == 2 else _GROUPS[index]


def _group(value: int) -> str:
    """Up to four digits: one 零 for any run of zeros between two others."""
    text = ""
    gap = False
    for place in (3, 2, 1, 0):
        digit = value // 10**place % 10
        if digit:
            text += ("零" if gap and text else "") + _DIGITS[digit] + _PLACES[place]
        gap = not digit
    return text
