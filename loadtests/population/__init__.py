"""Demo population of a county in Guangxi: its people, their visits on one day, and the two campuses they come to."""

from loadtests.population.hospital import Hospital, hospital
from loadtests.population.people import REFERENCE_DAY, Person, copy_text, people
from loadtests.population.visits import DEMO_VISITS, Order, VisitWish, clinic_day, clinic_morning, needed

__all__ = [
    "DEMO_VISITS",
    "REFERENCE_DAY",
    "Hospital",
    "Order",
    "Person",
    "VisitWish",
    "clinic_day",
    "clinic_morning",
    "copy_text",
    "hospital",
    "needed",
    "people",
]
