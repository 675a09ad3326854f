"""HTTP routes of the patient index."""

from functions.patients.index.api import access, care, people, stewardship
from functions.patients.index.api.routing import router

__all__ = ["access", "care", "people", "router", "stewardship"]
