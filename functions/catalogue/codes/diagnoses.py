"""Checks of a record's diagnoses against each other, patient and purpose: pure (spec P-codes, "Diagnosis rules").

ICD-10 as the front page (病案首页), the settlement list (医保结算清单) and reports use it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from functions.catalogue.codes.rules import bare

Purpose = Literal["clinical", "front_page", "settlement"]
Level = Literal["block", "warn", "inform"]
PERINATAL_DAYS = 28
Z_PRINCIPAL = (
    "Z00", "Z03", "Z08", "Z09", "Z11", "Z12", "Z13", "Z30", "Z31", "Z34", "Z35", "Z36", "Z38", "Z39", "Z41", "Z42",
    "Z43", "Z45", "Z47", "Z48", "Z49", "Z50", "Z51", "Z52", "Z54",
)  # fmt: skip
"""Factors that may be the reason of a stay; Z51.1 is chemotherapy. Others (Z85 history, Z37 outcome) only beside."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A diagnosis as coded. `age_days` at its onset, when it is not the patient's age at admission."""

    code: str
    principal: bool = False
    attrs: dict[str, Any] = field(default_factory=dict)
    sex: str | None = None
    age_min_days: int | None = None
    age_max_days: int | None = None
    replacements: tuple[str, ...] = ()
    """Children of a grey code that may stand in its place."""
    age_days: int | None = None

    @property
    def stem(self) -> str:
        return bare(self.code)


@dataclass(frozen=True, slots=True)
class Patient:
    """What the checks need of a patient. Sex 1 man, 2 woman, others unknown."""

    sex: str | None = None
    age_days: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong: `block` must be put right, `warn` looked at, `inform` counts for quality."""

    level: Level
    code: str
    diagnosis: str
    message: str
    way_out: str = ""
    replacements: tuple[str, ...] = ()


def check_diagnoses(
    diagnoses: Sequence[Diagnosis], patient: Patient, purpose: Purpose = "clinical", *, delivery_record: bool = False
) -> list[Finding]:
    """Everything that is wrong with the diagnoses of one record, principal first.

    `delivery_record`: the mother's record of a birth.
    """
    ordered = sorted(diagnoses, key=lambda one: not one.principal)
    found = [finding for one in ordered for check in _EACH for finding in check(one, patient, purpose)]
    found += [finding for check in _TOGETHER for finding in check(ordered, purpose)]
    if delivery_record:
        found += _outcome(ordered)
    return found


def between(code: str, first: str, last: str) -> bool:
    """Whether a code lies in a range of three-character categories, both inclusive."""
    return first <= code[:3] <= last


# -- each by itself


def _principal(one: Diagnosis, patient: Patient, purpose: Purpose) -> Iterator[Finding]:
    if not one.principal:
        return
    if one.code.endswith("*"):
        yield Finding(
            "block",
            "asterisk_principal",
            one.code,
            f"星号编码 {one.code} 不能作主要诊断。",
            "请以相应的剑号编码作主要诊断。",
        )
    if between(one.stem, "V01", "Y98"):
        yield Finding(
            "block",
            "external_cause_principal",
            one.code,
            f"外部原因 {one.code} 不能作主要诊断。",
            "请填损伤或中毒诊断。",
        )
    if one.stem[:1] == "Z" and one.stem[:3] not in Z_PRINCIPAL:
        yield Finding("block", "z_principal", one.code, f"{one.code} 不能作主要诊断。", "请填住院原因所对应的诊断。")
    if one.stem[:1] == "R":
        yield Finding(
            "warn", "symptom_principal", one.code, f"{one.code} 是症状体征，不宜作主要诊断。", "已确诊的请改填疾病。"
        )
    if one.attrs.get("grey") and purpose == "settlement":
        instead = "、".join(one.replacements)
        way_out = f"请改用 {instead}。" if instead else "请改用更具体的编码。"
        yield Finding(
            "block",
            "grey_principal",
            one.code,
            f"{one.code} 是灰码，不能作结算清单主要诊断。",
            way_out,
            one.replacements,
        )


def _person(one: Diagnosis, patient: Patient, purpose: Purpose) -> Iterator[Finding]:
    sex = one.sex or _sex_of(one.stem)
    if sex is not None and patient.sex in {"1", "2"} and patient.sex != sex:
        only = "男性" if sex == "1" else "女性"
        yield Finding("block", "sex_conflict", one.code, f"{one.code} 仅用于{only}患者。", "请核对患者性别与诊断。")
    age = one.age_days if one.age_days is not None else patient.age_days
    if age is None:
        return
    if between(one.stem, "P00", "P96"):
        if age > PERINATAL_DAYS:
            yield Finding(
                "warn",
                "perinatal_age",
                one.code,
                f"{one.code} 用于出生 28 天内发生的情况，患者已 {age} 天。",
                "起源于围生期而后来才表现的，请注明。",
            )
    elif not (one.age_min_days or 0) <= age <= (one.age_max_days if one.age_max_days is not None else age):
        yield Finding("warn", "age_conflict", one.code, f"{one.code} 与患者年龄不符。", "请核对年龄与诊断。")


def _sex_of(stem: str) -> str | None:
    if between(stem, "N40", "N51"):
        return "1"
    if between(stem, "N70", "N98") or between(stem, "O00", "O99"):
        return "2"
    return None


def _specific(one: Diagnosis, patient: Patient, purpose: Purpose) -> Iterator[Finding]:
    if one.stem[3:5] == ".9":
        yield Finding("inform", "unspecified", one.code, f"{one.code} 是未特指编码。", "能具体的请具体。")


# -- all together


def _daggers(ordered: Sequence[Diagnosis], purpose: Purpose) -> Iterator[Finding]:
    has_dagger = any(one.code.endswith(("†", "+")) for one in ordered)
    has_asterisk = any(one.code.endswith("*") for one in ordered)
    for one in ordered:
        if one.code.endswith("*") and not has_dagger:
            yield Finding(
                "block", "dagger_missing", one.code, f"星号编码 {one.code} 须与剑号编码成对。", "请补填剑号编码。"
            )
        if one.code.endswith(("†", "+")) and not has_asterisk and purpose != "clinical":
            yield Finding(
                "warn",
                "asterisk_missing",
                one.code,
                f"剑号编码 {one.code} 缺少星号编码。",
                "请补填临床表现的星号编码。",
            )


def _external_cause(ordered: Sequence[Diagnosis], purpose: Purpose) -> Iterator[Finding]:
    if purpose == "clinical" or any(between(one.stem, "V01", "Y98") for one in ordered):
        return
    injury = next((one for one in ordered if between(one.stem, "S00", "T98")), None)
    if injury is not None:
        yield Finding(
            "block",
            "external_cause_missing",
            injury.code,
            f"损伤、中毒诊断 {injury.code} 缺少外部原因编码。",
            "请补填 V01-Y98 损伤中毒的外部原因。",
        )


def _morphology(ordered: Sequence[Diagnosis], purpose: Purpose) -> Iterator[Finding]:
    if purpose == "clinical" or any(one.stem[:1] == "M" and "/" in one.stem for one in ordered):
        return
    tumour = next((one for one in ordered if between(one.stem, "C00", "D48")), None)
    if tumour is not None:
        yield Finding(
            "block", "morphology_missing", tumour.code, f"肿瘤诊断 {tumour.code} 缺少形态学编码。", "请补填 M 编码。"
        )


def _delivery(ordered: Sequence[Diagnosis], purpose: Purpose) -> Iterator[Finding]:
    def is_delivery(one: Diagnosis) -> bool:
        return between(one.stem, "O80", "O84")

    complication = next((one for one in ordered if between(one.stem, "O00", "O99") and not is_delivery(one)), None)
    for one in ordered:
        if one.principal and is_delivery(one) and complication is not None:
            yield Finding(
                "block",
                "delivery_principal",
                one.code,
                f"有并发症 {complication.code} 时，分娩方式 {one.code} 不能作主要诊断。",
                "请以并发症为主要诊断。",
            )


def _outcome(ordered: Sequence[Diagnosis]) -> Iterator[Finding]:
    delivery = next((one for one in ordered if between(one.stem, "O80", "O84")), None)
    if delivery is not None and not any(one.stem[:3] == "Z37" for one in ordered):
        yield Finding("block", "outcome_missing", delivery.code, "缺少分娩结局 Z37 编码。", "请补填 Z37 分娩结局。")


def _one_principal(ordered: Sequence[Diagnosis], purpose: Purpose) -> Iterator[Finding]:
    count = sum(one.principal for one in ordered)
    if ordered and purpose != "clinical" and count != 1:
        yield Finding(
            "block", "principal_count", ordered[0].code, f"主要诊断须恰有一个，现有 {count} 个。", "请选定主要诊断。"
        )


_EACH: tuple[Callable[[Diagnosis, Patient, Purpose], Iterator[Finding]], ...] = (_principal, _person, _specific)
_TOGETHER: tuple[Callable[[Sequence[Diagnosis], Purpose], Iterator[Finding]], ...] = (
    _one_principal,
    _daggers,
    _external_cause,
    _morphology,
    _delivery,
)
