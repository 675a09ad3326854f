"""Gates: every one declared stands in the wiring, every answer exists, and only higher modules answer lower ones."""

from importlib import import_module
from importlib.util import find_spec
from inspect import signature

from functions import registry
from functions.wiring import ANSWERS
from shared.gates import Gate


def test_declared_gates_and_the_wiring_are_the_same() -> None:
    for name in registry.MODULES:
        gates = f"functions.{name.replace('/', '.')}.gates"
        if find_spec(gates):
            import_module(gates)
    assert set(Gate.declared) == set(ANSWERS)


def test_answers_exist_and_take_a_transaction_and_a_question() -> None:
    for answers in ANSWERS.values():
        for target in answers:
            module, _, attribute = target.partition(":")
            answer = getattr(import_module(module), attribute)
            assert list(signature(answer).parameters) == ["tx", "question"]


def test_answers_come_from_above() -> None:
    order = list(registry.MODULES)
    for gate, answers in ANSWERS.items():
        asking = gate.partition(":")[0]
        for target in answers:
            answering = "/".join(target.split(".")[1:3])
            assert order.index(answering) > order.index(asking), f"{answering} stands below {asking}"
