"""Attacks that show by their number: one password tried on many accounts (口令喷洒)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso.rules import SPRAYING, SPRAYING_WITHIN, Failure, spraying

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def test_many_failures_from_one_address_stand_out() -> None:
    attack = [Failure(NOW - timedelta(seconds=second), "10.1.1.66") for second in range(SPRAYING)]
    typing = [Failure(NOW, f"10.1.2.{window}") for window in range(200)]
    assert spraying([*typing, *attack], NOW) == {"10.1.1.66": SPRAYING}
    assert spraying([*typing, *attack[1:]], NOW) == {}


@given(st.lists(st.tuples(st.integers(0, 600), st.sampled_from("abc")), max_size=200))
def test_what_is_long_ago_does_not_count(failures: list[tuple[int, str]]) -> None:
    found = spraying([Failure(NOW - timedelta(seconds=ago), address) for ago, address in failures], NOW)
    for address in "abc":
        recent = sum(1 for ago, one in failures if one == address and timedelta(seconds=ago) <= SPRAYING_WITHIN)
        assert found.get(address) == (recent if recent >= SPRAYING else None)
