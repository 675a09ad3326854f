"""Workstations (工作站): where a machine stands, for whom, with which printers and card readers."""

from typing import Any
from uuid import UUID

from events.organisation import PlaceChanged
from functions.organisation.structure.models import Workstation
from functions.organisation.structure.problems import PlaceNotFound, UnitNotFound
from functions.organisation.structure.problems.wards import WorkstationNotFound
from functions.organisation.structure.queries import wards as queries
from functions.organisation.structure.schemas.wards import ChangeWorkstation, CreateWorkstation, RetireWorkstation
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.placing import place
from functions.organisation.structure.service.units import unit
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.tx import Tx


def workstation(tx: Tx, workstation_id: UUID) -> Workstation:
    """A workstation of the acting campus. Raises WorkstationNotFound."""
    return _found(tx, tx.session.first(queries.WORKSTATION, workstation_id=workstation_id))


def workstation_by_host(tx: Tx, host: str) -> Workstation:
    """The workstation in use with this machine name, whatever its case. Raises WorkstationNotFound."""
    return _found(tx, tx.session.first(queries.WORKSTATION_BY_HOST, host=host.lower()))


def workstation_by_certificate(tx: Tx, fingerprint: str) -> Workstation:
    """The workstation in use with this client certificate (SHA-256, hexadecimal). Raises WorkstationNotFound."""
    return _found(tx, tx.session.first(queries.WORKSTATION_BY_CERTIFICATE, certificate=fingerprint.lower()))


def workstations(tx: Tx, after: str, limit: int) -> list[Workstation]:
    """Workstations of the acting campus in use, in order of code."""
    return tx.session.all(queries.WORKSTATIONS, campus=tx.campus, after=after, limit=limit)


def create_workstation(tx: Tx, command: CreateWorkstation) -> Workstation:
    """Register a workstation. Raises WorkstationCodeTaken, WorkstationHostTaken, WorkstationCertificateTaken."""
    _check(tx, command.unit_id, command.place_id)
    row = Workstation(
        workstation_id=new_id(),
        campus_id=tx.campus,
        code=command.code,
        name=command.name,
        host=command.host,
        certificate=command.certificate,
        unit_id=command.unit_id,
        place_id=command.place_id,
        printers=dict(command.printers),
        card_readers=list(command.card_readers),
    )
    tx.session.add(row)
    record(tx, "workstation", row.workstation_id, "created", after=command.model_dump(mode="json"))
    _tell(tx, row, "created")
    tx.session.flush()
    return row


def change_workstation(tx: Tx, workstation_id: UUID, command: ChangeWorkstation) -> Workstation:
    """Change what is given of a workstation; the rest stays."""
    before = workstation(tx, workstation_id)
    given = command.model_dump(exclude={"version"}, exclude_unset=True)
    if any(given.get(name, "") is None for name in ("name", "unit_id", "printers", "card_readers")):
        raise Invalid("名称、科室、打印机和读卡器不能清空。")
    _check(tx, command.unit_id, command.place_id)
    return _update(tx, before, given, command.version, "active", "changed")


def retire_workstation(tx: Tx, workstation_id: UUID, command: RetireWorkstation) -> Workstation:
    """Take a workstation out of use; its machine name and certificate are free again."""
    before = workstation(tx, workstation_id)
    return _update(tx, before, {}, command.version, "retired", "retired", command.reason)


def _update(
    tx: Tx, before: Workstation, given: dict[str, Any], seen: int, status: str, change: str, reason: str | None = None
) -> Workstation:
    def value(name: str) -> Any:
        return given.get(name, getattr(before, name))

    after = tx.session.first(
        queries.CHANGE_WORKSTATION,
        id_=before.workstation_id,
        seen=seen,
        name_=value("name"),
        host_=value("host"),
        certificate_=value("certificate"),
        unit_=value("unit_id"),
        place_=value("place_id"),
        printers_=value("printers"),
        readers_=value("card_readers"),
        status_=status,
    )
    if after is None:
        raise Stale("该工作站已被他人修改或已停用，请刷新后再操作。", current_version=before.version)
    was = {name: getattr(before, name) for name in given}
    record(tx, "workstation", before.workstation_id, change, before=was, after=given, reason=reason)
    _tell(tx, after, change)
    return after


def _check(tx: Tx, unit_id: UUID | None, place_id: UUID | None) -> None:
    if unit_id is not None and unit(tx, unit_id).campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个科室，请核对后重新选择。")
    if place_id is not None and place(tx, place_id).campus_id != tx.campus:
        raise PlaceNotFound("本院区没有这个地点，请核对后重新选择。")


def _found(tx: Tx, row: Workstation | None) -> Workstation:
    if row is None or row.campus_id != tx.campus:
        raise WorkstationNotFound("本院区没有登记这台工作站，请联系信息科。")
    return row


def _tell(tx: Tx, row: Workstation, change: str) -> None:
    tx.emit(PlaceChanged(place_id=row.workstation_id, kind="workstation", change=change))
