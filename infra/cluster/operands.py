"""Images of the data services for a cluster without a container registry of the vendors.

    python -m infra.cluster.operands        # record the newest packages of the suites

PostgreSQL and PgBouncer come as Debian's packages, unpacked without running anything of theirs; CloudNativePG's
operator and MinIO are built from their Go modules, Keycloak is the release that Maven brings, on the wheel's Java. Data
centres with a mirror of the vendors' images take those; what is inside is the same code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.image import debian, interpreter, oci, rootfs
from infra.image.debian import Package, PackageError, PackageGone
from infra.image.push import push
from shared.settings import REPOSITORY

HERE = Path(__file__).parent / "images"
CACHE = REPOSITORY / ".state" / "operands"
OPERATOR = "github.com/cloudnative-pg/cloudnative-pg"
OPERATOR_VERSION = "v1.29.0"
"""The version of the CRDs in infra/k8s/schemas."""
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

_LEFT_OUT = re.compile(
    r"usr/share/(doc|man|info|locale|lintian|bug|bash-completion|perl5|debconf|doc-base|i18n|zsh|vim|pam-configs)(/|$)"
    r"|usr/share/zoneinfo/(right|posix)(/|$)"
    r"|etc/(cron|init|logrotate|default|profile|skel|dpkg|systemd|pam\.d)"
    r"|(usr/lib/)?(sysusers|tmpfiles|systemd|udev)\b"
    r"|usr/lib/(sysusers|tmpfiles|systemd)\b|usr/lib/postgresql/\d+/lib/(bitcode|pgxs)(/|$)"
    r"|(var|boot|home|root|media|mnt|opt|srv|run|proc|sys|dev)(/|$)"
    r"|usr/lib/[^/]+/(gconv|audit|perl-base)(/|$)"
)


@dataclass(frozen=True, slots=True)
class Operand:
    """An image of Debian packages: the suite that has the version wanted, and who runs in it."""

    name: str
    suite: str
    user: str
    uid: int
    path: str
    packages: tuple[str, ...]
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def lock(self) -> Path:
        return HERE / f"{self.name}.lock"

    @property
    def config(self) -> dict[str, Any]:
        return {
            "User": f"{self.uid}:{self.uid}",
            "WorkingDir": "/",
            "Env": [f"PATH={self.path}", "LANG=C.UTF-8", "HOME=/tmp"],
            "Labels": {"org.opencontainers.image.title": self.name},
        }


# A shell is there because PostgreSQL runs what archives and restores its log through one, and initdb the server.
_COMMON = (
    *("base-files", "coreutils", "dash", "libacl1", "libattr1", "libaudit1", "libc-bin", "libc6", "libcap-ng0"),
    *("libcap2", "libcrypt1", "libgcc-s1", "libgmp10", "libpam0g", "libpcre2-8-0", "libselinux1", "libssl3t64"),
    *("libsystemd0", "libzstd1", "netbase", "tzdata", "zlib1g"),
)

POSTGRES = Operand(
    name="postgresql",
    suite="forky",
    user="postgres",
    uid=26,
    path="/usr/lib/postgresql/18/bin:/usr/bin",
    packages=(
        *_COMMON,
        *("postgresql-18", "postgresql-client-18", "libpq5", "libcom-err2", "libgssapi-krb5-2", "libicu78"),
        *("libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0", "libldap2", "liblz4-1", "libnuma1"),
        *("libreadline8t64", "libsasl2-2", "libstdc++6", "libtinfo6", "liburing2", "libuuid1", "libxml2-16"),
        *("libxslt1.1", "libxxhash0", "libgcrypt20", "libgpg-error0"),
    ),
)
PGBOUNCER = Operand(
    name="pgbouncer",
    suite="trixie",
    user="pgbouncer",
    uid=998,
    path="/usr/sbin:/usr/bin",
    packages=(*_COMMON, "pgbouncer", "libcares2", "libevent-2.1-7t64"),
    # Where the operator looks for it.
    links={"usr/bin/pgbouncer": "../sbin/pgbouncer"},
)
KEYCLOAK = Operand(
    name="keycloak",
    suite="trixie",
    user="keycloak",
    uid=65532,
    path="/opt/java/bin:/usr/bin",
    # What kc.sh, a script, runs with.
    packages=(*_COMMON, "bash", "findutils", "grep", "sed", "libtinfo6"),
    links={"usr/bin/kc.sh": "../../opt/keycloak/bin/kc.sh"},
)
MINIO = Operand(
    name="minio",
    suite="trixie",
    user="minio",
    uid=65532,
    path="/usr/bin",
    packages=("base-files", "libc-bin", "libc6", "libgcc-s1", "netbase", "tzdata"),
)
OPERANDS = (POSTGRES, PGBOUNCER, KEYCLOAK, MINIO)
KEYCLOAK_OPTIONS = ("--db=postgres", "--health-enabled=true", "--metrics-enabled=true")
"""What is built in, as infra/his/manifests/data.py says of the image."""

_GO = os.environ | {
    "PATH": f"{os.environ['PATH']}:/usr/local/go/bin",
    "CGO_ENABLED": "0",
    "GOFLAGS": "-p=2 -buildvcs=false",
    "GOTOOLCHAIN": "local",
}

Say = Callable[[str], None]


def locked(operand: Operand) -> list[Package]:
    """The recorded packages of an operand."""
    return debian.locked(operand.lock)


def version(operand: Operand) -> str:
    """Version of the program an operand is there for, without what Debian adds to it."""
    main = next(one for one in locked(operand) if re.fullmatch(rf"{operand.name}(-\d+)?", one.name))
    return main.version.partition("-")[0]


def lock(operand: Operand, cache: Path = CACHE) -> str:
    """Text of an operand's lock file for the newest versions its suite has."""
    environment = _apt(operand, cache, fresh=True)
    lines = [
        f"# {operand.name}: packages of Debian {operand.suite}. Written by `python -m infra.cluster.operands lock`."
    ]
    names = sorted(operand.packages)
    for described in _run(["apt-cache", "show", "--no-all-versions", *names], env=environment).strip().split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|SHA256): (\S+)$", described, re.MULTILINE))
        lines.append(str(Package(fields["Package"], fields["Version"], fields["SHA256"])))
    return "\n".join(lines) + "\n"


def tree(operand: Operand, say: Say, cache: Path = CACHE) -> Path:
    """The root file system of an operand, kept until its lock changes. Raises PackageError when it would not start.

    A suite moves on and its mirror forgets; then today's packages of it are taken, checked by apt's signatures alone,
    and said. These images are the lab's: the hospital's own image is built from what is recorded or not at all.
    """
    packages = locked(operand)
    recipe = hashlib.sha256(operand.lock.read_bytes() + f"{operand}{_LEFT_OUT}".encode()).hexdigest()[:16]
    target = cache / f"{operand.name}-{recipe}"
    if target.exists():
        return target
    root = cache / f"{operand.name}-{os.getpid()}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        try:
            _lay_out(operand, packages, root, cache)
        except PackageGone:
            say(f"{operand.name}: Debian {operand.suite} no longer has what is recorded; its packages of today instead")
            shutil.rmtree(root)
            packages = debian.listed(lock(operand, cache))
            _lay_out(operand, packages, root, cache)
        missing = unmet(root)
        if missing:
            raise PackageError(f"{operand.name} lacks a package of a library:\n" + "\n".join(missing))
        root.rename(target)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    say(f"{operand.name}: {len(packages)} packages of Debian {operand.suite}")
    return target


def keycloak(release: Path, java: Path, say: Say, cache: Path = CACHE) -> Path:
    """The root file system of Keycloak: the vendor's release, built for PostgreSQL, beside Java."""
    base = tree(KEYCLOAK, say, cache)
    target = cache / f"{base.name}-{release.name}"
    if target.exists():
        return target
    root = cache / f"keycloak-{os.getpid()}"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root, symlinks=True)
    try:
        home = root / "opt/keycloak"
        shutil.copytree(release, home, symlinks=True)
        shutil.copytree(java, root / "opt/java", symlinks=True)
        shutil.rmtree(home / "data", ignore_errors=True)
        (home / "data").mkdir()
        for script in (home / "bin").glob("*.sh"):
            script.chmod(0o755)
        build = [str(home / "bin/kc.sh"), "build", *KEYCLOAK_OPTIONS]
        _run(build, env={"PATH": os.environ["PATH"], "JAVA_HOME": str(java), "HOME": str(cache)})
        shutil.rmtree(home / "data")
        (home / "data").mkdir()
        root.rename(target)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    say(f"{release.name}: built {' '.join(KEYCLOAK_OPTIONS)}")
    return target


def minio(program: Path, say: Say, cache: Path = CACHE) -> Path:
    """The root file system of MinIO: what `make minio` builds, on the C library it is linked to."""
    root = cache / "minio-root"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(tree(MINIO, say, cache), root, symlinks=True)
    shutil.copyfile(program, root / "usr/bin/minio")
    (root / "usr/bin/minio").chmod(0o755)
    (root / "data").mkdir()
    return root


def unmet(root: Path) -> list[str]:
    """Programs and libraries of a root that ask for a library it does not have: `file: library`."""
    order = [str(part) for part in interpreter.loader(root)]
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or not _elf(path):
            continue
        done = subprocess.run([*order, "--list", str(path)], capture_output=True, text=True, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            place = line.partition(" => ")[2].split(" (")[0]
            if "not found" in line or (place and not place.startswith(str(root))):
                found.append(f"{path.relative_to(root)}: {line.strip()}")
    return found


def put(root: Path, image: str, registry: str, pulled_from: str, config: Mapping[str, Any], cache: Path = CACHE) -> str:
    """Push a root file system as an image (name:version) of one layer; returns what the cluster pulls, by digest.

    The version stays in the reference: CloudNativePG reads PostgreSQL's from it.
    """
    name = image.partition(":")[0]
    layout = cache / f"layout-{name}-{os.getpid()}"
    draft = cache / f"{name}-{os.getpid()}.tar"
    try:
        layers = [oci.layer(root, draft, f"infra/cluster: {name}")]
        digest = oci.write_layout(
            layout, layers, architecture=debian.architecture(), name=f"{pulled_from}/{image}", config=config
        )
        push(layout, f"{registry}/{image}", plain=True)
    finally:
        shutil.rmtree(layout, ignore_errors=True)
        draft.unlink(missing_ok=True)
    return f"{pulled_from}/{image}@{digest}"


def go_program(module: str, version: str, package: str, name: str, say: Say, cache: Path = CACHE) -> Path:
    """A program built from its Go module, kept under its version. Some minutes the first time, on two cores.

    The module's source is built where it lies: `go install` would also ask the proxy for every version there is.
    """
    target = cache / "bin" / f"{name}-{version}"
    if target.exists():
        return target
    draft = cache / "bin" / f"draft-{os.getpid()}"
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        order = ["go", "build", "-C", str(go_source(module, version)), "-trimpath", "-ldflags=-s -w", "-o", str(draft)]
        _run([*order, f".{package}"], env=_GO)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    say(f"built {name} {version}")
    return target


def go_source(module: str, version: str) -> Path:
    """Folder of a module's source, as the module proxy has it."""
    known = _run(["go", "mod", "download", "-json", f"{module}@{version}"], env=_GO)
    return Path(json.loads(known)["Dir"])


def single_program(program: Path, place: str, cache: Path = CACHE, links: Mapping[str, str] | None = None) -> Path:
    """A root file system of one static program."""
    root = cache / f"{program.name}-root"
    shutil.rmtree(root, ignore_errors=True)
    (root / place).parent.mkdir(parents=True)
    shutil.copyfile(program, root / place)
    (root / place).chmod(0o755)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("his:x:65532:65532:his:/tmp:/nonexistent\n", encoding="utf-8")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    for link, to in (links or {}).items():
        (root / link).symlink_to(to)
    return root


def placed(name: str, reference: str) -> dict[str, str]:
    """What kustomize is told to put in the place of an image's name."""
    tagged, _, digest = reference.partition("@")
    folder, _, last = tagged.rpartition("/")
    return {"name": name, "newName": f"{folder}/{last.partition(':')[0]}", "digest": digest}


# -- parts


def _lay_out(operand: Operand, packages: list[Package], root: Path, cache: Path) -> None:
    rootfs.begin(root)
    environment = _apt(operand, cache)
    for package in packages:
        for member, content in debian.members(_fetch(package, cache, environment)):
            rootfs.place(root, member, content, _LEFT_OUT)
    rootfs.furnish(root, operand.user, operand.uid, "/bin/sh")
    if (root / "usr/bin/dash").exists():
        (root / "usr/bin/sh").unlink(missing_ok=True)
        (root / "usr/bin/sh").symlink_to("dash")
    for link, to in operand.links.items():
        (root / link).symlink_to(to)


def _fetch(package: Package, cache: Path, environment: Mapping[str, str]) -> Path:
    before = os.environ.get("APT_CONFIG")
    os.environ["APT_CONFIG"] = environment["APT_CONFIG"]
    try:
        return debian.fetch(package, cache / "debs")
    finally:
        if before is None:
            del os.environ["APT_CONFIG"]
        else:
            os.environ["APT_CONFIG"] = before


def _apt(operand: Operand, cache: Path, *, fresh: bool = False) -> dict[str, str]:
    """apt of its own for a suite this machine does not run: same mirror, same keys, nothing installed."""
    home = cache / "apt" / operand.suite
    for folder in ("lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    known = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).splitlines()
    mirror = next(one for one in known if "debian" in one and "security" not in one)
    (home / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {mirror} {operand.suite} main\n", encoding="utf-8")
    lines = [
        f'Dir::Etc::sourcelist "{home}/sources.list";',
        'Dir::Etc::sourceparts "/dev/null";',
        f'Dir::State::lists "{home}/lists";',
        'Dir::State::status "/dev/null";',
        f'Dir::Cache "{home}/cache";',
        'APT::Install-Recommends "false";',
        'APT::Sandbox::User "root";',
    ]
    (home / "apt.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    environment = os.environ | {"APT_CONFIG": str(home / "apt.conf"), "LC_ALL": "C"}
    if fresh or not list((home / "lists").glob("*_Packages*")):
        _run(["apt-get", "-qq", "update"], env=environment)
    return environment


def _elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _run(order: list[str], env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(order, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise PackageError(f"{' '.join(order)}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def main() -> None:
    """Record the packages of every operand."""
    for operand in OPERANDS:
        operand.lock.write_text(lock(operand), encoding="utf-8")
        print(f"{operand.lock.relative_to(REPOSITORY)}: {len(operand.packages)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
