"""Patients of the load test are left out where no WeChat signs them on. Their day is part of the morning's."""

import os
import subprocess
import sys

import pytest

from shared.settings import REPOSITORY


def told(url: str) -> dict[str, str]:
    return {
        "HIS_WECHAT_LOGIN_URL": url,
        "HIS_WECHAT_LOGIN_APPID": "wx-load",
        "HIS_WECHAT_LOGIN_SECRET": "wechat-app-secret-of-the-load-test",
    }


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({}, "no WeChat log-in simulator behind"),
        (told("https://wechat.example"), "no WeChat log-in simulator behind"),
        (told("http://127.0.0.1:9"), "no WeChat log-in simulator answers at"),
        ({**told("http://127.0.0.1:9"), "HIS_WECHAT_LOGIN_SECRET": ""}, "no WeChat log-in simulator behind"),
    ],
)
def test_without_a_simulator_patients_stay_away_and_the_report_says_why(extra: dict[str, str], reason: str) -> None:
    program = (
        "import loadtests.locustfile as day, sys; print([u.__name__ for u in day._found()], day.Patient.left_out())"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HIS_WECHAT_LOGIN")}
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**clean, "HIS_DATABASE_URL": "postgresql://nowhere", **extra, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Patient" not in said
    assert "Registrar" in said
    assert reason in said
