"""Acceptance cases and the tests that carry them: docs/cases.md, from docs/cases.tsv and the marks in tests/."""

import ast
import csv
from collections import defaultdict
from pathlib import Path

from shared.settings import REPOSITORY

Case = tuple[str, int]


def listed(root: Path = REPOSITORY) -> dict[Case, tuple[str, str]]:
    """(spec, case) -> (specification file, one line), in the order of the list."""
    with (root / "docs" / "cases.tsv").open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {(row["spec"], int(row["case"])): (row["file"], row["text"]) for row in rows}


def covered(root: Path = REPOSITORY) -> dict[Case, list[str]]:
    """(spec, case) -> tests marked with it, as `path::name`."""
    found: dict[Case, list[str]] = defaultdict(list)
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for case in _marks(node):
                    found[case].append(f"{path.relative_to(root).as_posix()}::{node.name}")
    return found


def document(root: Path = REPOSITORY) -> str:
    """The page: a table of counts, then every case of the specifications that have a test, with its test."""
    cases, tests = listed(root), covered(root)
    specs: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        specs[case[0]].append(case)
    begun = [spec for spec, of_spec in specs.items() if any(case in tests for case in of_spec)]
    done = sum(case in tests for case in cases)
    lines = [
        "# Acceptance cases",
        "",
        f"{done} of {len(cases)} cases of the specifications carry a test. Written by `his generate` from"
        " docs/cases.tsv and the tests; a run of the tests prints how many of them pass.",
        "",
        "| Specification | Cases | With a test |",
        "| --- | --- | --- |",
    ]
    for of_spec in specs.values():
        lines.append(f"| {cases[of_spec[0]][0]} | {len(of_spec)} | {sum(case in tests for case in of_spec)} |")
    for spec in begun:
        lines += ["", f"## {cases[specs[spec][0]][0]}", "", "| Case | What is asked | Test |", "| --- | --- | --- |"]
        for case in specs[spec]:
            text = cases[case][1].replace("|", "\\|")
            where = "<br>".join(f"`{test}`" for test in tests.get(case, [])) or "none yet"
            lines.append(f"| {case[1]} | {text} | {where} |")
    return "\n".join(lines) + "\n"


def unknown(root: Path = REPOSITORY) -> list[str]:
    """Marks that name a case nobody listed."""
    cases = listed(root)
    return [f"{case}: {', '.join(tests)}" for case, tests in covered(root).items() if case not in cases]


def _marks(node: ast.FunctionDef | ast.ClassDef) -> list[Case]:
    marks = []
    for decorator in node.decorator_list:
        if (
            isinstance(decorator, ast.Call)
            and isinstance(decorator.func, ast.Attribute)
            and decorator.func.attr == "case"
            and len(decorator.args) == 2
        ):
            spec, number = (ast.literal_eval(argument) for argument in decorator.args)
            marks.append((str(spec), int(number)))
    return marks
