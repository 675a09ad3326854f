"""Sealed bags of cash (缴款袋) and the bank's courier who takes them (银行上门收款)."""

from datetime import datetime, timedelta
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.payments.cashier import rules
from functions.payments.cashier.models import BagSlip, CashBag, CashCollection
from functions.payments.cashier.problems import (
    BagAmountDiffers,
    BagCounted,
    BagStateDiffers,
    NothingToExplain,
    SlipReceived,
)
from functions.payments.cashier.queries import bags as queries
from functions.payments.cashier.schemas.bags import CountBag, ExplainBag, HandOver, OpenBag, SealBag
from shared.ids import new_id
from shared.money import ZERO
from shared.numbers import NUMBERINGS
from shared.problems import NotFound, Stale
from shared.tx import Tx

COLLECTION_NUMBERS = NUMBERINGS["payments.collection"]
NOT_BY_PACKERS = "银行清点结果须由封袋人、移交人以外的人员登记和说明。"


def seal_bag(tx: Tx, command: SealBag) -> CashBag:
    """Put deposit slips with their cash into a bag and seal it.

    Raises NotFound, SlipReceived, SlipBagged, SealUsed, and BagAmountDiffers when the slips say another sum than was
    counted into it.
    """
    wanted = sorted(set(command.hand_in_ids))
    slips = tx.session.all(queries.SLIPS_HELD, ids=wanted)
    if len(slips) != len(wanted):
        raise NotFound("所选缴款单有的不存在，请刷新待装袋清单后重新选择。")
    if received := [slip.hand_in_no for slip in slips if slip.shift_state == "received"]:
        raise SlipReceived(f"缴款单 {'、'.join(received)} 所在班次财务已确认收款，不再装袋，请取消勾选。")
    total = sum((slip.amount for slip in slips), ZERO)
    if total != command.amount:
        raise BagAmountDiffers(f"所选缴款单合计 {total} 元，与装袋点数 {command.amount} 元不符，请复点后再封袋。")
    bag = CashBag(
        bag_id=new_id(),
        campus_id=tx.campus,
        seal_no=command.seal_no,
        amount=total,
        slip_count=len(slips),
        sealed_by=tx.actor.subject,
        sealed_by_name=tx.actor.name,
        sealed_at=tx.now,
    )
    tx.session.add(bag)
    tx.session.add(*[BagSlip(bag_id=bag.bag_id, hand_in_id=slip.hand_in_id, campus_id=tx.campus) for slip in slips])
    tx.audit("bag.sealed", "cash_bag", bag.bag_id, amount=str(total), slips=len(slips))
    return bag


def open_bag(tx: Tx, bag_id: UUID, command: OpenBag) -> CashBag:
    """Unseal a bag that has not left: its slips are free for another. Raises BagStateDiffers, BagCounted."""
    bag = find_bag(tx, bag_id)
    opened = tx.session.first(
        queries.OPEN_BAG,
        id_=bag_id,
        seen=command.version,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
        why=command.reason,
    )
    if opened is None:
        raise _refusal(bag, "sealed", command.version)
    tx.session.execute(queries.FREE_SLIPS, id_=bag_id)
    tx.audit("bag.opened", "cash_bag", bag_id)
    return opened


def hand_over(tx: Tx, command: HandOver) -> CashCollection:
    """Hand sealed bags to the bank's courier; they get one numbered slip (交接单).

    Raises NotFound, BagStateDiffers for a bag that is opened or gone, Stale for one changed meanwhile.
    """
    seen = {one.bag_id: one.version for one in command.bags}
    bags = tx.session.all(queries.HOLD_BAGS, ids=list(seen))
    if len(bags) != len(seen):
        raise NotFound("所选缴款袋有的不存在，请刷新在途清单后重新选择。")
    for bag in bags:
        if bag.state != "sealed" or bag.version != seen[bag.bag_id]:
            raise _refusal(bag, "sealed", seen[bag.bag_id])
    collection = CashCollection(
        collection_id=new_id(),
        campus_id=tx.campus,
        collection_no=tx.document_number(COLLECTION_NUMBERS, organisation.campus(tx).letter),
        company=command.company,
        courier_name=command.courier_name,
        courier_no=command.courier_no,
        bag_count=len(bags),
        amount=sum((bag.amount for bag in bags), ZERO),
        handed_over_by=tx.actor.subject,
        handed_over_by_name=tx.actor.name,
        handed_over_at=tx.now,
    )
    tx.session.add(collection)
    tx.session.execute(queries.HAND_OVER, ids=list(seen), collection=collection.collection_id)
    tx.audit(
        "bags.handed_over", "cash_collection", collection.collection_id, amount=str(collection.amount), bags=len(bags)
    )
    return collection


def count_bag(tx: Tx, bag_id: UUID, command: CountBag) -> CashBag:
    """The bank's confirmation of a bag: what it counted, once. Raises BagCounted, BagStateDiffers, SamePerson."""
    bag = find_bag(tx, bag_id)
    if bag.state != "handed_over":
        raise _refusal(bag, "handed_over", command.version)
    _not_by_packers(tx, bag)
    counted = tx.session.first(
        queries.COUNT_BAG,
        id_=bag_id,
        seen=command.version,
        counted_=command.counted_amount,
        receipt=command.bank_receipt_no,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
    )
    if counted is None:
        raise _refusal(bag, "handed_over", command.version)
    tx.audit("bag.counted", "cash_bag", bag_id, counted=str(command.counted_amount), difference=str(counted.difference))
    return counted


def explain_bag(tx: Tx, bag_id: UUID, command: ExplainBag) -> CashBag:
    """What finance found about a difference; said once. Raises NothingToExplain, SamePerson, Stale."""
    bag = find_bag(tx, bag_id)
    if not bag.difference or bag.explained_at is not None:
        raise NothingToExplain("该缴款袋没有差异，或差异已说明，请刷新后核对。")
    _not_by_packers(tx, bag)
    explained = tx.session.first(
        queries.EXPLAIN_BAG,
        id_=bag_id,
        seen=command.version,
        why=command.explanation,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
    )
    if explained is None:
        raise Stale("该缴款袋已被他人办理，请刷新后再操作。", current_version=bag.version)
    tx.audit("bag.explained", "cash_bag", bag_id, difference=str(bag.difference))
    return explained


def find_bag(tx: Tx, bag_id: UUID) -> CashBag:
    """A bag the actor's campus may see; NotFound otherwise."""
    bag = tx.session.first(queries.BAG, bag_id=bag_id)
    if bag is None:
        raise NotFound("没有这个缴款袋，请核对封签号。")
    return bag


def find_collection(tx: Tx, collection_id: UUID) -> CashCollection:
    """A call of the courier the actor's campus may see; NotFound otherwise."""
    found = tx.session.first(queries.COLLECTION, collection_id=collection_id)
    if found is None:
        raise NotFound("没有这张交接单，请核对交接单号。")
    return found


def underway_days(bag: CashBag, now: datetime) -> int | None:
    """Whole days since a bag was sealed while the bank has not counted it."""
    return (now - bag.sealed_at) // timedelta(days=1) if bag.state in ("sealed", "handed_over") else None


def _not_by_packers(tx: Tx, bag: CashBag) -> None:
    handed = find_collection(tx, bag.collection_id).handed_over_by if bag.collection_id else None
    tx.assert_distinct([bag.sealed_by, handed], NOT_BY_PACKERS)


def _refusal(bag: CashBag, wanted: str, seen: int) -> BagCounted | BagStateDiffers | Stale:
    if bag.state == "counted":
        return BagCounted(f"缴款袋 {bag.seal_no} 已由银行清点 {bag.counted_amount} 元，不能重复办理。")
    if bag.state != wanted:
        wanted_name, is_name = rules.BAG_STATES[wanted], rules.BAG_STATES[bag.state]
        return BagStateDiffers(
            f"缴款袋 {bag.seal_no} 现为“{is_name}”，须为“{wanted_name}”才能办理，请刷新后核对。", state=bag.state
        )
    return Stale(f"缴款袋 {bag.seal_no} 已被他人办理，请刷新后再操作。", current_version=bag.version)
