"""A member of staff as the realm has to know them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from shared.identity.keycloak_admin import Report

_ROUNDS = 5
"""People who go on changing are written again by whoever tells of the next change."""


@dataclass(frozen=True, slots=True)
class StaffAccount:
    """One person as organisation knows them.

    staff_no: 工号, the sign-on name (the realm keeps it in lower case), never reused.
    staff_id: also becomes the account's subject, so a realm rebuilt from nothing knows people by the same id.
    posts: campus -> post codes held now.
    enabled: False for a leaver or a suspended person; all sessions end at once.
    grants: single grants in force (单项授权) as the token carries them; None leaves them as they are.
    proofs: how sessions opened on our word were proved (rights.Proof), as the token carries them; None leaves them.
    password_due: why another password has to be set before work goes on (initial, short, expired), as the token carries
        it; empty: it need not; None leaves it.
    second_factor: has to bind a dynamic password at the next sign-on unless one is bound.
    initial_password: set when the account is made and never again; changed at the first sign-on unless told otherwise.
    """

    staff_no: str
    name: str
    staff_id: UUID
    posts: Mapping[str, Collection[str]] = field(default_factory=dict)
    enabled: bool = True
    grants: tuple[str, ...] | None = None
    proofs: tuple[str, ...] | None = None
    password_due: str | None = None
    second_factor: bool = False
    initial_password: str | None = field(default=None, repr=False)
    must_change_password: bool = True

    @property
    def username(self) -> str:
        return self.staff_no.lower()

    @property
    def group_paths(self) -> frozenset[str]:
        return frozenset(f"/{campus}/{post}" for campus, codes in self.posts.items() for post in codes)


def kept_up(
    read: Callable[[], Sequence[StaffAccount]], write: "Callable[[Sequence[StaffAccount]], Report]"
) -> "tuple[Sequence[StaffAccount], Report]":
    """Write the people as they are, and again whoever has become another meanwhile. Gives them as written last.

    Several may write at once (an event's handler, the comparison, the operator), and each read what it writes a while
    before. Whoever writes last looks once more, so the account ends as the hospital's last word says.
    """
    people = read()
    report = write(people)
    for _ in range(_ROUNDS):
        written = {person.staff_id: person for person in people}
        people = read()
        if not (others := [person for person in people if written.get(person.staff_id) != person]):
            break
        report.add(write(others))
    return people, report
