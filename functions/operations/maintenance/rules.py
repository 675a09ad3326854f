"""Rules of operation and maintenance: pure, no I/O (spec 46; limits of spec 47 "Start rules")."""

from datetime import datetime, time, timedelta
from typing import Literal

from shared.problems import NotFound, Problem
from shared.schemas import SHANGHAI, midnight

Health = Literal["ok", "retrying", "failing"]
Lag = Literal["ok", "late", "stuck"]

LATE = timedelta(seconds=60)
STUCK = timedelta(minutes=10)
RETRYING_FOR_LONG = timedelta(minutes=5)

CHECK_INTEGRITY = "check_integrity"
NIGHTLY = time(2, 0)
"""When the checks are planned, Asia/Shanghai."""
TAKE_OVER_AFTER = timedelta(minutes=15)
"""A run whose worker died is taken over by another after this."""

HEALTH_NAMES = {"ok": "正常", "retrying": "有事件正在重试", "failing": "有事件未能处理"}
LAG_NAMES = {"ok": "及时", "late": "有积压", "stuck": "严重积压"}


class NoSuchModule(NotFound):
    code = "no_such_module"
    title = "没有这个功能"


class NoSuchLetter(NotFound):
    code = "no_such_dead_letter"
    title = "没有这条死信"


class LetterOfAnotherCampus(Problem):
    status = 409
    code = "dead_letter_of_another_campus"
    title = "死信属于其他院区"


class LetterReplayed(Problem):
    status = 409
    code = "dead_letter_replayed"
    title = "死信已经重放"


class ReplayAsked(Problem):
    status = 409
    code = "replay_already_asked"
    title = "该死信正等待重放"
    constraint = "uq_dead_letter_actions_open"
    constraint_detail = "已有人要求重放这条死信，后台正在处理，请稍后刷新查看结果。"


class ChecksRunning(Problem):
    status = 409
    code = "integrity_checks_running"
    title = "核对正在进行"
    constraint = "uq_job_runs_open"
    constraint_detail = "一次核对正在进行，请稍后刷新查看结果。"


def health(dead_letters: int, retrying_since: datetime | None, now: datetime) -> Health:
    """State of a function by what it left undone: a dead letter needs a person, a retry only time.

    A retry that lasts longer than 5 minutes (spec 47: consumer lag) counts as failing.
    """
    if dead_letters > 0:
        return "failing"
    if retrying_since is None:
        return "ok"
    return "failing" if now - retrying_since > RETRYING_FOR_LONG else "retrying"


def lag(oldest_open: datetime | None, now: datetime) -> Lag:
    """State of the outbox by the age of its oldest open event: over 60 s late, over 10 min stuck (spec 47)."""
    if oldest_open is None or now - oldest_open <= LATE:
        return "ok"
    return "late" if now - oldest_open <= STUCK else "stuck"


def seconds(span: timedelta) -> int:
    """Whole seconds, never less than none (clocks of two machines may differ)."""
    return max(0, span // timedelta(seconds=1))


def last_planned(now: datetime) -> datetime:
    """The latest moment at which the nightly checks were due."""
    local = now.astimezone(SHANGHAI)
    planned = datetime.combine(local.date(), NIGHTLY, SHANGHAI)
    return planned if planned <= local else planned - timedelta(days=1)


def start_of_day(now: datetime) -> datetime:
    """00:00 of the hospital's day."""
    return midnight(now.astimezone(SHANGHAI).date())
