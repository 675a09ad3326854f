"""What a monitoring rule finds in a day's charges: pure (spec 40, capability 13)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from functions.catalogue.prices.bill import plain
from shared.money import ZERO, Money, round_money


class Charged(Protocol):
    """What one patient was charged of one item in a day."""

    @property
    def patient_id(self) -> UUID: ...
    @property
    def item_code(self) -> str: ...
    @property
    def lines(self) -> int: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def amount(self) -> Decimal: ...
    @property
    def charge_ids(self) -> Sequence[UUID]: ...
    @property
    def units(self) -> Sequence[UUID | None]: ...


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule as it looks at a day."""

    rule_id: UUID
    kind: str
    title: str
    item_codes: frozenset[str]
    params: Mapping[str, Any]

    @property
    def codes(self) -> frozenset[str]:
        """Every item it must see."""
        return self.item_codes | frozenset(self.params.get("others", ()))


@dataclass(frozen=True, slots=True)
class Found:
    """A finding: `amount` is what was charged too much as the rule reckons."""

    rule_id: UUID
    patient_id: UUID
    item_code: str
    charge_ids: tuple[UUID, ...]
    unit_id: UUID | None
    amount: Money
    message: str


def look(watch: Watch, day: Iterable[Charged]) -> list[Found]:
    """What a rule finds, patient by patient."""
    patients: dict[UUID, list[Charged]] = defaultdict(list)
    for line in day:
        if line.item_code in watch.codes:
            patients[line.patient_id].append(line)
    return [found for lines in patients.values() for found in _LOOKS[watch.kind](watch, lines)]


def _duplicate(watch: Watch, lines: Sequence[Charged]) -> Iterator[Found]:
    allowed = int(watch.params.get("times", 1))
    for line in lines:
        if line.lines > allowed:
            extra = round_money(line.amount * (line.lines - allowed) / line.lines)
            yield _found(watch, line, extra, f"{watch.title}：一日记账 {line.lines} 次，超过 {allowed} 次。")


def _over_quantity(watch: Watch, lines: Sequence[Charged]) -> Iterator[Found]:
    most = Decimal(str(watch.params["quantity"]))
    for line in lines:
        if line.quantity > most:
            extra = round_money(line.amount * (line.quantity - most) / line.quantity)
            yield _found(watch, line, extra, f"{watch.title}：一日共 {plain(line.quantity)}，超过 {plain(most)}。")


def _beside(watch: Watch, lines: Sequence[Charged]) -> Iterator[Found]:
    others = [line for line in lines if line.item_code in watch.params.get("others", ())]
    for line in lines:
        if line.item_code in watch.item_codes and others:
            beside = "、".join(sorted({other.item_code for other in others}))
            yield _found(watch, line, round_money(line.amount), f"{watch.title}：与 {beside} 同日收取。")


def _many_lines(watch: Watch, lines: Sequence[Charged]) -> Iterator[Found]:
    parts = sorted((line for line in lines if line.item_code in watch.item_codes), key=lambda line: line.item_code)
    if len(parts) >= int(watch.params["times"]):
        charge_ids = tuple(charge for line in parts for charge in line.charge_ids)
        amount = sum((line.amount for line in parts), ZERO)
        message = f"{watch.title}：一日分解为 {len(parts)} 个项目收取。"
        yield Found(
            watch.rule_id, parts[0].patient_id, parts[0].item_code, charge_ids, parts[0].units[0], amount, message
        )


_LOOKS = {
    "duplicate": _duplicate,
    "over_quantity": _over_quantity,
    "beside": _beside,
    "many_lines": _many_lines,
}


def _found(watch: Watch, line: Charged, amount: Money, message: str) -> Found:
    return Found(watch.rule_id, line.patient_id, line.item_code, tuple(line.charge_ids), line.units[0], amount, message)
