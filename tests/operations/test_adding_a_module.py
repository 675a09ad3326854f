"""docs/adding-a-module.md, carried out to the letter in a copy of the repository: the page cannot go stale."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.settings import REPOSITORY
from tests.support import services

PAGE = REPOSITORY / "docs" / "adding-a-module.md"
COPIED = ("clients", "docs", "events", "functions", "infra", "integrity", "loadtests", "shared", "tests")
BLOCK = re.compile(r"^```(\w+) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A file the page tells to write, or (`diff`) lines it tells to add to one."""

    kind: str
    path: str
    text: str


def steps() -> list[Step]:
    found = [Step(*match.groups()) for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
    return [_renumbered(step) for step in found]


def _renumbered(step: Step) -> Step:
    """The page's migration comes after the newest one there is."""
    if "migrations/versions" not in step.path:
        return step
    newest = max(path.name[:4] for path in (REPOSITORY / "infra" / "migrations" / "versions").glob("[0-9]*.py"))
    ours = f"{int(newest) + 1:04d}"
    text = re.sub(r'^revision = "\d+"', f'revision = "{ours}"', step.text, flags=re.MULTILINE)
    text = re.sub(r'^down_revision = "\d+"', f'down_revision = "{newest}"', text, flags=re.MULTILINE)
    return Step(step.kind, re.sub(r"/\d{4}_", f"/{ours}_", step.path), text)


def _apply(step: Step, root: Path) -> None:
    path = root / step.path
    if step.kind != "diff":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text, encoding="utf-8")
        return
    lines = step.text.splitlines(keepends=True)
    assert {line[0] for line in lines} == {" ", "+"}, f"{step.path}: only added lines and their surroundings"
    before = "".join(line[1:] for line in lines if line[0] == " ")
    after = "".join(line[1:] for line in lines)
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1, f"{step.path} has changed: {before!r} stands there {content.count(before)} times"
    path.write_text(content.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("copy")
    skipped = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
    for name in COPIED:
        shutil.copytree(REPOSITORY / name, root / name, ignore=skipped)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, root / name)
    if (REPOSITORY / ".mypy_cache").exists():  # what the lint knows of the files that are as they were
        shutil.copytree(REPOSITORY / ".mypy_cache", root / ".mypy_cache")
    for step in steps():
        _apply(step, root)
    yield root
    shutil.rmtree(root)


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python module in the copy, with the servers of this run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HIS_"))}
    environment |= {"PYTHONPATH": str(root), "HIS_TEST_STATE": str(services.STATE), "HIS_TEST_KEEP": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_the_page_names_every_file_of_its_example() -> None:
    written = {step.path.rsplit("/", 1)[-1] for step in steps() if "wheelchairs" in step.path}
    assert {"models.py", "rules.py", "queries.py", "schemas.py", "service.py", "api.py", "main.py"} <= written


def test_the_module_of_the_page_passes_its_tests_and_its_wall_stands(copy: Path) -> None:
    assert services.postgres().ready()
    files = ("tests/outpatient/test_wheelchairs.py", "tests/architecture/test_isolation.py")
    done = run(copy, "pytest", "-p", "no:cacheprovider", "-q", *files)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_house_accepts_its_code(copy: Path) -> None:
    files = [step.path for step in steps() if step.path.endswith(".py")]
    typed = [path for path in files if path.endswith(("service.py", "rules.py"))]
    for arguments in (("ruff", "check", *files), ("ruff", "format", "--check", *files), ("infra.lints",)):
        done = run(copy, *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}{done.stderr[-1000:]}"
    done = run(copy, "mypy", *typed)
    assert done.returncode == 0, done.stdout


def test_the_drafted_migration_is_the_page_s(copy: Path) -> None:
    [page] = [step for step in steps() if "migrations/versions" in step.path]
    (copy / page.path).unlink()
    done = run(copy, "infra.migrations.draft", "wheelchairs")
    assert done.returncode == 0, done.stderr
    assert (copy / page.path).read_text(encoding="utf-8") == page.text


def test_the_generators_know_it(copy: Path) -> None:
    done = run(copy, "infra.his", "generate")
    assert done.returncode == 0, done.stderr
    changed = (copy / "docs" / "reference" / "permissions.md").read_text(encoding="utf-8")
    assert "`outpatient.wheelchairs.write`" in changed
