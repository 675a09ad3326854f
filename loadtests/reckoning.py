"""After the morning: a table by campus, the time calls took, events delivered, integrity checks, one verdict."""

import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import psycopg

from events import clock
from loadtests.morning import CampusMorning, Result
from loadtests.population.hospital import campuses
from loadtests.town import held_against
from shared.settings import Settings

EVENTS_WITHIN = 60.0


def reckon(settings: Settings, result: Result) -> int:
    """Print the morning; 0 when all adds up."""
    _table(result)
    _calls(result)
    faults = [
        f"{tally.window}: {failure}"
        for campus in result.campuses
        for tally in campus.tallies
        for failure in tally.failures
    ]
    served = sum(tally.served for campus in result.campuses for tally in campus.tallies)
    came = served + sum(sum(tally.refusals.values()) for campus in result.campuses for tally in campus.tallies)
    print(f"\n{came} patients came, {served} were served in {result.seconds:.1f} s.")
    tallies = [tally for campus in result.campuses for tally in campus.tallies]
    if not served:
        faults.append("nobody was served: see what they were refused for")
    faults += held_against(result.town, result.held, tallies)
    faults += reckon_up(settings)
    for fault in faults[:20]:
        print(f"  wrong: {fault}")
    print("Everything adds up." if not faults else f"{len(faults)} things do not add up.")
    return 1 if faults else 0


def reckon_up(settings: Settings) -> list[str]:
    """What the hospital's own books say afterwards: events delivered, every integrity check."""
    return [*_events(settings), *_integrity(settings)]


def _table(result: Result) -> None:
    names = campus_names()
    heads = ("院区", "窗口", "接待", "新建档", "挂号", "收费", "退号", "现金收入", "现金退款", "扫码收入", "扫码退款")
    heads = (*heads, "长短款", "未办成")
    rows = [heads]
    for campus in result.campuses:
        rows.append(_row(names[campus.campus], campus))
    widths = [max(_width(row[place]) for row in rows) for place in range(len(heads))]
    for row in rows:
        print("  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)))
    refusals: Counter[str] = Counter()
    for campus in result.campuses:
        for tally in campus.tallies:
            refusals.update(tally.refusals)
    if refusals:
        print("refused: " + ", ".join(f"{code} {count}" for code, count in refusals.most_common()))


def _row(name: str, campus: CampusMorning) -> tuple[str, ...]:
    tallies = campus.tallies
    return (
        name,
        str(len(tallies)),
        str(sum(tally.served for tally in tallies)),
        str(sum(tally.new_people for tally in tallies)),
        str(sum(tally.visits for tally in tallies)),
        str(sum(tally.settlements for tally in tallies)),
        str(sum(tally.cancelled for tally in tallies)),
        str(sum((tally.cash_in for tally in tallies), Decimal("0.00"))),
        str(sum((tally.cash_out for tally in tallies), Decimal("0.00"))),
        str(sum((sum(tally.scanned_in.values()) for tally in tallies), Decimal("0.00"))),
        str(sum((sum(tally.scanned_out.values()) for tally in tallies), Decimal("0.00"))),
        str(sum((tally.difference or Decimal(0) for tally in tallies), Decimal("0.00"))),
        str(sum(sum(tally.refusals.values()) for tally in tallies)),
    )


def _width(text: str) -> int:
    """Columns a terminal gives a text: two for a Chinese character."""
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)


def _calls(result: Result) -> None:
    print("\ncall                                                              count   p50 ms   p95 ms   p99 ms")
    for name, seconds in sorted(result.timings.items(), key=lambda item: -len(item[1]))[:14]:
        figures = "".join(f"{percentile(seconds, share) * 1000:9.1f}" for share in (0.5, 0.95, 0.99))
        print(f"{name:<64}{len(seconds):7d}{figures}")


def _events(settings: Settings) -> list[str]:
    """Wait until the relay has delivered everything; what stays open is a fault."""
    deadline = time.monotonic() + EVENTS_WITHIN
    with psycopg.connect(settings.auditor_database_url, autocommit=True) as connection:
        while True:
            row = connection.execute(
                # The clock tells every function every minute: there is always one on its way.
                "SELECT count(*) FILTER (WHERE closed_at IS NULL), count(*) FROM kernel.outbox"
                " WHERE NOT starts_with(reverse(type), reverse(%s))",
                [clock.SUFFIX],
            ).fetchone()
            still_open, total = row if row is not None else (0, 0)
            if not still_open or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    print(f"Events: {total} in the outbox, {still_open} not yet delivered.")
    return [f"{still_open} events were not delivered within {EVENTS_WITHIN:.0f} s"] if still_open else []


def _integrity(settings: Settings) -> list[str]:
    from integrity.runner import run

    checks = run(settings.auditor_database_url)
    broken = [check for check in checks if check.count]
    print(f"Integrity: {len(checks) - len(broken)} of {len(checks)} checks hold.")
    return [f"{check.name}: {check.count} ({check.title})" for check in broken]


def campus_names() -> dict[str, str]:
    """Campus code -> short name."""
    return {campus.code: campus.short_name for campus in campuses()}


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
