"""Routes for other systems: HL7 FHIR R4 as IHE profiles it. A refusal carries an OperationOutcome too."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.patients.index import service
from functions.patients.index.api.routing import router
from functions.patients.index.schemas.exchange import DemographicsQuestion, FhirAnswer, FhirPatient
from shared.command import command, query
from shared.tx import Tx

Number = Annotated[str, Parameter(max_length=200, description="编号体系|号码")]


@router.get("/fhir/Patient")
@query("patients.index.exchange")
def query_demographics(tx: Tx, question: Annotated[DemographicsQuestion, Parameter()]) -> FhirAnswer:
    """Patient demographics query (IHE ITI-78, 个人信息查询)."""
    return service.query_demographics(tx, question)


@router.get("/fhir/Patient/$ihe-pix")
@query("patients.index.exchange")
def cross_reference(
    tx: Tx,
    source: Annotated[str, Parameter(alias="sourceIdentifier", max_length=200, description="编号体系|号码")],
    targets: Annotated[list[str], Parameter(alias="targetSystem", max_length=20)] = [],  # noqa: B006  never changed
) -> FhirAnswer:
    """Patient identifier cross-reference query (IHE ITI-83)."""
    return service.cross_reference(tx, source, targets)


@router.get("/fhir/Patient/{patient_id}")
@query("patients.index.exchange")
def read_demographics(tx: Tx, patient_id: UUID) -> FhirAnswer:
    """One person by the id of any record."""
    return service.demographics_of(tx, patient_id)


@router.put("/fhir/Patient")
@command("patients.index.exchange")
def take_feed(tx: Tx, identifier: Number, body: FhirPatient) -> FhirAnswer:
    """Patient identity feed (IHE ITI-104, 个人信息注册、更新、合并)."""
    return service.take_feed(tx, identifier, body)
