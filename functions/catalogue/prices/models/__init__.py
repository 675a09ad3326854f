"""Tables of the charge catalogue."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.catalogue.prices.models.documents import DocumentLink, PriceDocument
    from functions.catalogue.prices.models.items import (
        BY_CODE_POINT,
        CATALOGUE,
        ChargeItem,
        ChargeUnit,
        ImportBatch,
        ImportRow,
        ItemAlias,
        PriceVersion,
    )
    from functions.catalogue.prices.models.procedures import (
        ApplicationDecision,
        ItemApplication,
        PriceComplaint,
        PriceCorrection,
    )
    from functions.catalogue.prices.models.rules import (
        ItemMapping,
        MappingRequirement,
        PackageMember,
        PackageVersion,
        PriceRule,
        PriceRuleItem,
    )
    from functions.catalogue.prices.models.special import BilledLine, BilledMonth, SpecialShareWarning
    from functions.catalogue.prices.models.watch import ChargedLine, MonitoredDay, MonitorRule, PriceFinding

__all__ = [
    "BY_CODE_POINT",
    "CATALOGUE",
    "ApplicationDecision",
    "BilledLine",
    "BilledMonth",
    "ChargeItem",
    "ChargeUnit",
    "ChargedLine",
    "DocumentLink",
    "ImportBatch",
    "ImportRow",
    "ItemAlias",
    "ItemApplication",
    "ItemMapping",
    "MappingRequirement",
    "MonitorRule",
    "MonitoredDay",
    "PackageMember",
    "PackageVersion",
    "PriceComplaint",
    "PriceCorrection",
    "PriceDocument",
    "PriceFinding",
    "PriceRule",
    "PriceRuleItem",
    "PriceVersion",
    "SpecialShareWarning",
]

__getattr__ = loaded_on_use(__name__)
