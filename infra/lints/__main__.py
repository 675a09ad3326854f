"""Lint the project: prints each finding, exits 1 when there is one."""

import sys
from pathlib import PurePosixPath

from infra.lints.imports import cycle, module_graph, python_files
from infra.lints.rules import LONG_FILE, lint
from shared.settings import REPOSITORY


def main() -> int:
    """Run every rule over every file."""
    findings = []
    long_files = []
    for path in python_files(REPOSITORY):
        relative = PurePosixPath(path.relative_to(REPOSITORY).as_posix())
        text = path.read_text(encoding="utf-8")
        findings += lint(relative, text)
        if text.count("\n") > LONG_FILE and "migrations/versions" not in str(relative):
            long_files.append(f"{relative}: {text.count(chr(10))} lines")
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.message}")
    for line in long_files:
        print(f"note: {line}; past {LONG_FILE} ask why")
    circle = cycle(module_graph(REPOSITORY))
    if circle:
        print("modules call each other in a circle: " + " -> ".join(circle))
    return 1 if findings or circle else 0


if __name__ == "__main__":
    sys.exit(main())
