"""Gates: questions a lower module asks before it acts, answered by modules above it.

The asking module declares the gate in its gates.py; functions/wiring.py lists who answers; the kernel asks
them in the asking transaction. An answer objects with `block` (nothing is written; the way out is shown), `warn`
(goes on when the user confirms the code, which is audited) or `inform` (shown with the answer).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Generic, Literal, TypeVar

from shared.problems import Problem
from shared.tx import Tx

Q = TypeVar("Q")
Level = Literal["block", "warn", "inform"]


@dataclass(frozen=True, slots=True)
class Objection:
    """One answer to a gate's question. `message` says why, `way_out` what the user can do."""

    level: Level
    code: str
    message: str
    way_out: str = ""

    def document(self) -> dict[str, str]:
        return {"level": self.level, "code": self.code, "message": self.message, "way_out": self.way_out}


class GateBlocked(Problem):
    status = 409
    code = "gate_blocked"
    title = "当前不能继续"


class ConfirmationRequired(Problem):
    status = 409
    code = "confirmation_required"
    title = "请确认后继续"


class Gate(Generic[Q]):
    """A named question. `name` is `<area>/<module>: <gate>` as in the specification's gate table."""

    declared: dict[str, "Gate[Any]"] = {}  # noqa: RUF012  the register of declarations, filled at import

    def __init__(self, name: str) -> None:
        self.name = name
        Gate.declared[name] = self

    def ask(self, tx: Tx, question: Q, confirmed: Sequence[str] = ()) -> list[Objection]:
        """Ask everyone wired to this gate. Returns the informing answers; raises for the others.

        `confirmed` holds codes of warnings the user has read and accepted; each is audited.
        """
        objections = [objection for answer in _answers(self.name) for objection in answer(tx, question)]
        blocks = [objection for objection in objections if objection.level == "block"]
        if blocks:
            raise GateBlocked(_say(blocks), objections=[objection.document() for objection in objections])
        warnings = [objection for objection in objections if objection.level == "warn"]
        open_warnings = [objection for objection in warnings if objection.code not in confirmed]
        if open_warnings:
            raise ConfirmationRequired(_say(open_warnings), objections=[item.document() for item in objections])
        for warning in warnings:
            tx.audit("gate.confirmed", "gate", self.name, objection=warning.code)
        return [objection for objection in objections if objection.level == "inform"]


def _say(objections: Iterable[Objection]) -> str:
    return "；".join(item.message + (f"（{item.way_out}）" if item.way_out else "") for item in objections)


@cache
def _answers(name: str) -> tuple[Callable[[Tx, Any], Iterable[Objection]], ...]:
    wiring: dict[str, tuple[str, ...]] = import_module("functions.wiring").ANSWERS
    found = []
    for target in wiring.get(name, ()):
        module, _, attribute = target.partition(":")
        found.append(getattr(import_module(module), attribute))
    return tuple(found)
