"""HTTP routes of the code systems, by subject."""

from functions.catalogue.codes.api import systems, terms, words
from functions.catalogue.codes.api.routing import router

__all__ = ["router", "systems", "terms", "words"]
