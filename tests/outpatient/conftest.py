"""What every test of the outpatient area starts from."""

import pytest

from functions.outpatient.schedule.api.reading import SHOWN


@pytest.fixture(autouse=True)
def _nothing_shown() -> None:
    """One process answers for the hospitals of many tests here: nothing shown in one is shown in the next."""
    SHOWN.clear()
