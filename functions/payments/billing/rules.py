"""Rules of billing: amounts, states, tenders, refunds. Pure: no I/O, no clock."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from uuid import UUID

from shared.money import ZERO, Money, round_money

FEE_CLASSES: Mapping[str, str] = {
    "01": "床位费",
    "02": "诊察费",
    "03": "检查费",
    "04": "化验费",
    "05": "治疗费",
    "06": "手术费",
    "07": "护理费",
    "08": "卫生材料费",
    "09": "西药费",
    "10": "中药饮片费",
    "11": "中成药费",
    "12": "一般诊疗费",
    "13": "挂号费",
    "14": "其他费",
}
"""Fee classes of the medical receipt (财政票据, spec 01)."""


class Method(StrEnum):
    """Means of payment of a settlement."""

    CASH = "cash"
    WECHAT = "wechat"
    ALIPAY = "alipay"
    BANK_CARD = "bank_card"
    ECNY = "ecny"
    CONTRACT = "contract"
    DEBT = "debt"
    RELIEF = "relief"
    INSURANCE_FUND = "insurance_fund"
    INSURANCE_ACCOUNT = "insurance_account"
    MEDICAL_AID = "medical_aid"
    ROUNDING = "rounding"
    CARRIED = "carried"
    COURSE = "course"
    INPATIENT = "inpatient"
    BAD_DEBT = "bad_debt"


METHOD_NAMES: Mapping[str, str] = {
    "cash": "现金",
    "wechat": "微信支付",
    "alipay": "支付宝",
    "bank_card": "银行卡",
    "ecny": "数字人民币",
    "contract": "合同单位记账",
    "debt": "欠费",
    "relief": "减免",
    "insurance_fund": "医保统筹基金",
    "insurance_account": "医保个人账户",
    "medical_aid": "医疗救助",
    "rounding": "现金凑整",
    "carried": "结转",
    "course": "疗程预交",
    "inpatient": "转住院账户",
    "bad_debt": "欠费核销",
    "legacy": "存量预交金",
    "bank_transfer": "银行转账",
}
"""Names of means of payment, in the order reports list them; the last two only move old card balances."""

PAYER_KINDS: Mapping[str, str] = {
    "self_pay": "自费",
    "resident": "城乡居民医保",
    "employee": "职工医保",
    "contract": "合同单位",
}
"""费别 of a settlement."""

ACCEPTED = frozenset({Method.CASH, Method.CONTRACT, Method.DEBT, Method.RELIEF, Method.COURSE})
"""Means a window records by itself. The others are recorded by who proves them: gateway, insurance, billing itself."""

ELECTRONIC = frozenset({"wechat", "alipay", "bank_card", "ecny"})
INSURANCE = frozenset({"insurance_fund", "insurance_account", "medical_aid"})
"""What the insurer settles (2207) and takes back whole (2208)."""
_PROPORTIONAL = frozenset({"contract", "relief", "medical_aid", "insurance_fund"})
_RETURN_ORDER = (
    "debt",
    "bad_debt",
    "insurance_account",
    "course",
    "carried",
    "wechat",
    "alipay",
    "bank_card",
    "ecny",
    "inpatient",
    "cash",
    "rounding",
)

WINDOW_MINUTES, ONLINE_MINUTES = 5, 15
"""A started settlement is stale after so many minutes at a window or machine, or online (spec 01 no. 15)."""

CASHIER_LIMIT = Decimal("200.00")
LEAD_LIMIT = Decimal("2000.00")
LEAD_DAYS = 30
"""Refund approvals (spec 01): up to 200 yuan the cashier, up to 2,000 yuan and 30 days the lead, else finance."""

REASONS: Mapping[str, str] = {
    "patient": "患者要求",
    "mistake": "收费差错",
    "not_done": "项目未做",
    "doctor_cancelled": "医生取消",
    "doctor_absent": "医生停诊",
    "session_stopped": "停诊退号",
    "doctor_replaced": "替诊退差价",
    "out_of_stock": "药品缺货",
    "adverse_reaction": "不良反应",
    "returned": "退药退材料",
    "duplicate": "重复收费",
    "price_corrected": "价格更正",
    "moved_inpatient": "转住院",
}
"""Reasons of a refund or a withdrawal, by code."""

COURSES: Mapping[str, str] = {
    "rehabilitation": "康复",
    "tcm": "中医治疗",
    "dialysis": "血液透析",
    "orthodontics": "口腔正畸",
    "chemo_radiotherapy": "放化疗疗程",
    "antenatal_care": "产前保健",
    "child_care": "儿童保健",
    "day_surgery": "日间手术",
    "voluntary": "急诊、老年患者自愿",
}
"""Purposes for which the notice of 2025 leaves course prepayments open (国卫办财务发〔2025〕5号)."""


# -- numbers people read


def settlement_number(letter: str, day: date, number: int) -> str:
    """Number of a settlement: campus letter, yyMMdd, five digits (spec 01)."""
    return f"{letter}{day:%y%m%d}{number:05d}"


def refund_number(letter: str, day: date, number: int) -> str:
    """Number of a refund: campus letter, T (退费), yyMMdd, five digits."""
    return f"{letter}T{day:%y%m%d}{number:05d}"


def receipt_number(letter: str, day: date, number: int) -> str:
    """The campus's own number of a receipt: campus letter, P (票据), yyMMdd, five digits."""
    return f"{letter}P{day:%y%m%d}{number:05d}"


# -- preview


@dataclass(frozen=True, slots=True)
class PricedLine:
    """What of a line the patient was shown: its id, quantity, unit price and amount."""

    charge_id: UUID
    quantity: Decimal
    unit_price: Decimal
    amount: Money


def fingerprint(lines: Iterable[PricedLine]) -> str:
    """A short mark of a preview: it changes when a line, a quantity or a price does, and only then."""
    digest = hashlib.blake2b(digest_size=12)
    for line in sorted(lines, key=lambda line: line.charge_id):
        digest.update(f"{line.charge_id}:{line.quantity:.4f}:{line.unit_price:.4f}:{line.amount:.2f};".encode())
    return digest.hexdigest()


def stale(channel: str, started_at: datetime, now: datetime) -> bool:
    """Whether a started settlement has waited too long."""
    minutes = ONLINE_MINUTES if channel == "miniprogram" else WINDOW_MINUTES
    return now - started_at >= timedelta(minutes=minutes)


# -- states of a source


def source_state(statuses: Iterable[str]) -> str:
    """State of all lines of one source: none, one of the charge's own, or mixed.

    Lines that are gone (voided, refunded) count only when nothing else is left.
    """
    found = set(statuses)
    alive = found - {"voided", "refunded"}
    states = alive or found
    if not states:
        return "none"
    return states.pop() if len(states) == 1 else "mixed"


# -- refunds


def part_amount(amount: Money, quantity: Decimal, gone: Decimal, part: Decimal) -> Money:
    """What a part of a paid line is worth, after `gone` of it was given back already.

    The worth of the first q of a line is round(amount x q / quantity); a part is the difference of two such
    worths, so that the parts of a line always add up to exactly what was paid, whatever their order and size.
    """
    return round_money(amount * (gone + part) / quantity) - round_money(amount * gone / quantity)


@dataclass(frozen=True, slots=True)
class RefundCase:
    """What decides who may approve a refund."""

    amount: Money
    """This refund and all earlier ones of the settlement, so that none is split to stay below a limit."""
    own_shift: bool
    """The settlement was made in the open shift of who asks."""
    untouched: bool
    """No line of it was ever begun or handed out."""
    settled_at: datetime
    cash_instead: bool
    """Cash is asked for what was paid electronically."""


def refund_level(case: RefundCase, now: datetime) -> str:
    """Who approves: cashier (nobody else), lead (收费组长) or finance (spec 01 "Refund approvals")."""
    too_old = now - case.settled_at > timedelta(days=LEAD_DAYS)
    if case.amount > LEAD_LIMIT or too_old or case.cash_instead:
        return "finance"
    if case.own_shift and case.untouched and case.amount <= CASHIER_LIMIT:
        return "cashier"
    return "lead"


@dataclass(frozen=True, slots=True)
class Source:
    """What is left of a tender: where refunded money can go back to. Of carried money `method` is the first one's."""

    tender_id: UUID
    method: str
    remaining: Money


@dataclass(frozen=True, slots=True)
class Route:
    """So much goes back on a tender, by a means: the tender's own, or cash where finance allowed it.

    Negative for cash rounding that was given and is taken back with everything else.
    """

    tender_id: UUID
    method: str
    amount: Money


def refund_routes(sources: Sequence[Source], amount: Money, *, cash_instead: bool = False) -> list[Route]:
    """Split a refund over the tenders it was paid with (原路退回).

    Third parties (contract, relief, medical aid) take back their proportional share; of the rest a debt is reduced
    first, then electronic money goes back, cash last (spec 01 case 3). Refunding everything returns exactly what is
    left of each tender. `amount` is at most the sum of the sources.
    """
    everything = sum((source.remaining for source in sources), ZERO)
    if amount > everything:
        raise ValueError("more refunded than was paid")
    if amount == everything:
        return _routes([(source, source.remaining) for source in sources], cash_instead)
    solid = [source for source in sources if source.remaining > ZERO]
    most = sum((source.remaining for source in solid), ZERO)
    shared = [source for source in solid if source.method in _PROPORTIONAL]
    own = sorted(
        (source for source in solid if source.method not in _PROPORTIONAL),
        key=lambda source: _RETURN_ORDER.index(source.method),
    )
    routes: list[tuple[Source, Money]] = []
    given = before = ZERO
    for source in shared:
        before += source.remaining
        upto = round_money(amount * before / most)
        routes.append((source, upto - given))
        given = upto
    left = amount - given
    for source in own:
        part = min(left, source.remaining)
        routes.append((source, part))
        left -= part
    return _routes(routes, cash_instead)


def _routes(parts: Iterable[tuple[Source, Money]], cash_instead: bool) -> list[Route]:
    return [Route(source.tender_id, _means(source.method, cash_instead), part) for source, part in parts if part]


def _means(method: str, cash_instead: bool) -> str:
    return "cash" if cash_instead and method in ELECTRONIC else method


# -- insurance levels


@dataclass(frozen=True, slots=True)
class ByLevel:
    """What a bill holds of each insurance level (甲、乙、丙), and what of it the insured pays first (先行自付)."""

    amounts: Mapping[str, Money]
    self_paid_first: Money


def by_insurance_level(lines: Iterable[tuple[str | None, Decimal | None, Money]]) -> ByLevel:
    """Sum amounts by level, 甲 first; lines whose level nobody told are left out. Each line's share is rounded once."""
    amounts: dict[str, Money] = {}
    first = ZERO
    for level, ratio, amount in lines:
        if level is not None:
            amounts[level] = amounts.get(level, ZERO) + amount
            first += round_money(amount * ratio) if ratio is not None else ZERO
    return ByLevel({level: amounts[level] for level in ("甲", "乙", "丙") if level in amounts}, first)


# -- cash


def round_cash(amount: Money, step: Decimal) -> Money:
    """A sum of cash in the smallest step the campus handles: 0.01, or 0.10 half up (角)."""
    return round_money((amount / step).quantize(Decimal(1), rounding=ROUND_HALF_UP) * step)
