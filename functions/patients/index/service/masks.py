"""What a post sees of a person's fields (按岗位的字段遮盖). Rules are platform/permissions', forms rules.masking's.

Lists and headers are masked for everybody; a rule takes a field off them, or keeps it masked where it is revealed.
"""

from typing import Any

from functions.patients.index import rules
from functions.patients.index.schemas.people import (
    FoundPatient,
    IdentifierView,
    PatientDetails,
    PatientView,
    RelationView,
)
from shared.identity.data_rules import Masks

DOCUMENT, PHONE, ADDRESS = "patient.document", "patient.phone", "patient.address"
EMPLOYER, CONTACT = "patient.employer", "patient.contact"
NOTHING = "****"


def of_found(masks: Masks, found: FoundPatient) -> FoundPatient:
    """A hit without the fields the post may not see."""
    gone = {"phone": PHONE, "document": DOCUMENT, "address": ADDRESS}
    return found.model_copy(update={name: None for name, field in gone.items() if masks.hides(field)})


def of_view(masks: Masks, view: PatientView) -> PatientView:
    """The counter's view without the fields the post may not see."""
    changes: dict[str, Any] = {"phone": None} if masks.hides(PHONE) else {}
    if masks.hides(DOCUMENT):
        changes["identifiers"] = _numbers(masks, view.identifiers)
    return view.model_copy(update=changes)


def of_details(masks: Masks, details: PatientDetails) -> PatientDetails:
    """Full details as far as the post may see them."""
    return details.model_copy(
        update={
            "phone": masks.show(PHONE, details.phone, rules.mask_phone),
            "registered_address": masks.show(ADDRESS, details.registered_address, _township),
            "current_address": masks.show(ADDRESS, details.current_address, _township),
            "employer": masks.show(EMPLOYER, details.employer, lambda _: NOTHING),
            "identifiers": _numbers(masks, details.identifiers),
            "relations": of_relations(masks, details.relations),
        }
    )


def of_relations(masks: Masks, relations: list[RelationView]) -> list[RelationView]:
    """Relatives with their telephone as the post may see it."""
    return [one.model_copy(update={"phone": masks.show(CONTACT, one.phone, rules.mask_phone)}) for one in relations]


def _numbers(masks: Masks, numbers: list[IdentifierView]) -> list[IdentifierView]:
    return [
        one.model_copy(update={"value": masks.show(DOCUMENT, one.value, rules.mask_identity_number) or NOTHING})
        for one in numbers
    ]


def _township(address: dict[str, Any]) -> dict[str, Any]:
    """Of an address only what leads to the township."""
    return {"text": rules.mask_address(str(address.get("text") or ""))}
