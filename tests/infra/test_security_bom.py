"""The bill of materials names everything in the image, and nothing about where it was built."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from infra.image import debian, libraries
from infra.security.bom import SCHEMA, document
from infra.security.parts import HERE, canonical, parts, project, python_parts

LINE = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)

FORM = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"],
    "properties": {
        "$schema": {"const": SCHEMA},
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "serialNumber": {"pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"timestamp": {"type": "string"}, "component": {"$ref": "#/definitions/component"}},
        },
        "components": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/definitions/component"}},
        "dependencies": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["ref"],
                "additionalProperties": False,
                "properties": {
                    "ref": {"type": "string", "minLength": 1},
                    "dependsOn": {"type": "array", "uniqueItems": True, "items": {"type": "string", "minLength": 1}},
                },
            },
        },
    },
    "definitions": {
        "component": {
            "type": "object",
            "required": ["type", "name"],
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["library", "container"]},
                "bom-ref": {"type": "string", "minLength": 1},
                "name": {"type": "string"},
                "version": {"type": "string", "maxLength": 1024},
                "purl": {"type": "string", "pattern": r"^pkg:(pypi|deb/debian)/[^\s/@]+@[^\s/@]+$"},
                "hashes": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["alg", "content"],
                        "additionalProperties": False,
                        "properties": {
                            "alg": {"const": "SHA-256"},
                            "content": {"type": "string", "pattern": "^[a-f0-9]{64}$"},
                        },
                    },
                },
            },
        }
    },
}
"""The part of CycloneDX 1.6 that the bill uses, as strict as the published schema or stricter."""


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return document(parts())


def of(bill: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in bill["components"] if one["purl"].startswith(f"pkg:{kind}/")}


def test_it_has_the_form_of_the_standard(bill: dict[str, Any]) -> None:
    Draft7Validator.check_schema(FORM)
    assert [error.message for error in Draft7Validator(FORM).iter_errors(bill)] == []
    broken = json.loads(json.dumps(bill))
    broken["components"][0]["hashes"][0]["content"] = "none"
    assert not Draft7Validator(FORM).is_valid(broken)


def test_every_locked_library_is_in_it_with_its_checksums(bill: dict[str, Any]) -> None:
    text = libraries.LOCK.read_text(encoding="utf-8")
    locked = {canonical(name): version for name, version in LINE.findall(text)}
    found = of(bill, "pypi")
    assert len(locked) > 50
    assert {name: one["version"] for name, one in found.items()} == locked
    recorded = [digest["content"] for one in found.values() for digest in one["hashes"]]
    assert sorted(recorded) == sorted(re.findall(r"sha256:([0-9a-f]{64})", text))
    assert all(one["hashes"] for one in found.values())


def test_every_debian_package_is_in_it_with_its_checksum(bill: dict[str, Any]) -> None:
    found = of(bill, "deb")
    assert {name: (one["version"], one["hashes"][0]["content"]) for name, one in found.items()} == {
        package.name: (package.version, package.sha256) for package in debian.locked()
    }
    assert "upstream=openssl" in found["libssl3"]["purl"]


def test_sources_are_named_for_packages_there_are() -> None:
    named = set(
        re.findall(r'^"?([a-z0-9.+-]+)"? = ', (HERE / "sources.toml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    packages = {package.name for package in debian.locked()}
    assert named <= packages
    own = {"base-files", "ca-certificates", "fonts-noto-cjk", "media-types", "netbase", "tzdata"}
    assert packages - named == own, "a new package: look up its Source, or add it here when it is its own"


def test_everything_is_asked_for_by_something_that_is_there(bill: dict[str, Any]) -> None:
    """From our own name every component is reached: nothing is in the image that nobody wants."""
    needs = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    reached, waiting = set[str](), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting += needs[one]
    assert reached == set(needs)
    assert {one["bom-ref"] for one in bill["components"]} == reached - {"@".join(project())}


def test_it_names_no_address_and_no_place(bill: dict[str, Any]) -> None:
    text = json.dumps(bill)
    assert re.findall(r"[a-z]+://[^\"]*", text) == [SCHEMA]
    assert str(Path.home()) not in text
    assert str(libraries.REPOSITORY) not in text


def test_the_same_locks_give_the_same_bill(bill: dict[str, Any]) -> None:
    assert document(list(reversed(parts()))) == bill
    other = document(parts()[1:] if parts()[0].wanted_by else [], datetime(2026, 11, 23, tzinfo=UTC))
    assert other["serialNumber"] != bill["serialNumber"]
    assert other["metadata"]["timestamp"] == "2026-11-23T00:00:00+00:00"


def test_a_lock_file_is_read_as_it_is_written() -> None:
    text = (
        f"Some_Lib[extra]==1.2.post1 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
        f"    # via\n    #   consortium-his (pyproject.toml)\n    #   other\n"
        f"other==2+local \\\n    --hash=sha256:{'c' * 64}\n    # via consortium-his (pyproject.toml)\n"
    )
    first, second = python_parts(text)
    assert (first.name, first.version, first.wanted_by) == ("some-lib", "1.2.post1", ("", "other"))
    assert first.hashes == ("a" * 64, "b" * 64)
    assert (second.purl, second.wanted_by) == ("pkg:pypi/other@2%2Blocal", ("",))


def test_the_program_writes_it(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "bill.json"
    order = [sys.executable, "-m", "infra.security", "sbom", "--output", str(output)]
    done = subprocess.run(order, cwd=libraries.REPOSITORY, capture_output=True, text=True, check=True)
    assert json.loads(output.read_text(encoding="utf-8"))["components"] == document(parts())["components"]
    assert done.stdout == f"{len(parts())} components\n"
