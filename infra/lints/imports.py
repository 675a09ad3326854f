"""The graph of calls between modules: who imports whose service or gates."""

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from infra.lints.rules import imported

IGNORED = {".venv", ".state", ".git", "node_modules", "__pycache__"}


def python_files(root: Path) -> list[Path]:
    """Every Python file of the project."""
    return sorted(path for path in root.rglob("*.py") if not IGNORED & set(path.relative_to(root).parts))


def module_graph(root: Path) -> dict[str, set[str]]:
    """module -> modules it calls, from the files below functions/."""
    graph: dict[str, set[str]] = {}
    for path in python_files(root / "functions"):
        parts = PurePosixPath(path.relative_to(root).as_posix()).parts
        if len(parts) < 4:
            continue
        caller = f"{parts[1]}/{parts[2]}"
        calls = graph.setdefault(caller, set())
        for _, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            target = name.split(".")
            if target[0] == "functions" and len(target) > 3 and (called := f"{target[1]}/{target[2]}") != caller:
                calls.add(called)
    return graph


def cycle(graph: Mapping[str, set[str]]) -> list[str] | None:
    """A cycle of modules, first and last the same, or None."""
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> list[str] | None:
        if node in trail:
            return [*trail[trail.index(node) :], node]
        if node in done:
            return None
        for target in sorted(graph.get(node, ())):
            if found := visit(target, [*trail, node]):
                return found
        done.add(node)
        return None

    for node in sorted(graph):
        if found := visit(node, []):
            return found
    return None
