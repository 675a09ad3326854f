"""Tables of the code systems and value sets."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.catalogue.codes.models.lab import LabItem, ReferenceRange
    from functions.catalogue.codes.models.systems import (
        CATALOGUE,
        Code,
        CodeImport,
        CodeReject,
        CodeSystem,
        CodeVersion,
        ReceivedFile,
        ReceivedPart,
    )
    from functions.catalogue.codes.models.words import (
        CodeFavourite,
        CodeMapping,
        CodeProposal,
        CodeQuestion,
        CodeRuling,
        CodeSynonym,
        CodeUse,
        ValueSetBinding,
    )

__all__ = [
    "CATALOGUE",
    "Code",
    "CodeFavourite",
    "CodeImport",
    "CodeMapping",
    "CodeProposal",
    "CodeQuestion",
    "CodeReject",
    "CodeRuling",
    "CodeSynonym",
    "CodeSystem",
    "CodeUse",
    "CodeVersion",
    "LabItem",
    "ReceivedFile",
    "ReceivedPart",
    "ReferenceRange",
    "ValueSetBinding",
]

__getattr__ = loaded_on_use(__name__)
