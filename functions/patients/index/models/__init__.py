"""Tables of the patient index (schema `patients`)."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.patients.index.models.access import BreakGlassOpening
    from functions.patients.index.models.checks import PoliceCheck
    from functions.patients.index.models.legacy import LegacyImport, LegacyRow
    from functions.patients.index.models.matching import Dispute, MatchCandidate, MatchPoints, Merge
    from functions.patients.index.models.people import (
        Consent,
        Correction,
        Identifier,
        IdentityChange,
        NumberKey,
        Patient,
        Relation,
    )
    from functions.patients.index.models.safety import Alert, Allergy

__all__ = [
    "Alert",
    "Allergy",
    "BreakGlassOpening",
    "Consent",
    "Correction",
    "Dispute",
    "Identifier",
    "IdentityChange",
    "LegacyImport",
    "LegacyRow",
    "MatchCandidate",
    "MatchPoints",
    "Merge",
    "NumberKey",
    "Patient",
    "PoliceCheck",
    "Relation",
]

__getattr__ = loaded_on_use(__name__)
