"""Rules of the drawer: denominations, what is due, what a count means. No I/O."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from functions.payments.cashier.problems import DenominationUnknown, FloatPieces, ReceiptRangeInvalid
from shared.money import ZERO, Money, round_money

FACES = tuple(
    Decimal(face) for face in ("100", "50", "20", "10", "5", "2", "1", "0.5", "0.2", "0.1", "0.05", "0.02", "0.01")
)
"""Notes and coins of the renminbi that are legal tender, in yuan."""

CHANNELS = {"window": "收费窗口", "kiosk": "自助机", "miniprogram": "微信小程序", "system": "系统自动"}
"""Where money comes in. All but the window work in a virtual shift of a day and take no cash (spec 01)."""

COUNTS_ALLOWED = 2
"""One blind count and one recount; more would let a cashier search for the figure (hospital rule)."""

STATES = {"open": "收款中", "counting": "点款中", "closed": "已日结", "received": "财务已收款"}


def denomination_sum(denominations: Mapping[str, int]) -> Money:
    """The value of counted notes and coins. Raises DenominationUnknown for a face that does not exist."""
    total = ZERO
    for face, pieces in denominations.items():
        if Decimal(face) not in FACES:
            raise DenominationUnknown(f"没有面值 {face} 元的人民币，请核对后重新填写。")
        total += Decimal(face) * pieces
    return round_money(total)


def denominations_by_face(lines: Sequence[tuple[Decimal, int]]) -> dict[str, int]:
    """Pieces by face value, the largest first; lines of one face are added, empty ones left out."""
    pieces: dict[Decimal, int] = {}
    for face, count in lines:
        pieces[face.normalize()] = pieces.get(face.normalize(), 0) + count
    return {format(face, "f"): count for face, count in sorted(pieces.items(), reverse=True) if count}


def float_by_pieces(counted: Mapping[str, int], kept: Mapping[str, int], told: Money | None) -> Money:
    """The float that stays as notes and coins out of those counted. Raises FloatPieces when they are not among them,
    or are worth another sum than the cashier told."""
    if short := [face for face, pieces in kept.items() if pieces > counted.get(face, 0)]:
        raise FloatPieces(f"留存的 {'、'.join(short)} 元券多于实点张数，请核对留存备用金的券别。")
    total = denomination_sum(kept)
    if told is not None and told != total:
        raise FloatPieces(f"留存券别合计 {total} 元与留存备用金 {told} 元不符，请核对。")
    return total


def channel_shift_number(letter: str, day: date, channel: str) -> str:
    """Number of the one shift a channel has on a day."""
    return f"{letter}B{day:%y%m%d}-{channel}"


LONGEST_BOOKLET = 10_000
"""Paper receipts one cashier may hold; more is a typing error."""
_PAPER_NUMBER = re.compile(r"((?:[A-Z0-9]*[A-Z])?)([0-9]{1,20})")
"""The letters of a series (字轨), then the number."""


def require_booklet(first: str | None, last: str | None) -> None:
    """Paper receipts taken for a shift (领用号段) have a first and a last number of one series. ReceiptRangeInvalid."""
    if first is None and last is None:
        return
    if first is None or last is None:
        raise ReceiptRangeInvalid("票据号段须同时填写起号和止号；没有领用纸质票据的，两项都不填。")
    begins, ends = _PAPER_NUMBER.fullmatch(first), _PAPER_NUMBER.fullmatch(last)
    if begins is None or ends is None or len(first) != len(last):
        raise ReceiptRangeInvalid("起号、止号须按票面填写：位数相同，只含大写字母和数字，以数字结尾。")
    if begins[1] != ends[1]:
        raise ReceiptRangeInvalid("起号、止号不是同一票据字轨，请核对票面号码。")
    if first > last:
        raise ReceiptRangeInvalid(f"起号 {first} 大于止号 {last}，请核对后重新填写。")
    pieces = int(ends[2]) - int(begins[2]) + 1
    if pieces > LONGEST_BOOKLET:
        raise ReceiptRangeInvalid(f"号段共 {pieces} 张，超过一次可领用的 {LONGEST_BOOKLET} 张，请核对止号。")


BAG_STATES = {"sealed": "已封袋", "opened": "已拆封", "handed_over": "银行在途", "counted": "银行已清点"}
FLOAT_STATES = {"offered": "待确认", "confirmed": "已确认", "withdrawn": "已撤回"}
FLOAT_DIRECTIONS = {"raise": "增加", "lower": "减少"}
