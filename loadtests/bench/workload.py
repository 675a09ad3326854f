"""Which patient comes to which session: the same walk for the hospital's clients and for pgbench.

Visit `x` brings patient `x * STEP mod patients` to session `(x / patients + x mod patients) mod sessions`. No pair of
the two comes twice before every patient has been everywhere, so neither side is refused.
"""

from typing import NamedTuple

PATIENT = "019a0000-0000-7000-8000-"
SESSION = "019a0000-0001-7000-8000-"
FRESH = "019a0000-{:04d}-7000-8000-"
"""Ids of rows made by pgbench, one series for each id of a visit."""
TWELVE = 100_000_000_000
"""Added to a number so that it has twelve digits: the end of an id."""
STEP = 7919


class Workload(NamedTuple):
    """How many there are of each. STEP and `patients` have no common divisor."""

    patients: int
    sessions: int

    def pair(self, x: int) -> tuple[str, str]:
        """Ids of the patient and the session of visit x."""
        return patient_id(x * STEP % self.patients), session_id(
            (x // self.patients + x % self.patients) % self.sessions
        )


def patient_id(number: int) -> str:
    return f"{PATIENT}{TWELVE + number}"


def session_id(number: int) -> str:
    return f"{SESSION}{TWELVE + number}"
