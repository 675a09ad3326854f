"""Every list, lock and claim of the gateway keeps its index behind row-level security; few round trips a use case."""

import importlib
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from functions.payments.gateway import service
from functions.payments.gateway.queries import payments as searches
from shared.database.query import Query
from shared.ids import new_id
from tests.payments.gateway_town import NOON, Town, open_town
from tests.payments.measuring import measuring
from tests.support import plans

MODULES = ("payments", "refunds", "merchants", "certificates", "messages", "forgeries")
NO_TABLE = {"CAMPUS_OF", "MESSAGE_KEYS"}
"""Asks a function, whose own plan is not shown; all of a handful of keys."""


def queries() -> Iterator[Any]:
    for name in MODULES:
        module = importlib.import_module(f"functions.payments.gateway.queries.{name}")
        for constant, value in vars(module).items():
            if isinstance(value, Query) and constant not in NO_TABLE:
                yield pytest.param(value, id=f"{name}.{constant}")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets")) as one:
        yield one


@pytest.fixture(scope="module")
def application(town: Town) -> Iterator["psycopg.Connection[Any]"]:
    """The application's role, acting at a campus."""
    with plans.application(town.hospital) as connection:
        yield connection


@pytest.mark.parametrize("query", list(queries()))
def test_no_scan_of_a_whole_table(application: "psycopg.Connection[Any]", query: Query[Any]) -> None:
    assert "Seq Scan on" not in (plan := plans.generic_plan(application, query)), plan


def test_an_intent_costs_three_round_trips(town: Town) -> None:
    with measuring() as measure:
        payment = town.intend("10.00")
    assert measure.rounds <= 3, measure
    with measuring() as measure:
        service.carry_out(town.steps(), payment.payment_id)
    assert measure.rounds <= 10, measure


def test_a_notification_costs_few_round_trips(town: Town) -> None:
    payment = town.start("11.00")
    assert town.wechat.pay(payment.order_no)
    [letter] = town.channels.take_letters()
    with measuring() as measure:
        assert town.deliver([letter]) == [200]
    assert measure.rounds <= 7, measure
    with measuring() as measure:
        town.steps().step(
            lambda tx: service.request_refund(tx, payment.payment_id, Decimal("1.00"), "measured", "退费")
        )
    assert measure.rounds <= 4, measure


SEARCHES: list[tuple[Query[Any], dict[str, Any], str]] = [
    (searches.OF_PATIENT, {"patients": [new_id(), new_id()]}, "ix_gateway_payments_patient"),
    (searches.OF_ENCOUNTER, {"encounter": new_id()}, "ix_gateway_payments_encounter"),
    (
        searches.OF_AMOUNT,
        {"yuan": Decimal("17.00"), "since": NOON - timedelta(days=2), "until": NOON - timedelta(days=1)},
        "ix_gateway_payments_amount",
    ),
]


def test_each_search_has_an_index_of_its_own_among_many_payments(town: Town) -> None:
    payment = town.start("12.00")
    service.close_payment(town.steps(), payment.payment_id)
    town.hospital.execute(
        "INSERT INTO payments.gateway_payments SELECT (jsonb_populate_record(p, jsonb_build_object("
        "'payment_id', gen_random_uuid(), 'order_no', 'many' || n, 'ref_id', 'many' || n,"
        " 'patient_id', gen_random_uuid(), 'encounter_id', gen_random_uuid(), 'amount', 1 + n %% 300,"
        " 'created_at', p.created_at - n * interval '10 minutes'))).*"
        " FROM payments.gateway_payments p, generate_series(1, 20000) n WHERE p.payment_id = %s",
        [payment.payment_id],
    )
    town.hospital.execute("ANALYZE payments.gateway_payments")
    before = UUID(int=2**128 - 1)
    for query, params, index in SEARCHES:
        asked = {"campus": "hq", "before": before, "limit": 50, **params}
        found = town.steps().step(lambda tx, query=query, asked=asked: plans.plan(tx, query, **asked))
        assert index in found, found
        assert "Seq Scan on" not in found, found
    town.hospital.execute("DELETE FROM payments.gateway_payments WHERE order_no LIKE 'many%%'", [])
