"""The sandbox layouts run in: data in, escaped markup out, nothing else within reach.

The person who edits a layout is trusted with its looks only. Attribute access ends at the fields of the data,
so there is no method to call and no way to a class; arithmetic, includes, `safe` and switching escaping off
do not exist; work is bounded by the size of the data.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, UndefinedError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shared.printing.filters import FILTERS
from shared.printing.problems import LayoutBroken

_KEPT_FILTERS = ("batch", "default", "first", "join", "last", "length", "list", "slice", "trim", "upper")
_LOOP = frozenset(
    ("index", "index0", "revindex", "revindex0", "first", "last", "length", "cycle", "changed", "previtem", "nextitem")
)
_REFUSED = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.ScopedEvalContextModifier,
    nodes.EvalContextModifier,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
)


class _Sandbox(ImmutableSandboxedEnvironment):
    def __init__(self) -> None:
        super().__init__(
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=lambda value: "" if value is None else value,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {**{name: self.filters[name] for name in _KEPT_FILTERS}, **FILTERS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Fields of the data and positions of its lists; of everything else only what a loop tells."""
        if isinstance(obj, LoopContext) and argument in _LOOP:
            return getattr(obj, argument)
        if isinstance(obj, Undefined):
            raise UndefinedError(f"{argument} of nothing")
        known = (isinstance(obj, dict) and isinstance(argument, str)) or (
            isinstance(obj, list | tuple) and isinstance(argument, int | slice)
        )
        try:
            return obj[argument] if known else self.unsafe_undefined(obj, str(argument))
        except LookupError:
            return self.undefined(obj=obj, name=str(argument))


_SANDBOX = _Sandbox()


@lru_cache(maxsize=256)
def compiled(html: str) -> Template:
    """The template of a layout, compiled once. Raises LayoutBroken when it can't be, or uses what is not there."""
    try:
        tree = _SANDBOX.parse(html)
        refused = next(iter(tree.find_all(_REFUSED)), None)
        if refused is not None:
            raise LayoutBroken(f"版式第 {refused.lineno} 行使用了不允许的语句（{type(refused).__name__}）。")
        return _SANDBOX.from_string(html)
    except TemplateError as error:
        raise LayoutBroken(f"版式无法编译：{error}") from error


def fill(html: str, values: Mapping[str, Any]) -> str:
    """The layout's body with the data in it, escaped. Raises LayoutBroken for a field that is not declared."""
    try:
        return compiled(html).render(values)
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise LayoutBroken(f"版式与内容不符，无法打印：{error}") from error


def used_fields(html: str) -> set[str]:
    """Top-level fields a layout reads."""
    compiled(html)
    return find_undeclared_variables(_SANDBOX.parse(html))
