"""Service and model packages load a part when it is first used; what they promise is there."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from shared.lazy import homes_in

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    path for path in ROOT.glob("functions/*/*/*/__init__.py") if "loaded_on_use" in path.read_text(encoding="utf-8")
)


def name_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(ROOT).parts)


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_every_promised_part_is_there_and_public(path: Path) -> None:
    homes = homes_in(path.read_text(encoding="utf-8"))
    package = import_module(name_of(path))

    assert sorted(homes) == sorted(package.__all__)
    for name in homes:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("path", PACKAGES, ids=name_of)
def test_no_part_is_called_like_a_file_beside_it(path: Path) -> None:
    files = {file.stem for file in path.parent.glob("*.py")}

    assert not files & set(homes_in(path.read_text(encoding="utf-8")))


def test_an_unknown_name_is_refused_as_any_module_would() -> None:
    from functions.payments import billing  # noqa: F401  the package must exist to be asked

    with pytest.raises(AttributeError, match="no attribute 'post_chargez'"):
        import_module("functions.payments.billing.service").post_chargez  # noqa: B018


def test_a_door_alone_loads_no_use_case() -> None:
    door = "functions.payments.billing.service"
    asked = f"import sys, {door}; print([name for name in sys.modules if name.startswith('{door}.')])"
    loaded = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
