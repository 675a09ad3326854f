"""Passwords that are known to everybody: at our pages and at the identity server by one list."""

import subprocess
import sys
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso.service.recovery import first_password
from shared.identity.known_passwords import is_known, lines


@pytest.mark.parametrize(
    "password",
    [
        "Password@2026",
        "P@ssw0rd123",
        "passwordPassword1!",
        "Qwertyuiop12#",
        "1qaz@WSX3edc",
        "QAZwsx123!@#",
        "Aa123456789!",
        "Aaaaaaaaaa1!",
        "Renminyiyuan@123",
        "2026-Hospital!",
        "Guilin@2025",
        "Woaini1314520!",
        "Yisheng_666!",
        "Strawberry-77",
    ],
)
def test_what_people_put_around_a_known_word_hides_nothing(password: str) -> None:
    assert is_known(password)


@pytest.mark.parametrize(
    "password",
    ["Correct-horse-42", "Lang-genug-2026", "Wo-de-mima-2026", "Kurz-und-9", "Xueye-Dengji-83", "覃小兰-Ab9-语"],
)
def test_what_nobody_knows_passes(password: str) -> None:
    assert not is_known(password)


def test_no_slip_of_paper_is_refused() -> None:
    assert not any(is_known(first_password()) for _ in range(2000))


KNOWN = list(islice(lines(), 0, None, 7))


@given(st.sampled_from(KNOWN), st.integers(0, 2**40))
def test_whatever_the_server_refuses_is_refused_here_in_any_case(line: str, upper: int) -> None:
    spelt = "".join(one.upper() if upper >> at & 1 else one for at, one in enumerate(line))
    assert is_known(spelt)


def test_the_servers_list_is_short_enough_to_be_applied_and_read_by_it() -> None:
    every = list(lines())
    assert every == sorted(set(every))
    assert all(one == one.lower() and one.isascii() and one.isprintable() and one.strip() == one for one in every)
    assert len(every) > 5_000
    assert sum(len(one) + 1 for one in every) < 250_000, "kubectl keeps a copy of what it applies, of 262,144 bytes"


def test_nothing_is_loaded_before_a_password_is_looked_at() -> None:
    told = "import sys, functions.platform.sso.main, shared.identity.realm; print('zxcvbn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
