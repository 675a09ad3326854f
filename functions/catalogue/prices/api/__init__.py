"""HTTP routes of the charge catalogue, by subject."""

from functions.catalogue.prices.api import documents, forms, items, procedures, public, rules, special
from functions.catalogue.prices.api.routing import router

__all__ = ["documents", "forms", "items", "procedures", "public", "router", "rules", "special"]
