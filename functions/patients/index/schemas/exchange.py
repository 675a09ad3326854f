"""What other systems send about people (HL7 FHIR R4 Patient). Elements the index has no use for are let pass unread."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from functions.patients.index.schemas.values import PersonName
from shared.schemas import Input, Text

System = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=r"^[!-~]+$")]
Value = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")
]


Asked = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")
]
"""A name as it is asked for."""


class FhirInput(BaseModel):
    """A part of a resource: standard elements we do not read are no mistake of the sender."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FhirIdentifier(FhirInput):
    system: System
    value: Value


class FhirName(FhirInput):
    """`text`, or family and given names which in Chinese stand without a blank between them."""

    use: str | None = None
    text: PersonName | None = None
    family: Text | None = None
    given: Annotated[list[Text], Field(max_length=5)] = []


class FhirTelecom(FhirInput):
    system: str | None = None
    value: Value | None = None


class FhirAddress(FhirInput):
    use: str | None = None
    text: Text | None = None
    city: Text | None = None
    district: Annotated[str, Field(max_length=40)] | None = None


class FhirReference(FhirInput):
    reference: Annotated[str, StringConstraints(max_length=80)] | None = None
    identifier: FhirIdentifier | None = None


class FhirLink(FhirInput):
    other: FhirReference
    type: Literal["replaced-by", "replaces", "refer", "seealso"]


class FhirPatient(FhirInput):
    """A Patient as it is fed (ITI-104)."""

    resourceType: Literal["Patient"]
    identifier: Annotated[list[FhirIdentifier], Field(max_length=20)] = []
    active: bool = True
    name: Annotated[list[FhirName], Field(max_length=10)] = []
    gender: Literal["male", "female", "other", "unknown"] | None = None
    birthDate: date | None = None
    telecom: Annotated[list[FhirTelecom], Field(max_length=10)] = []
    address: Annotated[list[FhirAddress], Field(max_length=10)] = []
    link: Annotated[list[FhirLink], Field(max_length=5)] = []

    def official_name(self) -> str | None:
        """The name in use, whole."""
        usable = [one for one in self.name if one.use != "old"]
        if not usable:
            return None
        chosen = next((one for one in usable if one.use == "official"), usable[0])
        return chosen.text or "".join((chosen.family or "", *chosen.given)) or None

    def phone(self) -> str | None:
        """The first phone number."""
        return next((one.value for one in self.telecom if one.system in (None, "phone", "sms") and one.value), None)

    def home(self) -> FhirAddress | None:
        """The first address that says something as a whole."""
        return next((one for one in self.address if one.text and one.use != "old"), None)

    def replaced_by(self) -> FhirReference | None:
        """The record this one is said to be of the same person as."""
        return next((one.other for one in self.link if one.type == "replaced-by"), None)


FhirAnswer = dict[str, Any]
"""A resource: elements that are not known are absent, which no fixed shape can say."""


class DemographicsQuestion(Input):
    """The search parameters of ITI-78 the index answers. Any other is refused: left out, it would widen the search.

    `identifier` is `system|value`, or a value of any system. A name is asked whole, or as family and given name.
    """

    id: UUID | None = Field(None, alias="_id")
    identifier: Annotated[str, Field(max_length=200)] | None = None
    name: Asked | None = None
    family: Asked | None = None
    given: Asked | None = None
    telecom: Annotated[str, Field(max_length=40)] | None = None
    birthdate: Annotated[str, Field(pattern=r"^(eq)?\d{4}-\d{2}-\d{2}$")] | None = None
    gender: Literal["male", "female", "other", "unknown"] | None = None
    active: bool | None = None
    count: int = Field(50, alias="_count", ge=1, le=50)
    format: str | None = Field(None, alias="_format", pattern=r"^(json|application/(fhir\+)?json)$")
