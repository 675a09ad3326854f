"""Value sets and small shapes the requests and answers of the patient index share."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.schemas import Input, Text


class IdentifierType(StrEnum):
    """Kinds of numbers that name a person. Documents map to WS 364 CV02.01.101 (DOCUMENT_CODES)."""

    RESIDENT_ID = "resident_id"
    HOUSEHOLD_BOOK = "household_book"
    PASSPORT = "passport"
    OFFICER = "officer"
    HK_MACAU_PERMIT = "hk_macau_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    HMT_RESIDENCE = "hmt_residence"
    FOREIGN_PR = "foreign_pr"
    BIRTH_CERTIFICATE = "birth_certificate"
    HEALTH_CARD = "health_card"
    INSURANCE_PERSON_NO = "insurance_person_no"
    SOCIAL_CARD = "social_card"
    VISIT_CARD = "visit_card"
    INPATIENT_NO = "inpatient_no"
    CHECKUP_NO = "checkup_no"
    MCH_HANDBOOK = "mch_handbook"
    HEALTH_RECORD_NO = "health_record_no"
    WECHAT = "wechat"
    LEGACY = "legacy"
    """Number of a person in the system a campus had before; issued by that campus."""


DOCUMENT_CODES = {
    IdentifierType.RESIDENT_ID: "01",
    IdentifierType.HOUSEHOLD_BOOK: "02",
    IdentifierType.PASSPORT: "03",
    IdentifierType.OFFICER: "04",
    IdentifierType.HK_MACAU_PERMIT: "06",
    IdentifierType.TAIWAN_PERMIT: "07",
    IdentifierType.HMT_RESIDENCE: "99",
    IdentifierType.FOREIGN_PR: "99",
    IdentifierType.BIRTH_CERTIFICATE: "99",
}
"""Certificate types of WS 364 CV02.01.101 by identifier type."""

REGISTERED_BY = frozenset(
    {
        *DOCUMENT_CODES,
        IdentifierType.HEALTH_CARD,
        IdentifierType.INSURANCE_PERSON_NO,
        IdentifierType.SOCIAL_CARD,
    }
)
"""What a person can be registered by: documents, insurance and health cards."""

CAMPUS_ISSUED = frozenset(
    {IdentifierType.VISIT_CARD, IdentifierType.INPATIENT_NO, IdentifierType.CHECKUP_NO, IdentifierType.LEGACY}
)
"""Numbers a campus gives by itself; the same value may exist at another campus."""


SINGLE_VALUED = frozenset(
    {IdentifierType.RESIDENT_ID, IdentifierType.BIRTH_CERTIFICATE, IdentifierType.INSURANCE_PERSON_NO}
)
"""Numbers of which a person has one at a time; another one is a correction or a replacement."""


class ReadBy(StrEnum):
    """How a document reached us: chip (读卡器), seen (人工查看), stated (口述或自助填写)."""

    CHIP = "chip"
    SEEN = "seen"
    STATED = "stated"


class IdentityLevel(StrEnum):
    """How far an identity is proven, rising."""

    UNVERIFIED = "unverified"
    DOCUMENT_SEEN = "document_seen"
    CHIP_READ = "chip_read"
    POLICE_VERIFIED = "police_verified"

    @property
    def rank(self) -> int:
        return list(IdentityLevel).index(self)


LEVEL_OF = {
    ReadBy.CHIP: IdentityLevel.CHIP_READ,
    ReadBy.SEEN: IdentityLevel.DOCUMENT_SEEN,
    ReadBy.STATED: IdentityLevel.UNVERIFIED,
}


class Evidence(StrEnum):
    """On what a change of identity rests."""

    CARD_READ = "card_read"
    SCANNED_DOCUMENT = "scanned_document"
    STATEMENT = "statement"


class RelationKind(StrEnum):
    """Relation of a person to the patient (after GB/T 4761, in the grain the hospital needs)."""

    FATHER = "father"
    MOTHER = "mother"
    SPOUSE = "spouse"
    CHILD = "child"
    GRANDPARENT = "grandparent"
    SIBLING = "sibling"
    OTHER_RELATIVE = "other_relative"
    INSTITUTION = "institution"
    OTHER = "other"


class OpeningReason(StrEnum):
    """Why the record of a restricted person is opened."""

    TREATMENT = "treatment"
    REGISTRATION = "registration"
    PAYMENT = "payment"
    QUALITY = "quality"
    COMPLAINT = "complaint"
    LEGAL = "legal"


PersonName = Annotated[Text, StringConstraints(max_length=100)]
SexCode = Annotated[str, Field(pattern="^[0129]$", description="GB/T 2261.1：0 未知 1 男 2 女 9 未说明")]
Number = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20, pattern=r"^[0-9+\- ]{5,20}$")]
EthnicGroup = Annotated[str, Field(pattern=r"^[0-9]{2}$", description="GB/T 3304")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{3}$|^[0-9]{3}$", description="GB/T 2659")]
MaritalStatus = Annotated[str, Field(pattern=r"^[1-9][0-9]$", description="GB/T 2261.2")]
Education = Annotated[str, Field(pattern=r"^[0-9]{2}$", description="GB/T 4658")]
Version = Annotated[int, Field(ge=1, description="看到的版本号")]
Day = Annotated[date, Field(description="YYYY-MM-DD")]


class Address(Input):
    """An address: GB/T 2260 code down to the county, then township, village and the rest as text."""

    region: Annotated[str | None, Field(pattern=r"^[0-9]{6}$")] = None
    township: Text | None = None
    village: Text | None = None
    text: Text
