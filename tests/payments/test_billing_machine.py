"""Random days at the window keep every cent."""

import os

import pytest

from tests.payments.books import put_under_rules
from tests.payments.conftest import Hall
from tests.payments.money_day import MoneyDay, run_days

EXAMPLES = int(os.environ.get("HIS_MONEY_EXAMPLES", "4"))


@pytest.fixture(scope="module")
def ruled(hall: Hall) -> Hall:
    put_under_rules(hall)
    return hall


@pytest.mark.case("01", 12)
def test_random_days_keep_every_cent(ruled: Hall) -> None:
    """HIS_MONEY_EXAMPLES and HIS_MONEY_STEPS make it as long as one likes."""
    run_days(MoneyDay, ruled, EXAMPLES, print_blob=True)
