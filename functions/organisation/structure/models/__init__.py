"""Tables of the organisation."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.organisation.structure.models.credentials import (
        ActingChoice,
        Delegation,
        Licence,
        LicenceNotice,
        LicencePlace,
        Privilege,
        PrivilegeSuspension,
        SignatureSpecimen,
        SignOnLock,
        StaffCode,
        StaffSuspension,
    )
    from functions.organisation.structure.models.personal import HandoverItem, StaffFile, StaffIdentity
    from functions.organisation.structure.models.structure import (
        Campus,
        CampusPriceLevel,
        CampusSetting,
        ChangeLogEntry,
        Place,
        PostAssignment,
        Recorded,
        Secondment,
        SecondmentApproval,
        StaffContact,
        StaffMember,
        StaffUnit,
        Unit,
        UnitVersion,
    )
    from functions.organisation.structure.models.wards import (
        Bed,
        BedVersion,
        CalendarDay,
        SheetImport,
        UnitCode,
        UnitServes,
        UnitSuccession,
        Workstation,
    )

__all__ = [
    "ActingChoice",
    "Bed",
    "BedVersion",
    "CalendarDay",
    "Campus",
    "CampusPriceLevel",
    "CampusSetting",
    "ChangeLogEntry",
    "Delegation",
    "HandoverItem",
    "Licence",
    "LicenceNotice",
    "LicencePlace",
    "Place",
    "PostAssignment",
    "Privilege",
    "PrivilegeSuspension",
    "Recorded",
    "Secondment",
    "SecondmentApproval",
    "SheetImport",
    "SignOnLock",
    "SignatureSpecimen",
    "StaffCode",
    "StaffContact",
    "StaffFile",
    "StaffIdentity",
    "StaffMember",
    "StaffSuspension",
    "StaffUnit",
    "Unit",
    "UnitCode",
    "UnitServes",
    "UnitSuccession",
    "UnitVersion",
    "Workstation",
]

__getattr__ = loaded_on_use(__name__)
