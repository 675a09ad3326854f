"""Data of a form: made plain, completed and held against the layout's schema before a single line is drawn."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from shared.printing.layout import Layout
from shared.printing.problems import LayoutBroken, PrintDataInvalid, PrintDataMissing

_MONEY = re.compile(r"-?\d{1,12}\.\d{2}")
_QUANTITY = re.compile(r"\d{1,10}(\.\d{1,4})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def prepare(layout: Layout, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data a template sees: plain JSON values, every declared field present (an absent optional one is None).

    Raises PrintDataMissing naming the fields that are absent, null or empty though required, and PrintDataInvalid
    for values of the wrong kind. Fields the layout does not know are let through unseen, so that an older
    layout still prints for a newer program.
    """
    plain = _plain(data)
    missing: dict[str, str] = {}
    invalid: dict[str, str] = {}
    for error in validator(layout).iter_errors(plain):
        for path, schema in _places(error):
            (missing if _absent(error) else invalid)[path] = _title(schema, path)
    if missing:
        raise PrintDataMissing(
            f"“{layout.title}”缺少：{'、'.join(missing.values())}。内容补齐后再打印。", **_report(layout, missing)
        )
    if invalid:
        raise PrintDataInvalid(
            f"“{layout.title}”的内容不合规定：{'、'.join(invalid.values())}。请联系信息科。", **_report(layout, invalid)
        )
    completed: dict[str, Any] = _complete(layout.fields, plain)
    return completed


def check_data(layout: Layout, data: Mapping[str, Any]) -> None:
    """Raise what `render` would for this data: for use inside the transaction that counts a print done after it."""
    prepare(layout, data)


def _report(layout: Layout, places: Mapping[str, str]) -> dict[str, Any]:
    errors = [{"field": path, "message": title} for path, title in places.items()]
    return {"errors": errors, "form": layout.form, "layout_version": layout.version}


def validator(layout: Layout) -> Any:
    """The schema's validator. References outside the schema are refused, so none is ever fetched."""
    return _validator(_Schema(layout.fields))


class _Schema:
    """A schema as a cache key: layouts are facts, so its identity is its text."""

    __slots__ = ("fields", "text")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        self.text = repr(fields)

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Schema) and self.text == other.text


@lru_cache(maxsize=256)
def _validator(schema: _Schema) -> Any:
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry

    checker = FormatChecker(formats=())
    checker.checks("money")(lambda value: not isinstance(value, str) or bool(_MONEY.fullmatch(value)))
    for name in ("quantity", "price"):
        checker.checks(name)(lambda value: not isinstance(value, str) or bool(_QUANTITY.fullmatch(value)))
    checker.checks("date", raises=ValueError)(_is_date)
    checker.checks("date-time", raises=ValueError)(_is_moment)
    registry: Registry[Any] = Registry()
    return Draft202012Validator(schema.fields, format_checker=checker, registry=registry)


def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(_DATE.fullmatch(value) and date.fromisoformat(value))


def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _plain(value: Any) -> Any:
    """JSON values: money and quantities as exact decimal strings, times in ISO 8601; null is the same as absent."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | str() | int():
            return value
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items() if item is not None}
        case Sequence():
            return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} can't be printed; floats in particular lose cents")


def _absent(error: Any) -> bool:
    """Whether an error says that something is not there rather than that it is wrong."""
    return error.validator in ("required", "dependentRequired", "minLength", "minItems")


def _places(error: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    path = _path(error.absolute_path)
    if error.validator == "required":
        wanted = error.validator_value
    elif error.validator == "dependentRequired":
        wanted = [name for given, names in error.validator_value.items() if given in error.instance for name in names]
    else:
        yield path, error.schema
        return
    for name in wanted:
        if name not in error.instance:
            yield (f"{path}.{name}" if path else name), error.schema.get("properties", {}).get(name, {})


def _path(parts: Sequence[str | int]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _title(schema: Mapping[str, Any], path: str) -> str:
    title = schema.get("title")
    return f"{title}（{path}）" if title else path


def _complete(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return {
            **dict.fromkeys(properties),
            **{name: _complete(properties.get(name, {}), item) for name, item in value.items()},
        }
    if isinstance(value, list):
        return [_complete(schema.get("items", {}), item) for item in value]
    return value


def check_schema(layout: Layout) -> None:
    """Raise LayoutBroken when `fields` is no JSON schema of an object, or points outside itself."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(dict(layout.fields))
    except SchemaError as error:
        raise LayoutBroken(f"字段定义不是有效的 JSON Schema：{error.message}") from error
    if layout.fields.get("type") != "object" or "$ref" in repr(layout.fields):
        raise LayoutBroken("字段定义必须是一个对象，且不能引用别处的定义。")
