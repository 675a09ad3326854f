"""Corrections (更正): a price that was wrong is put right by three people; what was charged since is billing's list."""

from typing import Literal
from uuid import UUID

from events.catalogue import PriceCorrected
from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices import rules
from functions.catalogue.prices.models import PriceCorrection, PriceVersion
from functions.catalogue.prices.problems import CorrectionStateWrong, CorrectionWrong
from functions.catalogue.prices.queries import procedures as queries
from functions.catalogue.prices.schemas.procedures import DecideCorrection, ProposeCorrection
from functions.catalogue.prices.service.items import require_head
from functions.catalogue.prices.service.pricing import tell_price
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

Office = Literal["price", "finance", "director"]
OFFICES: tuple[Office, ...] = ("price", "finance", "director")


def propose_correction(tx: Tx, command: ProposeCorrection) -> PriceCorrection:
    """Report a wrong price with the right one. Nothing changes before the third approval.

    Raises CorrectionWrong for a price that was never in force or is right, CorrectionOpen, PriceAboveCeiling.
    """
    wrong = _version(tx, command.version_id)
    if wrong.status != "checked" or wrong.valid_from >= tx.now:
        raise CorrectionWrong("只能更正已经执行过的价格；未生效的价格请直接取消。", current_status=wrong.status)
    if wrong.unit_price == command.right_price:
        raise CorrectionWrong("更正后的价格与原价格相同，请核对。")
    rules.require_ceiling(command.right_price, wrong.ceiling)
    item = tx.session.one(catalogue.ITEM_OF, item_id=wrong.item_id)
    correction = PriceCorrection(
        correction_id=new_id(),
        item_code=item.code,
        wrong_version_id=wrong.version_id,
        campus_id=wrong.campus_id,
        wrong_price=wrong.unit_price,
        right_price=command.right_price,
        affected_from=wrong.valid_from,
        reason=command.reason,
        basis_document=command.basis_document,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    tx.session.add(correction)
    tx.audit("price_correction.proposed", "price_version", wrong.version_id, right=str(command.right_price))
    return correction


def decide_correction(tx: Tx, correction_id: UUID, office: Office, command: DecideCorrection) -> PriceCorrection:
    """One of the three approvals (物价、财务、分管院长), by three people who did not propose it; or the refusal.

    The third makes it effective: the wrong price ends now, the right one follows until the wrong one's own end, and
    `price_corrected` tells which charges were affected. The old version stays readable.
    """
    found = tx.session.first(queries.LOCK_CORRECTION, correction_id=correction_id)
    if found is None:
        raise NotFound("没有这份更正，请刷新后重试。")
    if found.campus_id is None:
        require_head(tx)
    tx.check_version(found.version, command.version)
    approvals: dict[Office, str | None] = {
        "price": found.approved_price,
        "finance": found.approved_finance,
        "director": found.approved_director,
    }
    if found.status != "proposed" or approvals[office] is not None:
        raise CorrectionStateWrong("该更正已办结，或本部门已审批，请刷新后核对。", current_status=found.status)
    tx.assert_distinct([found.maker, *approvals.values()], "更正的提出与物价、财务、分管院长审批须由不同人员办理。")
    if command.passed:
        approvals[office] = tx.actor.subject
    effective = command.passed and all(approvals.values())
    right = _put_right(tx, found, approvals["price"] or "") if effective else None
    wrong = _version(tx, found.wrong_version_id)
    until = min(wrong.valid_to, tx.now) if wrong.valid_to is not None else tx.now
    decided = tx.session.first(
        queries.DECIDE_CORRECTION,
        id_=correction_id,
        seen=found.version,
        price_office=approvals["price"],
        finance=approvals["finance"],
        director=approvals["director"],
        to="effective" if effective else "proposed" if command.passed else "rejected",
        until=until if effective else None,
        right_version=right.version_id if right else None,
        at=tx.now if effective or not command.passed else None,
    )
    if decided is None:
        raise Stale("该更正刚被他人处理，请刷新后再操作。")
    if effective:
        tx.emit(
            PriceCorrected(
                correction_id=correction_id,
                item_id=wrong.item_id,
                code=found.item_code,
                wrong_version_id=found.wrong_version_id,
                right_version_id=right.version_id if right else None,
                wrong_price=found.wrong_price,
                right_price=found.right_price,
                affected_from=found.affected_from,
                affected_to=until,
                campus_code=found.campus_id,
            )
        )
    tx.audit("price_correction.decided", "price_correction", correction_id, office=office, passed=command.passed)
    return decided


def correction(tx: Tx, correction_id: UUID) -> PriceCorrection:
    """A correction by id. Raises NotFound."""
    found = tx.session.first(queries.CORRECTION, correction_id=correction_id)
    if found is None:
        raise NotFound("没有这份更正，请刷新后重试。")
    return found


def corrections(tx: Tx, before: UUID, limit: int) -> list[PriceCorrection]:
    """Corrections, latest first."""
    return tx.session.all(queries.CORRECTIONS, before=before, limit=limit)


def _put_right(tx: Tx, found: PriceCorrection, checker: str) -> PriceVersion | None:
    """End the wrong price now and let the right one follow; None when the wrong one had ended already."""
    wrong = tx.session.one(catalogue.PRICE, version_id=found.wrong_version_id)
    if wrong.valid_to is not None and wrong.valid_to <= tx.now:
        return None
    right = PriceVersion(
        version_id=new_id(),
        item_id=wrong.item_id,
        level=wrong.level,
        payer_class=wrong.payer_class,
        campus_id=wrong.campus_id,
        valid_from=tx.now,
        valid_to=wrong.valid_to,
        unit_price=found.right_price,
        ceiling=wrong.ceiling,
        basis_document=found.basis_document,
        status="checked",
        maker=found.maker,
        made_at=found.made_at,
        checker=checker,
        checked_at=tx.now,
        succeeded_by=wrong.succeeded_by,
    )
    tx.session.execute(queries.END_WRONG, id_=wrong.version_id, until=tx.now, successor=right.version_id)
    tx.session.add(right)
    tell_price(tx, right, found.item_code, wrong.unit_price, tx.now)
    return right


def _version(tx: Tx, version_id: UUID) -> PriceVersion:
    rows = tx.session.all(catalogue.PRICES_BY_ID, version_ids=[version_id])
    if not rows:
        raise NotFound("没有这条价格，请刷新后重试。")
    price = rows[0]
    if price.campus_id is None:
        require_head(tx)
    elif price.campus_id != tx.campus:
        raise NotFound("没有这条价格，请刷新后重试。")
    return price
