"""Which layout is in force, what data it accepts, what its filters write."""

import copy
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.printing import (
    Layout,
    LayoutUnknown,
    Paper,
    PrintDataInvalid,
    PrintDataMissing,
    check_data,
    choose_layout,
    render,
    shipped_forms,
    shipped_layouts,
)
from shared.printing.data import prepare
from shared.printing.filters import mask_name, price, quantity, show_date, until, weekday, yuan
from tests.shared.print_probe import FORMS, START, probe, shipped

# -- which one

LAYOUTS = st.builds(
    lambda version, day, campus, published: probe(
        version=version, effective_from=START + timedelta(days=day), campus=campus, published=published
    ),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=0, max_value=6),
    st.sampled_from([None, "hq", "mch"]),
    st.booleans(),
)


@given(st.lists(LAYOUTS, max_size=8), st.integers(min_value=-1, max_value=7), st.randoms(use_true_random=False))
def test_the_layout_in_force(candidates: list[Layout], day: int, order: random.Random) -> None:
    at = START + timedelta(days=day)
    possible = [one for one in candidates if one.effective_from <= at and one.campus in (None, "hq")]
    if not possible:
        with pytest.raises(LayoutUnknown):
            choose_layout(candidates, "hq", at)
        return
    chosen = choose_layout(candidates, "hq", at)
    assert chosen in possible
    own = [one for one in possible if one.campus == "hq"]
    assert chosen in (own or possible)
    peers = [one for one in own or possible if one.published == chosen.published]
    assert chosen.published or not any(one.published for one in own or possible)
    assert chosen.effective_from == max(one.effective_from for one in peers)
    assert chosen.version == max(one.version for one in peers if one.effective_from == chosen.effective_from)
    shuffled = list(candidates)
    order.shuffle(shuffled)
    assert choose_layout(shuffled, "hq", at) == chosen


def test_a_new_layout_counts_from_its_moment() -> None:
    old, new = probe(version=1), probe(version=2, effective_from=START + timedelta(days=10))
    assert choose_layout([old, new], "hq", START + timedelta(days=10, microseconds=-1)) is old
    assert choose_layout([old, new], "hq", START + timedelta(days=10)) is new


def test_a_layout_shipped_later_does_not_take_the_place_of_the_hospitals_own() -> None:
    own = probe(version=2, published=True)
    shipped_later = probe(version=3, effective_from=START + timedelta(days=90))
    assert choose_layout([own, shipped_later], "hq", START + timedelta(days=91)) is own


def test_the_forms_of_registration_and_cashier_are_shipped() -> None:
    assert set(FORMS) <= set(shipped_forms())
    assert shipped_layouts("../../storage") == ()
    assert shipped_layouts("no_such_form") == ()


# -- the data


def required_places(schema: Mapping[str, Any], value: Any, path: str = "") -> Iterator[tuple[str, list[str | int]]]:
    """Every required field in the sample: its path as a problem names it, and the way to it."""
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                here = f"{path}.{name}" if path else name
                if name in schema.get("required", ()):
                    yield here, [name]
                for found, way in required_places(inner, value[name], here):
                    yield found, [name, *way]
    elif isinstance(value, list) and value:
        for found, way in required_places(schema["items"], value[0], f"{path}[0]"):
            yield found, [0, *way]


PLACES = [(form, *place) for form in FORMS for place in required_places(shipped(form).fields, shipped(form).sample)]


@pytest.mark.parametrize(("form", "path", "way"), PLACES, ids=[f"{form}-{path}" for form, path, _ in PLACES])
def test_no_form_is_printed_with_a_field_missing(form: str, path: str, way: list[str | int]) -> None:
    layout = shipped(form)
    assert prepare(layout, layout.sample)
    for gap in ("absent", None, ""):
        data = copy.deepcopy(dict(layout.sample))
        holder: Any = data
        for step in way[:-1]:
            holder = holder[step]
        if gap == "absent":
            del holder[way[-1]]
        elif gap == "" and not (isinstance(holder[way[-1]], str) and _must_have_text(layout.fields, way)):
            continue
        else:
            holder[way[-1]] = gap
        with pytest.raises(PrintDataMissing) as caught:
            render(layout, data)
        assert [error["field"] for error in caught.value.errors] == [path]
        assert layout.title in caught.value.detail
        assert caught.value.errors[0]["message"] in caught.value.detail
        assert (caught.value.status, caught.value.code) == (422, "print_data_missing")


def _must_have_text(schema: Mapping[str, Any], way: list[str | int]) -> bool:
    for step in way:
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    return "minLength" in schema


def test_a_missing_field_is_named_in_chinese() -> None:
    layout = shipped("registration_slip")
    data = {key: value for key, value in layout.sample.items() if key not in ("queue_no", "room")}
    with pytest.raises(PrintDataMissing, match="挂号凭条”缺少：候诊序号（queue_no）、诊室（room）"):
        render(layout, data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fee", "15"),
        ("fee", "15.001"),
        ("fee", 15),
        ("fee", "十五"),
        ("visit_date", "2026-02-30"),
        ("visit_date", "20260302"),
        ("valid_until", "2026-03-02T24:00:00"),
        ("valid_until", "2026-03-02T08:00:00"),
        ("room", 305),
    ],
)
def test_data_of_the_wrong_kind_is_refused(field: str, value: object) -> None:
    layout = shipped("registration_slip")
    with pytest.raises(PrintDataInvalid) as caught:
        render(layout, {**layout.sample, field: value})
    assert [error["field"] for error in caught.value.errors] == [field]


def test_data_can_be_checked_before_the_print_is_counted() -> None:
    layout = shipped("registration_slip")
    check_data(layout, layout.sample)
    with pytest.raises(PrintDataMissing, match="诊室"):
        check_data(layout, {**layout.sample, "room": None})


def test_a_tender_without_its_counterpart_is_refused() -> None:
    layout = shipped("payment_slip")
    data = {key: value for key, value in layout.sample.items() if key != "change"}
    with pytest.raises(PrintDataMissing, match="找零"):
        render(layout, data)


def test_values_of_the_domain_become_plain_ones() -> None:
    moment = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    fields = {"type": "object", "properties": {name: {} for name in ("amount", "at", "day", "key", "paper", "none")}}
    prepared = prepare(
        probe(fields=fields),
        {
            "amount": Decimal("1E+2").quantize(Decimal("0.01")),
            "at": moment,
            "day": moment.date(),
            "key": UUID(int=7),
            "paper": Paper.A5,
            "extra": (1, True),
        },
    )
    assert prepared == {
        "amount": "100.00",
        "at": "2026-03-02T16:30:00+00:00",
        "day": "2026-03-02",
        "key": str(UUID(int=7)),
        "paper": "A5",
        "none": None,
        "extra": [1, True],
    }
    with pytest.raises(TypeError, match="lose cents"):
        prepare(probe(), {"text": 0.1})


def test_a_newer_program_may_say_more_than_an_older_layout_shows() -> None:
    layout = shipped("registration_slip")
    assert render(layout, {**layout.sample, "floor_map": {"points": [1, 2]}}) == render(layout, layout.sample)


# -- what filters write


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (yuan("1234567.50"), "¥1,234,567.50"),
        (yuan("-20.00"), "-¥20.00"),
        (quantity("3.0000"), "3"),
        (quantity("12.5000"), "12.5"),
        (quantity("100"), "100"),
        (price("12.3450"), "12.345"),
        (price("0.0333"), "0.0333"),
        (price("680.0000"), "680.00"),
        (price("100"), "100.00"),
        (until("2026-03-03T00:00:00+08:00"), "2026-03-02 24:00"),
        (until("2026-03-02T16:00:00+00:00"), "2026-03-02 24:00"),
        (until("2026-03-03T07:30:00+08:00"), "2026-03-03 07:30"),
        (show_date("2026-03-02T17:00:00+00:00"), "2026-03-03"),
        (weekday("2026-03-02"), "周一"),
        (mask_name("张"), "张"),
        (mask_name("张三"), "张*"),
        (mask_name("张三丰"), "张*丰"),
        (mask_name("欧阳明远"), "欧**远"),
    ],
)
def test_filters(shown: str, expected: str) -> None:
    assert shown == expected
