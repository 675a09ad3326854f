"""Routes of codes: search, browse, check, withdraw, extend, download."""

from decimal import Decimal
from typing import Annotated, cast
from uuid import UUID

from fastapi import Query as Parameter

from functions.catalogue.codes import exports, service
from functions.catalogue.codes.api.routing import After, CodePath, CodeQuery, Limit, System, router
from functions.catalogue.codes.diagnoses import Patient, Purpose
from functions.catalogue.codes.problems import CodeUnknown
from functions.catalogue.codes.queries.terms import Term
from functions.catalogue.codes.schemas import AddLocalCode, FoundView, NodeView, TermView, WithdrawCode
from functions.catalogue.codes.schemas.checks import CheckDiagnoses, CheckValues, ConformityView, FindingView
from functions.catalogue.codes.service import SearchContext
from shared.command import Document, command, query
from shared.database.engine import REPORT
from shared.money import round_money
from shared.schemas import Moment, Page
from shared.tx import Tx

Sex = Annotated[str | None, Parameter(pattern="^[0129]$")]
Days = Annotated[int | None, Parameter(ge=0, le=60_000)]
Text = Annotated[str, Parameter(min_length=1, max_length=60, pattern=r"^[^\x00]+$")]


@router.get("/systems/{system}/search")
@query("catalogue.codes.read")
def search(
    tx: Tx,
    system: System,
    text: Text,
    unit_id: UUID | None = None,
    sex: Sex = None,
    age_days: Days = None,
    principal: bool = False,
    limit: Annotated[int, Parameter(ge=1, le=50)] = 20,
) -> list[FoundView]:
    """Find codes by code, display, first letters of pinyin or wubi, or alias (检索编码)."""
    context = SearchContext(unit_id, sex, age_days, principal)
    return [FoundView.model_validate(one) for one in service.search(tx, system, text, context, limit=limit)]


@router.get("/systems/{system}/codes/{code}")
@query("catalogue.codes.read")
def read_code(tx: Tx, system: System, code: CodePath, at: Moment | None = None) -> NodeView:
    """A code with what stands above it and its aliases (编码卡)."""
    term = service.lookup(tx, system, code, at)
    return NodeView(
        term=TermView.model_validate(term),
        ancestors=[TermView.model_validate(one) for one in service.ancestors(tx, system, code, at)],
        synonyms=[one.word for one in service.synonyms(tx, system, code)],
    )


@router.get("/systems/{system}/children")
@query("catalogue.codes.read")
def list_children(
    tx: Tx, system: System, parent: CodeQuery | None = None, limit: Limit = 100, after: After = ""
) -> Page[TermView]:
    """Codes below another, or the topmost (编码树)."""
    found = service.children(tx, system, parent, after, limit)
    return Page[TermView](
        items=[TermView.model_validate(one) for one in found], next=found[-1].code if len(found) == limit else None
    )


@router.get("/systems/{system}/below")
@query("catalogue.codes.read")
def list_below(tx: Tx, system: System, code: CodeQuery, limit: Limit = 100, after: After = "") -> Page[TermView]:
    """Codes that may be chosen anywhere below a chapter, a section or a category (章、节、类目之下的编码)."""
    found = service.descendants(tx, system, code, after, limit)
    return Page[TermView](
        items=[TermView.model_validate(one) for one in found], next=found[-1].code if len(found) == limit else None
    )


@router.get("/systems/{system}/values")
@query("catalogue.codes.read")
def list_values(tx: Tx, system: System, at: Moment | None = None) -> list[TermView]:
    """Every code of a value set that may be chosen (值域)."""
    return [TermView.model_validate(one) for one in service.expand(tx, system, at)]


@router.get("/systems/{system}/codes.csv")
@query("catalogue.codes.read", REPORT)
def download_csv(tx: Tx, system: System) -> Document:
    """The version in force as CSV (下载值域表)."""
    terms = _in_force(tx, system)
    return Document(lambda: exports.as_csv(terms), "text/csv", f"{system}.csv")


@router.get("/systems/{system}/codes.fhir.json")
@query("catalogue.codes.read", REPORT)
def download_fhir(tx: Tx, system: System) -> Document:
    """The version in force as FHIR CodeSystem."""
    known = service.system_of(tx, system)
    terms = _in_force(tx, system)
    return Document(lambda: exports.as_fhir(known, terms[0].label, terms), "application/fhir+json", f"{system}.json")


@router.get("/systems/{system}/value-set.fhir.json")
@query("catalogue.codes.read")
def download_value_set(tx: Tx, system: System) -> Document:
    """The version in force as FHIR ValueSet."""
    known = service.system_of(tx, system)
    roots = service.children(tx, system, None, "", 1)
    if not roots:
        raise CodeUnknown("该编码体系没有现行版本。", system=system)
    label = roots[0].label
    return Document(lambda: exports.as_fhir_value_set(known, label), "application/fhir+json", f"{system}-all.json")


@router.post("/systems/{system}/codes/{code}/withdraw")
@command("catalogue.codes.approve")
def withdraw_code(tx: Tx, system: System, code: CodePath, body: WithdrawCode) -> TermView:
    """Let a code be chosen no more (停用、替代)."""
    return TermView.model_validate(service.withdraw_code(tx, system, code, body))


@router.post("/systems/{system}/local-codes", status_code=201)
@command("catalogue.codes.write")
def add_local_code(tx: Tx, system: System, body: AddLocalCode) -> TermView:
    """Add a local code under an official parent (院内扩展)."""
    return TermView.model_validate(service.add_local_code(tx, system, body))


@router.post("/diagnoses/check")
@command("catalogue.codes.read")
def check_diagnoses(tx: Tx, body: CheckDiagnoses) -> list[FindingView]:
    """What is wrong with the diagnoses of a record (诊断校验)."""
    tx.audit("diagnoses.checked", "code_system", body.system, purpose=body.purpose)
    found = service.check_diagnoses(
        tx,
        body.system,
        [(one.code, one.principal, one.age_days) for one in body.diagnoses],
        Patient(body.sex, body.age_days),
        cast(Purpose, body.purpose),
        delivery_record=body.delivery_record,
        at=body.at,
    )
    return [FindingView.model_validate(one) for one in found]


@router.post("/systems/{system}/conformity")
@command("catalogue.codes.read", REPORT)
def measure_conformity(tx: Tx, system: System, body: CheckValues) -> ConformityView:
    """How many values of a data set are codes in force (值域符合率)."""
    good, strangers = service.conformity(tx, system, body.values)
    total = len(body.values)
    return ConformityView(
        values=total, conforming=good, percent=round_money(Decimal(good) * 100 / total), strangers=strangers
    )


def _in_force(tx: Tx, system: str) -> list[Term]:
    """Every code of the version in force, page by page."""
    service.system_of(tx, system)
    roots = service.children(tx, system, None, "", 1)
    if not roots:
        raise CodeUnknown("该编码体系没有现行版本。", system=system)
    terms: list[Term] = []
    while page := service.every_term(tx, roots[0].version_id, terms[-1].code if terms else "", 5000):
        terms += page
    return terms
