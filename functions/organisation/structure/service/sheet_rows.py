"""What the loaders of sheets share: rows, what a row becomes, and why one is refused."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from functions.organisation.structure.queries.structure import TREE_ON
from functions.organisation.structure.rules.sheets import SHEETS, BadRow
from shared.problems import Problem
from shared.tx import Tx

Row = tuple[int, dict[str, Any]]
"""Number in the sheet, fields."""
Ready = list[tuple[int, Callable[[], object]]]
"""Number in the sheet, what loads it."""


def units_here(tx: Tx) -> dict[str, Any]:
    """Units of the acting campus today, by code."""
    return {unit.code: unit for unit in tx.session.all(TREE_ON, campus=tx.campus, day=tx.today)}


def known_as(by_name: dict[str, Any], name: object, title: str) -> Any:
    """What a cell names. Raises BadRow."""
    if name not in by_name:
        raise BadRow(f"“{title}”{name} 不存在，请核对")
    return by_name[str(name)]


def later(do: Callable[..., object], *arguments: object) -> Callable[[], object]:
    """A call for after the whole sheet has been read."""
    return lambda: do(*arguments)


_TITLES = {column.field: column.title for _, columns in SHEETS.values() for column in columns}


def why(bad: Exception) -> str:
    """What to mend in a row."""
    if isinstance(bad, ValidationError):
        places = [_TITLES.get(str(error["loc"][0]), "本行") if error["loc"] else "本行" for error in bad.errors()]
        return f"{'、'.join(dict.fromkeys(places))} 不符合要求，请核对格式"
    return bad.detail if isinstance(bad, Problem) else str(bad)
