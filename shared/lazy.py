"""Packages whose parts are loaded when they are first used.

A service package names its use cases in one place, for readers, type checkers and the import rules; a process that
serves one of them, or calls one from another module, should not load the other eighty:

    if TYPE_CHECKING:
        from functions.payments.billing.service.charges import post_charges, void_charge
    __getattr__ = loaded_on_use(__name__)

Python asks `__getattr__` for a name it does not find in the package (PEP 562); the second time it finds it. No part may
be called like the file it comes from: Python itself puts a loaded file into its package under that name.

A module's problems are loaded with its first part: the database may find a refusal by a constraint, wherever the
statement stands, and the kernel must know then what it means.
"""

import ast
import gc
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

_frozen = Event()


def freeze() -> None:
    """Keep what is loaded out of the collector's way, and from now on what will be: none of it ever goes."""
    gc.freeze()
    _frozen.set()


class Home(NamedTuple):
    """Where a part is really written."""

    module: str
    name: str


def loaded_on_use(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package: what its source imports for type checkers only, imported at first use."""
    module = sys.modules[package]
    problems = f"{package.rpartition('.')[0]}.problems"
    homes = homes_in(Path(str(module.__file__)).read_text(encoding="utf-8"))

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if find_spec(problems) is not None:
            import_module(problems)
        value = getattr(import_module(home.module), home.name)
        setattr(module, name, value)
        if _frozen.is_set():
            gc.freeze()
        return value

    return load


def homes_in(source: str) -> dict[str, Home]:
    """Name -> home of every import under `if TYPE_CHECKING:`."""
    return {
        one.asname or one.name: Home(str(line.module), one.name)
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for one in line.names
    }
