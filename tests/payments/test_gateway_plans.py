"""Every list, lock and claim of the gateway keeps its index behind row-level security; few round trips a use case."""

import importlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from functions.payments.gateway import service
from shared.database.query import Query
from tests.payments.gateway_town import Town, open_town
from tests.payments.measuring import measuring
from tests.payments.test_plans import generic_plan

MODULES = ("payments", "refunds", "merchants", "certificates")
NO_TABLE = {"CAMPUS_OF"}
"""Asks a function, whose own plan is not shown."""


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
    with psycopg.connect(town.hospital.settings.database_url, autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SELECT set_config('his.campus', 'hq', false), set_config('his.readable', 'hq', false)")
        yield connection


@pytest.mark.parametrize("query", list(queries()))
def test_no_scan_of_a_whole_table(application: "psycopg.Connection[Any]", query: Query[Any]) -> None:
    assert "Seq Scan on" not in (plan := generic_plan(application, query)), plan


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
