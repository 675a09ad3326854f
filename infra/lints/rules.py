"""Each rule: a name, why it exists, and a function from a parsed file to the lines that break it."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

LONG_FILE = 400
TOO_LONG_FILE = 800

PUBLIC_FILES = {"service", "gates"}
VAGUE_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
NETWORK = {"requests", "httpx", "urllib", "urllib3", "http", "socket", "smtplib", "minio", "aiohttp", "keycloak"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
PATTERNS = {"like", "ilike", "notlike", "not_like", "not_ilike", "contains", "icontains", "regexp_match"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its path from the repository root and its syntax tree."""

    path: PurePosixPath
    text: str
    tree: ast.Module

    @property
    def module(self) -> str | None:
        """`area/module` of a file below functions/, or None."""
        parts = self.path.parts
        return f"{parts[1]}/{parts[2]}" if parts[0] == "functions" and len(parts) > 3 else None

    @property
    def is_function(self) -> bool:
        return self.path.parts[0] == "functions"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line that breaks a rule."""

    path: str
    line: int
    rule: str
    message: str


Check = Callable[[Source], Iterator[tuple[int, str]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the house."""

    name: str
    why: str
    check: Check


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def private_import(source: Source) -> Iterator[tuple[int, str]]:
    """Another module is reached by its service or gates only."""
    if source.module is None:
        return
    for line, name in imported(source.tree):
        parts = name.split(".")
        if parts[0] != "functions" or len(parts) < 3:
            continue
        if parts[1] in {"registry", "wiring"}:
            yield line, f"{name}: only hosts and generators see the registry and the wiring"
        elif f"{parts[1]}/{parts[2]}" != source.module and (len(parts) < 4 or parts[3] not in PUBLIC_FILES):
            yield line, f"{name}: other modules are called through service or gates"


def kernel_imports_function(source: Source) -> Iterator[tuple[int, str]]:
    """The kernel knows no function; only the host loads the registry, by name."""
    if source.path.parts[0] not in {"shared", "events"}:
        return
    allowed = {"shared/application.py", "events/subscriptions.py", "events/asyncapi.py"}
    for line, name in imported(source.tree):
        if name.split(".")[0] == "functions" and str(source.path) not in allowed:
            yield line, f"{name}: shared and events import no function"


def commit_elsewhere(source: Source) -> Iterator[tuple[int, str]]:
    """One transaction per request: only the edge ends it."""
    if not source.is_function:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback", "begin_nested"}:
            yield node.lineno, f".{node.attr}: only @command and @query end a transaction"


def delete_statement(source: Source) -> Iterator[tuple[int, str]]:
    """Nothing clinical or financial is deleted: void, reverse or version it."""
    if not source.is_function:
        return
    for line, name in imported(source.tree):
        if name in {"sqlalchemy.delete", "sqlalchemy.sql.delete"}:
            yield line, "delete: void, reverse or version the row instead"


def raw_database(source: Source) -> Iterator[tuple[int, str]]:
    """Modules speak to the database through tx.session, so that no query leaves the wall of the campus."""
    if not source.is_function:
        return
    for line, name in imported(source.tree):
        if name.split(".")[0] in {"psycopg", "psycopg_pool"} or name in {
            "sqlalchemy.create_engine",
            "sqlalchemy.orm.Session",
        }:
            yield line, f"{name}: use tx.session and Query"


def pattern_match(source: Source) -> Iterator[tuple[int, str]]:
    """LIKE and its kin are not leakproof and lose their indexes under row-level security."""
    if not source.is_function:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PATTERNS:
            yield node.lineno, f".{node.func.attr}: use a prefix range or a search function of the database"


def clock(source: Source) -> Iterator[tuple[int, str]]:
    """Only the runtime reads the clock; use cases take tx.now, so that tests can live on another day."""
    if not source.is_function:
        return
    for node in ast.walk(source.tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in CLOCKS
        ):
            yield node.lineno, f"{node.value.id}.{node.attr}: take tx.now or tx.today"


def float_money(source: Source) -> Iterator[tuple[int, str]]:
    """Money and quantities are Decimal; a float loses cents."""
    if not source.is_function:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Name) and node.id == "float":
            yield node.lineno, "float: use Decimal (shared.money)"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"{node.value}: a float literal; write Decimal"


def network(source: Source) -> Iterator[tuple[int, str]]:
    """No network call inside a transaction: use cases run in one, so modules reach the outside through client.py."""
    if not source.is_function or source.path.name == "client.py":
        return
    for line, name in imported(source.tree):
        if name.split(".")[0] in NETWORK:
            yield line, f"{name}: reserve, call, confirm; outside calls live in client.py"


def naive_time(source: Source) -> Iterator[tuple[int, str]]:
    """Times carry their zone."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "utcnow":
            yield node.lineno, "utcnow: naive; use datetime.now(UTC)"


def vague_name(source: Source) -> Iterator[tuple[int, str]]:
    """A file is named by what it does."""
    if source.path.stem in VAGUE_NAMES:
        yield 1, f"{source.path.name}: name the file by what it does"


def too_long(source: Source) -> Iterator[tuple[int, str]]:
    """Past 800 lines nobody reads a file whole."""
    lines = source.text.count("\n") + 1
    if lines > TOO_LONG_FILE and "migrations/versions" not in str(source.path):
        yield lines, f"{lines} lines: split it, each part named by what it does"


_ADDRESS = re.compile(
    "https?://[^\\s\"']*(" + "|".join(["pypi", "npmjs", "maven", "crates", "golang", "debian"]) + r")\.", re.IGNORECASE
)


def registry_address(source: Source) -> Iterator[tuple[int, str]]:
    """What to install is named by package; where from is the machine's setting."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if _ADDRESS.search(line):
            yield number, "the address of a package registry"


RULES: tuple[Rule, ...] = tuple(
    Rule(check.__name__.replace("_", "-"), (check.__doc__ or "").strip(), check)
    for check in (
        private_import,
        kernel_imports_function,
        commit_elsewhere,
        delete_statement,
        raw_database,
        pattern_match,
        clock,
        float_money,
        network,
        naive_time,
        vague_name,
        too_long,
        registry_address,
    )
)


def lint(path: PurePosixPath, text: str) -> list[Finding]:
    """Every finding of one file."""
    source = Source(path, text, ast.parse(text))
    return [Finding(str(path), line, rule.name, message) for rule in RULES for line, message in rule.check(source)]
