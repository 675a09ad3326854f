"""`python -m infra.security sbom | audit | leaks`: needs the lock files and nothing from outside."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.image.libraries import REPOSITORY
from infra.security import advisories, bom, leaks
from infra.security.parts import parts
from infra.security.rating import LEVELS

OUTPUT = REPOSITORY / ".state" / "sbom.cdx.json"


def main() -> int:
    """Run one command; 0 is good, 1 is a finding, 2 means that nothing can be said."""
    parser = argparse.ArgumentParser(prog="python -m infra.security", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sbom = commands.add_parser("sbom", help="write the bill of materials of the image")
    sbom.add_argument("--output", type=Path, default=OUTPUT)
    audit = commands.add_parser("audit", help="known flaws, from the folder HIS_ADVISORIES names")
    audit.add_argument("--advisories", type=Path, default=os.environ.get("HIS_ADVISORIES"))
    audit.add_argument("--level", choices=LEVELS[1:], default="critical", help="from which level a flaw is a failure")
    audit.add_argument("--stale-after", type=int, default=7, metavar="DAYS", help="how old the newest advisory may be")
    commands.add_parser("leaks", help="secrets in files of the repository")
    given = parser.parse_args()
    match given.command:
        case "sbom":
            return _sbom(given.output)
        case "audit":
            return _audit(given.advisories, given.level, timedelta(days=given.stale_after))
        case _:
            found = leaks.scan(REPOSITORY)
            print("\n".join(map(str, found)) or "no secret found")
            return 1 if found else 0


def _sbom(output: Path) -> int:
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(seconds), UTC) if seconds else None
    bill = bom.document(parts(), moment)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    print(f"{len(bill['components'])} components")
    return 0


def _audit(folder: Path | None, least: str, stale_after: timedelta) -> int:
    if folder is None:
        print(
            "HIS_ADVISORIES is not set: name the folder where the site mirrors OSV's archives for PyPI and Debian:12.",
            file=sys.stderr,
        )
        return 2
    today = datetime.now(UTC).date()
    try:
        flaws = advisories.audit(folder, parts(), today, stale_after)
    except advisories.AuditError as error:
        print(error, file=sys.stderr)
        return 2
    accepted = advisories.acceptances(advisories.ACCEPTED.read_text(encoding="utf-8"))
    failing = advisories.open_flaws(flaws, accepted, today, least)
    for flaw in flaws:
        print(f"{'FAILS' if flaw in failing else 'known'} {flaw}")
    print(f"{len(flaws)} known flaws, {len(failing)} of them a failure at level {least}")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
