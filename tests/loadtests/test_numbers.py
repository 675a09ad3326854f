"""Numbers of the load test: at whatever hour it is played, a session and what is added to it end on its day."""

from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from loadtests.numbers import BAND, MORE, MORNING, _bands
from shared.schemas import midnight

DAY = midnight(date(2026, 3, 2))


@given(
    minute=st.integers(0, 23 * 60 + 50), numbers=st.integers(1, 2000), more=st.lists(st.integers(1, 500), max_size=4)
)
def test_bands_end_on_their_day_at_any_hour(minute: int, numbers: int, more: list[int]) -> None:
    start = DAY + timedelta(minutes=minute)
    for wanted, most, least in [(numbers, BAND, MORNING), *((extra, MORE, 1) for extra in more)]:
        bands = _bands(start, wanted, most, least)
        assert sum(band["count"] for band in bands) == wanted
        edges = [(datetime.fromisoformat(band["starts_at"]), datetime.fromisoformat(band["ends_at"])) for band in bands]
        assert edges[0][0] == start
        assert all(since < until for since, until in edges)
        assert [until for _, until in edges[:-1]] == [since for since, _ in edges[1:]]
        start = edges[-1][1]
        assert start <= DAY + timedelta(days=1)
