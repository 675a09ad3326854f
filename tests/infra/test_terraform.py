"""The data centre as code: valid, formatted, and its own tests hold. The lab run is `make cluster-terraform`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.settings import REPOSITORY

HOME = REPOSITORY / "infra" / "terraform"
OWN = REPOSITORY / ".state" / "terraform" / "terraformrc"
ENVIRONMENT = {**os.environ, **({"TF_CLI_CONFIG_FILE": str(OWN)} if OWN.exists() else {})}
FILES = sorted(HOME.rglob("*.tf"))


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised copy of the configuration. Providers: those of `make providers`, or as TF_CLI_CONFIG_FILE says."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    # Terraform writes beside the files it reads.
    copy = tmp_path_factory.mktemp("terraform") / "code"
    shutil.copytree(HOME, copy, ignore=shutil.ignore_patterns(".terraform*"))
    order = ["terraform", "init", "-backend=false", "-input=false", "-no-color"]
    done = subprocess.run(order, cwd=copy, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if "Failed to query available provider packages" in done.stderr:
        pytest.skip("the providers are not to be had here")
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def run(copy: Path, *arguments: str) -> None:
    order = ["terraform", *arguments, *([] if arguments[0] == "fmt" else ["-no-color"])]
    done = subprocess.run(order, cwd=copy, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_formatted_and_valid(terraform: Path) -> None:
    run(terraform, "fmt", "-check", "-recursive")
    run(terraform, "validate")


def test_its_own_tests_hold(terraform: Path) -> None:
    run(terraform, "test")


def test_providers_are_pinned() -> None:
    versions = re.findall(r'^\s+version = "([^"]+)"', (HOME / "versions.tf").read_text(encoding="utf-8"), re.MULTILINE)
    assert versions
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)


@pytest.mark.parametrize("path", FILES, ids=[path.relative_to(HOME).as_posix() for path in FILES])
def test_no_secret_reaches_the_state(path: Path) -> None:
    """Secrets are write-only values; `data` of a secret would be kept in the state."""
    text = path.read_text(encoding="utf-8")
    for block in re.findall(r'resource "kubernetes_secret_v1".*?\n}', text, re.DOTALL):
        assert "data_wo" in block
        assert not re.search(r"^\s+(data|binary_data)\s+=", block, re.MULTILINE)


def test_no_campus_is_written_into_code() -> None:
    """The number of campuses is data: a code such as hq stands in no module."""
    for path in FILES:
        assert not re.search(r'"(hq|mch)"', path.read_text(encoding="utf-8")), path
