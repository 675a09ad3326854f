"""HTTP routes of the clinic schedule, by subject."""

from functions.outpatient.schedule.api import attendance, changes, numbers, people, plans, reading
from functions.outpatient.schedule.api.routing import router

__all__ = ["attendance", "changes", "numbers", "people", "plans", "reading", "router"]
