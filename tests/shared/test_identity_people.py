"""Several keep the accounts at once: whatever the order, an account ends as the hospital's last word says."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.identity.keycloak_admin import Report
from shared.identity.people import StaffAccount, kept_up

WHO = UUID(int=7)


def person(enabled: bool, *posts: str) -> StaffAccount:
    return StaffAccount("N7", "韦春兰", WHO, {"hq": frozenset(posts)}, enabled=enabled)


class Realm:
    """What the hospital says, what the realm holds, and what happens just before a write arrives."""

    def __init__(self, before_writes: Iterator[StaffAccount | None]) -> None:
        self.said = person(True)
        self.held = person(True)
        self.writes = 0
        self._before_writes = before_writes

    def read(self) -> Sequence[StaffAccount]:
        return [self.said]

    def write(self, people: Sequence[StaffAccount]) -> Report:
        word = next(self._before_writes, None)
        if word is not None:
            self.said = word
            kept_up(self.read, self.write)  # the event's handler is quicker than this write
        (self.held,) = people
        self.writes += 1
        return Report(updated=["account N7"])


def test_a_freeze_during_the_comparison_stays() -> None:
    frozen = person(False)
    realm = Realm(iter([frozen]))
    people, report = kept_up(realm.read, realm.write)
    assert realm.held == frozen
    assert list(people) == [frozen]
    assert report.updated == ["account N7", "account N7"], "written as it was, and again as it is"


def test_nobody_is_written_twice_without_need() -> None:
    realm = Realm(iter([]))
    kept_up(realm.read, realm.write)
    assert realm.writes == 1


words = st.none() | st.builds(person, st.booleans(), st.sampled_from(["doctor", "nurse", "cashier"]))


@given(st.lists(words, max_size=4))
def test_the_last_word_counts(before_writes: list[StaffAccount | None]) -> None:
    realm = Realm(iter(before_writes))
    kept_up(realm.read, realm.write)
    assert realm.held == realm.said
