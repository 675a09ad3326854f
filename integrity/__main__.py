"""`python -m integrity`: run every check; exit 1 when one does not hold."""

import sys

from integrity.runner import run
from shared.settings import settings


def main() -> int:
    """Print a line for each check, and the rows of those that do not hold."""
    results = run(settings().auditor_database_url)
    for result in results:
        print(f"{'ok  ' if result.holds else 'WRONG'} {result.name:<40} {result.title}")
        if not result.holds:
            print(f"      {result.count}；{result.remedy}")
            for row in result.rows[:10]:
                print(f"      {row}")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
