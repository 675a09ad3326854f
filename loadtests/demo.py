"""The demonstration: open the head hospital, fill in both campuses, play a clinic morning and add up every cent.

found    an empty database gets its head hospital and the people who may open the rest (no HTTP yet: nobody can sign on)
prepare  through HTTP: the branch, units, rooms, counters, staff, posts, prices, clinics; safe to repeat
play     through HTTP with real tokens: patients at the windows of both campuses, then the shifts are closed
"""

from datetime import UTC, datetime
from functools import partial

from shared.settings import Settings

SEED = 20260701


def found(settings: Settings) -> None:
    """Open the head hospital in an empty database; nothing to do in any other."""
    from loadtests.founding import open_head_hospital

    open_head_hospital(settings, datetime.now(UTC))


def prepare(settings: Settings) -> None:
    """Fill in both campuses. What is there already stays."""
    from infra.his.identity import synchronise
    from loadtests.front_desk import FrontDesk
    from loadtests.preparing import prepare_hospital

    with FrontDesk(settings) as front:
        prepare_hospital(front, partial(synchronise, settings))


def play(settings: Settings, patients: int = 500, seed: int = SEED) -> int:
    """Play the morning and print what came of it. 0 when everything adds up, else 1."""
    from loadtests.front_desk import FrontDesk
    from loadtests.morning import Morning
    from loadtests.reckoning import reckon

    prepare(settings)
    with FrontDesk(settings) as front:
        morning = Morning(front, patients=patients, seed=seed, now=datetime.now(UTC))
        return reckon(settings, morning.play())
