"""HTTP routes of outpatient registration, by subject."""

from functions.outpatient.registration.api import desk, emergency, kiosk, lists, visits
from functions.outpatient.registration.api.routing import router

__all__ = ["desk", "emergency", "kiosk", "lists", "router", "visits"]
