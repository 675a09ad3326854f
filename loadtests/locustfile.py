"""Locust: a clinic day in fast motion, with every post whose journey exists.

    locust -f loadtests/locustfile.py --headless --visits 2000 --speed 60 --html report.html
    locust -f loadtests/locustfile.py --headless --begins 08:00 --ends 08:30 --speed 30 --fault kill-function

The local stack (`make up`) or a cluster (`eval "$(python -m infra.cluster settings)"`) must run; addresses and accounts
come from the HIS_ settings. Users live in loadtests/users/, one file per post. The exit code is 1 when a cent, a number
or an event is missing or doubled, when a request failed, or when the day was slower than --p95 allows.
"""

import logging
import os
import pkgutil
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import time
from importlib import import_module
from itertools import cycle
from typing import Any

import gevent
from gevent.event import Event
from locust import LoadTestShape, events
from locust.env import Environment

from functions.platform.sso.client import WeChatLogin
from infra.his.settings import load
from loadtests import users
from loadtests.clinic_day import ClinicDay, faults, summary
from loadtests.desk import PATIENCE
from loadtests.users import HospitalUser
from loadtests.users.patient import MiniProgram, Patient
from loadtests.window import ASKS

log = logging.getLogger("clinic day")
LAST_WORK = PATIENCE + 2 * ASKS + 30.0
"""Seconds a user gets for what they are at when the day ends: the longest wait for an answer and for a payment."""
FAULTS = ("kill-function", "restart-database", "stop-relay")
over = Event()


def _found() -> Iterator[type[HospitalUser]]:
    for module in pkgutil.iter_modules(users.__path__):
        for value in vars(import_module(f"loadtests.users.{module.name}")).values():
            if not isinstance(value, type) or not issubclass(value, HospitalUser) or value is HospitalUser:
                continue
            if not getattr(value, "left_out", str)():  # a post stays away where its outside world is missing
                yield value


for _user in _found():
    _user.fixed_count = _user.share
    globals()[_user.__name__] = _user  # Locust looks for classes here
del _user


class FastDay(LoadTestShape):
    """All users from the start; the day ends when everybody came and nobody waits."""

    abstract = False

    def tick(self) -> tuple[int, float] | None:
        day: ClinicDay | None = getattr(self.runner.environment, "clinic_day", None)
        if day is None:
            return None if over.is_set() else (0, 1)
        if day.over() or self.get_run_time() > 4 * day.seconds + 120:
            return None
        count = sum(user.share for user in _found())
        return count, count


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    parser.add_argument("--visits", type=int, default=2000, help="visits of the whole day at all campuses")
    parser.add_argument("--begins", type=time.fromisoformat, default=time(7, 30), help="replay from this hour")
    parser.add_argument("--ends", type=time.fromisoformat, default=time(17, 30), help="replay until this hour")
    parser.add_argument("--speed", type=float, default=60.0, help="times faster than life")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="the same seed brings the same people"
    )
    parser.add_argument("--p95", type=float, default=0.0, help="fail when slower, in ms; 0 asks nothing")
    parser.add_argument(
        "--fault", action="append", choices=[*FAULTS, "all"], help="strike again and again (local stack)"
    )
    parser.add_argument("--every", type=float, default=8.0, help="seconds between two faults")


@events.test_start.add_listener
def _open(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    environment.stop_timeout = LAST_WORK
    try:
        _prepare(environment, options)
    except BaseException:
        over.set()  # a hospital that cannot be entered has no day to wait for
        raise


def _prepare(environment: Environment, options: Any) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a request says nothing that the statistics do not
    day = ClinicDay(
        load(),
        visits=options.visits,
        begins=options.begins,
        ends=options.ends,
        speed=options.speed,
        seed=options.seed,
    )
    day.prepare()
    if not Patient.left_out():
        environment.mini_program = MiniProgram(day.front, WeChatLogin())
        environment.mini_program.open()
    environment.clinic_day = day
    log.info("%s patients in %.0f s, seed %s", day.patients, day.seconds, options.seed)
    gevent.spawn(_admit, day)
    wanted = options.fault or []
    kinds = FAULTS if "all" in wanted else tuple(wanted)
    if kinds:
        environment.striker = gevent.spawn(_strike, kinds, options.every)


def _admit(day: ClinicDay) -> None:
    begun = gevent.get_hub().loop.now()
    while True:
        day.admit(gevent.get_hub().loop.now() - begun)
        gevent.sleep(0.05)


def _strike(kinds: tuple[str, ...], every: float) -> None:
    for kind in cycle(kinds):
        if over.wait(every):
            return
        subprocess.run([sys.executable, "-m", "loadtests.faults", kind], check=True, env=dict(os.environ))
        log.info("%s", kind)


@events.test_stop.add_listener
def _mend(environment: Environment, **_: Any) -> None:
    striker = getattr(environment, "striker", None)
    if striker is not None:
        over.set()
        striker.join()  # what was struck is mended first


@events.quitting.add_listener
def _judge(environment: Environment, **_: Any) -> None:
    from loadtests.reckoning import reckon_up

    day: ClinicDay | None = getattr(environment, "clinic_day", None)
    if day is None:
        environment.process_exit_code = 1
        return
    day.receive()
    print(summary(day))
    total = environment.stats.total
    wrong = [*faults(day), *reckon_up(day.settings)]
    if Patient.left_out():
        print(f"Left out: patients with the mini-program ({Patient.left_out()}).")
    else:
        print(environment.mini_program.visits.summary())
        wrong += environment.mini_program.visits.faults()
    if total.num_failures:
        causes = [str(error.error)[:120] for error in environment.stats.errors.values()]
        wrong.append(f"{total.num_failures} requests failed: {causes[:3]}")
    runner = environment.runner
    wrong += [str(one["msg"]) for one in runner.exceptions.values()] if runner else []
    slowest = environment.parsed_options.p95
    p95 = total.get_response_time_percentile(0.95) or 0
    print(f"{total.num_requests} requests, p50 {total.median_response_time} ms, p95 {p95:.0f} ms")
    if slowest and p95 > slowest:
        wrong.append(f"p95 {p95:.0f} ms, wanted {slowest:.0f}")
    for fault in wrong[:20]:
        print(f"  wrong: {fault}")
    print("Everything adds up." if not wrong else f"{len(wrong)} things do not add up.")
    environment.process_exit_code = 1 if wrong else 0
    day.front.close()  # after the verdict, which a realm that does not answer must not swallow
