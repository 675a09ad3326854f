"""Rules between lines as they are made: what each kind must say, and that none includes itself. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

SCOPES = ("request", "day", "visit")
"""Over what a rule counts: one request or operation, one calendar day, one visit or stay."""


_PARAMS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "time_unit_rounding": (frozenset({"first", "step"}), frozenset()),
    "extension_pct": (frozenset({"percent"}), frozenset()),
    "surcharge_pct": (frozenset({"percent"}), frozenset({"charge_code"})),
    "surcharge_fixed": (frozenset({"amount"}), frozenset({"charge_code"})),
    "first_n_free": (frozenset({"quantity"}), frozenset({"scope", "each"})),
    "reduce_pct_after_first": (frozenset({"percent"}), frozenset({"scope", "each"})),
    "cap_per_request": (frozenset(), frozenset({"amount", "quantity", "each"})),
    "cap_per_day": (frozenset(), frozenset({"amount", "quantity", "each"})),
    "cap_per_visit": (frozenset(), frozenset({"amount", "quantity", "each"})),
    "max_quantity": (frozenset({"quantity"}), frozenset({"scope", "each"})),
    "mutually_exclusive": (frozenset(), frozenset({"scope"})),
    "included_in": (frozenset(), frozenset({"scope"})),
}
"""Kind -> what a rule of it must say and what it may say."""
KINDS = tuple(_PARAMS)
CONDITIONS = frozenset({"age_below", "emergency", "night_from", "night_to"})
"""When a surcharge or an extension applies; of several, all."""


def params_faults(
    kind: str, params: Mapping[str, Any], subjects: Collection[str], others: Collection[str]
) -> list[str]:
    """What is wrong with a rule, in the officer's words."""
    must, may = _PARAMS[kind]
    if kind in {"extension_pct", "surcharge_pct", "surcharge_fixed"}:
        may = may | CONDITIONS
    faults = [f"缺少参数 {name}" for name in sorted(must - params.keys())]
    faults += [f"参数 {name} 不适用于此类规则" for name in sorted(params.keys() - must - may)]
    if kind.startswith("cap_per_") and len({"amount", "quantity"} & params.keys()) != 1:
        faults.append("封顶须在金额 amount 与数量 quantity 中取一个")
    if ("night_from" in params) != ("night_to" in params):
        faults.append("夜间须同时写明起止时间")
    if params.get("scope", "day") not in SCOPES:
        faults.append("范围 scope 须为 request、day 或 visit")
    if kind == "included_in" and not others:
        faults.append("须写明包含它的项目")
    if kind != "included_in" and others:
        faults.append("此类规则没有对方项目")
    if kind == "mutually_exclusive" and len(subjects) < 2:
        faults.append("互斥至少两个项目")
    return faults


def includes_itself(edges: Iterable[tuple[str, str]]) -> list[str]:
    """A circle among `part included in whole`, as the items along it; empty when there is none."""
    wholes: dict[str, set[str]] = defaultdict(set)
    for part, whole in edges:
        wholes[part].add(whole)
    done: set[str] = set()
    for start in sorted(wholes):
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(wholes[start])))]
        path.append(start)
        on_path.add(start)
        while stack:
            item, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                on_path.discard(path.pop())
                done.add(item)
            elif step in on_path:
                return [*path[path.index(step) :], step]
            elif step not in done:
                path.append(step)
                on_path.add(step)
                stack.append((step, iter(sorted(wholes[step]))))
    return []
