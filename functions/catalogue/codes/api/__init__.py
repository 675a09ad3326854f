"""HTTP routes of the code systems, by subject."""

from functions.catalogue.codes.api import asking, systems, terms, words
from functions.catalogue.codes.api.routing import router

__all__ = ["asking", "router", "systems", "terms", "words"]
