"""HTTP routes of the clinic schedule, by subject."""

from functions.outpatient.schedule.api import changes, numbers, people, plans, reading
from functions.outpatient.schedule.api.routing import router

__all__ = ["changes", "numbers", "people", "plans", "reading", "router"]
