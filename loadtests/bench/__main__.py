"""`python -m loadtests.bench`: measure, print, write docs/benchmarks.md."""

import argparse
import time
from datetime import UTC, datetime

from loadtests.bench import empi, functions, registration, seeding
from loadtests.bench.ground import REPOSITORY, prepared
from loadtests.bench.report import Findings, Machine, page
from shared.schemas import SHANGHAI

PAGE = REPOSITORY / "docs" / "benchmarks.md"
PARTS = ("registration", "functions", "empi")
REGISTERED = 50_000
"""People who come to be registered."""


def main() -> None:
    """Run the parts asked for. Only a whole run writes the page."""
    options = argparse.ArgumentParser(prog="python -m loadtests.bench", description=__doc__)
    options.add_argument("--only", choices=PARTS, action="append", help="a part; print it, write nothing")
    options.add_argument("--people", type=int, default=1_000_000, help="people in the patient index")
    options.add_argument("--seconds", type=float, default=3.0, help="length of one measurement of registration")
    options.add_argument("--rounds", type=int, default=2, help="measurements of each kind")
    wanted = options.parse_args()
    parts = wanted.only or PARTS
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {text}", flush=True)

    findings = Findings()
    with prepared() as ground:
        with ground.superuser() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        machine = Machine.here(str(row[0]) if row else "")
        say("the database stands")
        seeding.open_hospital(ground)
        say("both campuses are open")
        if "functions" in parts:
            findings.functions = functions.measure(ground, say)
        largest = max(wanted.people, REGISTERED)
        population = seeding.Population(ground, largest, empi.SPARE)
        if "registration" in parts:
            population.grow(REGISTERED)
            workload = seeding.put_on_sale(ground, REGISTERED)
            say(f"{REGISTERED:,} people, {seeding.SESSIONS * seeding.NUMBERS:,} numbers on sale")
            findings.registration = registration.measure(ground, workload, say, wanted.seconds, wanted.rounds)
        if "empi" in parts:
            findings.index = empi.measure(ground, population, largest, say)
    text = page(machine, findings, datetime.now(UTC).astimezone(SHANGHAI).date())
    print(text)
    if set(parts) == set(PARTS):
        PAGE.write_text(text, encoding="utf-8")
        say(f"written to docs/{PAGE.name}")


if __name__ == "__main__":
    main()
