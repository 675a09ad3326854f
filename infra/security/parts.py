"""The parts of the image: Python libraries of requirements.lock and Debian packages of infra/image/packages.lock."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.image import debian, libraries

HERE = Path(__file__).parent
PROJECT = libraries.REPOSITORY / "pyproject.toml"
RELEASE = "12"
"""The Debian release the packages are of."""

_LIBRARY = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Part:
    """One library or package of one version. `hashes` are SHA-256 of the files it may be installed from; `source` is
    the name advisories use; `wanted_by` are the names of the libraries that ask for it (ours as `""`)."""

    ecosystem: str
    name: str
    version: str
    hashes: tuple[str, ...]
    source: str
    wanted_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL, an identifier scanners agree on; it names no place to fetch from."""
        if self.ecosystem == "PyPI":
            return f"pkg:pypi/{self.name}@{quote(self.version, safe='')}"
        extra = f"distro=debian-{RELEASE}"
        if self.source != self.name:
            extra += f"&upstream={quote(self.source, safe='')}"
        return f"pkg:deb/debian/{quote(self.name, safe='')}@{quote(self.version, safe='')}?{extra}"


def canonical(name: str) -> str:
    """A library's name as PyPI compares it: `Flask_Login` is `flask-login`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def project() -> tuple[str, str]:
    """Our own name and version."""
    about = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return about["name"], about["version"]


def python_parts(text: str) -> list[Part]:
    """Libraries of a lock file as `make lock` writes it: name, version, checksums, and who asks for each."""
    own, _ = project()
    found = []
    matches = list(_LIBRARY.finditer(text))
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        block = text[match.end() : following.start() if following else len(text)]
        comments = re.findall(r"^ +# +(?:via +)?(\S.*)$", block, re.MULTILINE)
        askers = {comment.split(" (")[0] for comment in comments if comment != "via"}
        found.append(
            Part(
                ecosystem="PyPI",
                name=canonical(match[1]),
                version=match[2],
                hashes=tuple(sorted(_HASH.findall(block))),
                source=canonical(match[1]),
                wanted_by=tuple(sorted("" if asker == own else canonical(asker) for asker in askers)),
            )
        )
    return found


def debian_parts(packages: list[debian.Package]) -> list[Part]:
    """Debian packages, each with the source its advisories are filed under."""
    sources = tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))
    return [
        Part(
            ecosystem=f"Debian:{RELEASE}",
            name=package.name,
            version=package.version,
            hashes=(package.sha256,),
            source=sources.get(package.name, package.name),
            wanted_by=("",),
        )
        for package in packages
    ]


def parts() -> list[Part]:
    """Everything in the image that we did not write."""
    return python_parts(libraries.LOCK.read_text(encoding="utf-8")) + debian_parts(debian.locked())
