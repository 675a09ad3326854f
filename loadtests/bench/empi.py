"""The patient index with a county in it: searches and a registration, as the role of the functions and bare."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import NamedTuple
from uuid import UUID

from functions.patients.index import service as patients
from functions.patients.index.schemas.people import FindPatients
from functions.patients.index.service import DocumentRead, IdentifierType, RegisterPatient, numbers
from loadtests.bench.ground import Ground, Superuser
from loadtests.bench.recording import recorded
from loadtests.bench.seeding import CAMPUS, Population
from loadtests.bench.workload import patient_id
from loadtests.population import Person
from shared.identity.actor import Actor
from shared.runtime import Runtime
from shared.telemetry import accept_trace
from shared.tx import Tx

SEARCHES = 300
WARM = 20
SEED = 7
SAMPLE = 20_000
COMMON = 30
SPARE = 600
"""Newcomers asked of the population: after the children among them, who need a guardian, enough are left."""
EXACT, FUZZY = 0.005, 0.050
"""Targets of the service's p99 in seconds."""


class Search(NamedTuple):
    """One kind of search: seconds of the service, with its commit, and of the bare statements, each in order of size.

    `hits` is the number of people found on average. `limit` is the target for the service's p99, in seconds.
    """

    title: str
    limit: float | None
    service: list[float]
    whole: list[float]
    bare: list[float]
    hits: float


class HeldNumber(NamedTuple):
    """A certificate of the index, as it stands there."""

    identifier_id: UUID
    value: str
    sealed: str | None


class Index(NamedTuple):
    """How many people the index had, seconds to load them, and the searches."""

    people: int
    loading: float
    searches: list[Search]


def measure(ground: Ground, population: Population, count: int, say: Callable[[str], None]) -> Index:
    """Bring the index to `count` people and search it."""
    started = time.perf_counter()
    population.grow(count)
    loading = time.perf_counter() - started
    say(f"{count:,} people in the index after {loading:.0f} s")
    texts = _texts(ground, count)
    runtime = Runtime(ground.settings)
    searches = []
    try:
        with ground.superuser() as bare:
            bare.execute("SELECT set_config('his.subject', 'bench', false)")
            bare.execute("SELECT set_config('his.campus', %s, false)", [CAMPUS])
            for title, limit, wanted in texts:
                searches.append(_search(runtime, bare, title, limit, wanted))
                say(f"{title}: p99 {percentile(searches[-1].service, 0.99) * 1000:.1f} ms")
        newcomers = [person for person in population.newcomers(SPARE) if person.guardian is None]
        searches.append(_registration(runtime, newcomers[: SEARCHES + WARM]))
    finally:
        runtime.close()
    return Index(count, loading, searches)


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _texts(ground: Ground, population: int) -> list[tuple[str, float | None, list[str]]]:
    """What is typed, by kind, drawn from the people who are there."""
    random = Random(SEED)
    drawn = random.sample(range(population), min(population, SAMPLE))
    with ground.superuser() as connection:
        rows = connection.execute(
            "SELECT p.name, p.name_pinyin, p.name_initials, p.phone, i.identifier_id, i.value, i.sealed"
            " FROM patients.patients AS p JOIN patients.identifiers AS i USING (patient_id)"
            " WHERE patient_id = ANY (%s::uuid[])",
            [[patient_id(number) for number in drawn]],
        ).fetchall()
    documents = [numbers.number_of(HeldNumber(row[4], row[5], row[6])) for row in rows]
    names = Counter(row[0] for row in rows)
    common = [name for name, _ in names.most_common(COMMON)]
    rare = sorted(name for name, count in names.items() if count == 1)
    endings = sorted({name[-1] for name in names})
    wanted = SEARCHES + WARM

    def draw(values: Sequence[str]) -> list[str]:
        return [random.choice(values) for _ in range(wanted)]

    def misspelt(values: Sequence[str]) -> list[str]:
        return [name[:-1] + random.choice(endings) for name in draw(values)]

    return [
        ("ID number", EXACT, draw(documents)),
        ("last four of the ID number", FUZZY, draw([number[-4:] for number in documents])),
        ("birthday and last four of it", FUZZY, draw([number[-8:] for number in documents])),
        ("phone", EXACT, draw([row[3] for row in rows])),
        ("name, one of the most common", FUZZY, draw(common)),
        ("name, rare", FUZZY, draw(rare)),
        ("name, one character apart from a common one", FUZZY, misspelt(common)),
        ("name, one character apart from a rare one", FUZZY, misspelt(rare)),
        ("pinyin in full", FUZZY, draw([row[1] for row in rows])),
        ("pinyin initials", FUZZY, draw([row[2] for row in rows])),
    ]


def _search(runtime: Runtime, bare: Superuser, title: str, limit: float | None, wanted: Sequence[str]) -> Search:
    """Each text once through the service and once as its bare statements, in turns."""
    service, whole, alone = [], [], []
    hits = 0
    for number, text in enumerate(wanted):
        started = time.perf_counter()
        with recorded() as sent, _transaction(runtime) as tx:
            found = patients.find(tx, FindPatients(text=text))
            answered = time.perf_counter()
        ended = time.perf_counter()
        statements = [one for one in sent if one.sql.startswith("SELECT") and "set_config" not in one.sql]
        begun = time.perf_counter()
        for one in statements:
            bare.execute(one.sql, one.params).fetchall()
        if number >= WARM:
            alone.append(time.perf_counter() - begun)
            service.append(answered - started)
            whole.append(ended - started)
            hits += len(found.items)
    return Search(title, limit, sorted(service), sorted(whole), sorted(alone), hits / len(service))


def _registration(runtime: Runtime, newcomers: Sequence[Person]) -> Search:
    """People nobody knows yet, compared with everybody who may be the same person."""
    service, whole = [], []
    for number, person in enumerate(newcomers):
        command = RegisterPatient(
            document=DocumentRead(type=IdentifierType.RESIDENT_ID, number=person.id_number),
            name=person.name,
            phone=person.phone,
        )
        started = time.perf_counter()
        with _transaction(runtime) as tx:
            patients.register_patient(tx, command)
            answered = time.perf_counter()
        ended = time.perf_counter()
        if number >= WARM:
            service.append(answered - started)
            whole.append(ended - started)
    return Search("registration of a new person", None, sorted(service), sorted(whole), [], 0.0)


@contextmanager
def _transaction(runtime: Runtime) -> Iterator[Tx]:
    """A registrar's transaction, as the edge of a request opens it."""
    actor = Actor(kind="staff", subject="bench", name="bench", posts={CAMPUS: frozenset({"registrar"})})
    with runtime.database.transaction(runtime.scope(actor, CAMPUS, "patients.index.read")) as session:
        yield Tx(session, actor, CAMPUS, runtime.clock(), accept_trace(None))
