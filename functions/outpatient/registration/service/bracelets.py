"""Bracelets with visit numbers made beforehand, for many casualties at once (批量伤员)."""

from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Bracelet, BraceletBatch
from functions.outpatient.registration.problems import BatchClosed, BraceletNotFree
from functions.outpatient.registration.queries import records
from functions.outpatient.registration.schemas import ChangeVersion, PrepareBracelets
from functions.outpatient.registration.service.entering import VISIT_NUMBERS
from functions.outpatient.registration.service.reading import emergency_clinic
from shared.ids import new_id
from shared.numbers import TAKE_NUMBER
from shared.problems import NotFound
from shared.tx import Tx


def prepare_bracelets(tx: Tx, command: PrepareBracelets) -> tuple[BraceletBatch, list[Bracelet]]:
    """Make bracelets ready (批量登记): each carries a visit number, so that a casualty needs no other one later.

    A bracelet becomes a visit when it is put on a patient (`register_emergency`, `bracelet_no`).
    """
    clinic = emergency_clinic(tx, command.clinic_id)
    letter = organisation.campus(tx).letter
    batch = BraceletBatch(
        batch_id=new_id(),
        campus_id=tx.campus,
        kind=command.kind,
        title=command.title,
        unit_id=clinic.unit_id,
        clinic_id=clinic.clinic_id,
        size=command.size,
        prepared_at=tx.now,
        prepared_by=tx.actor.subject,
    )
    tx.session.add(batch)
    period = VISIT_NUMBERS.period(tx.now)
    taken = [
        tx.session.send(TAKE_NUMBER, campus_id=tx.campus, series=VISIT_NUMBERS.name, period=period)
        for _ in range(command.size)
    ]
    bracelets = [
        Bracelet(
            visit_no=rules.visit_number(letter, tx.today, number.one()), campus_id=tx.campus, batch_id=batch.batch_id
        )
        for number in taken
    ]
    tx.session.add(*bracelets)
    tx.audit("bracelets.prepared", "bracelet_batch", batch.batch_id, size=command.size)
    return batch, bracelets


def batches(tx: Tx, before: UUID, limit: int) -> list[BraceletBatch]:
    """Batches of the acting campus, the latest first."""
    return tx.session.all(records.BATCHES, campus=tx.campus, before=before, limit=limit)


def bracelets_to_print(tx: Tx, batch_id: UUID) -> list[str]:
    """The numbers of a batch nobody wears yet, to be printed; the print is traced. Raises BatchClosed, BraceletNotFree.

    A bracelet somebody wears is printed anew with the patient's name, from the visit.
    """
    batch, bracelets = read_batch(tx, batch_id)
    if batch.closed_at is not None:
        raise BatchClosed("该批次已结束，腕带号已作废，不能打印。")
    free = [bracelet.visit_no for bracelet in bracelets if bracelet.status == "free"]
    if not free:
        raise BraceletNotFree("该批次的腕带均已佩戴；需要重打的请从就诊记录打印腕带。")
    tx.audit("bracelets.printed", "bracelet_batch", batch_id, count=len(free))
    return free


def read_batch(tx: Tx, batch_id: UUID) -> tuple[BraceletBatch, list[Bracelet]]:
    """A batch and who wears which bracelet."""
    sent = tx.session.send(records.BRACELETS, batch_id=batch_id)
    batch = tx.session.first(records.BATCH, batch_id=batch_id)
    if batch is None or batch.campus_id != tx.campus:
        raise NotFound("本院区没有这批腕带，请核对。")
    tx.audit("bracelets.read", "bracelet_batch", batch_id)
    return batch, sent.all()


def close_batch(tx: Tx, batch_id: UUID, command: ChangeVersion) -> tuple[BraceletBatch, list[Bracelet]]:
    """The event is over: bracelets nobody wears are void, their numbers stay accounted for."""
    batch, _ = read_batch(tx, batch_id)
    tx.check_version(batch.version, command.version)
    closed = tx.session.first(
        records.CLOSE_BATCH, id_=batch_id, campus=tx.campus, seen=batch.version, at=tx.now, who=tx.actor.subject
    )
    if closed is None:
        raise BatchClosed("该批次已结束，请刷新后核对。")
    tx.session.execute(records.VOID_BRACELETS, id_=batch_id)
    tx.audit("bracelets.closed", "bracelet_batch", batch_id)
    return closed, tx.session.all(records.BRACELETS, batch_id=batch_id)


def use_bracelet(tx: Tx, visit_no: str, encounter_id: UUID) -> Bracelet:
    """Put a bracelet on a patient. Raises BraceletNotFree."""
    bracelet = tx.session.first(records.USE_BRACELET, campus=tx.campus, no_=visit_no, visit=encounter_id)
    if bracelet is None:
        raise BraceletNotFree("该腕带不存在、已佩戴或已作废，请核对腕带号或换一条。")
    return bracelet
