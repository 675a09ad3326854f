"""What a configuration package holds: parameters, templates of posts, rules over data (masks among them), rules of
numbers. For each kind: what counts now, whether a line is known here, and how it comes into force.

A parameter or a rule over data may be unset at a level; a template and a form always are something, if only what the
program says.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries, rules
from functions.platform.permissions import queries_data as data
from functions.platform.permissions.parameters import PARAMETERS, checked, declared
from functions.platform.permissions.rules_numbers import UsedMark
from functions.platform.permissions.schemas_data import AskRule
from functions.platform.permissions.schemas_packages import PackageLine
from functions.platform.permissions.service.carrying import Agreed, Meant, carry_rule, carry_templates
from functions.platform.permissions.service.numbering import CarriedForm, carry_form, check_carried, chosen_forms
from functions.platform.permissions.service.ruling import check_names
from functions.platform.permissions.service.setting import Carried, carry_values
from functions.platform.permissions.service.templating import templates
from shared.identity.data_rules import FIELDS, KINDS, PURPOSES, SENSITIVE
from shared.identity.posts import EVERY_POST, POSTS
from shared.numbers import NUMBERINGS, Form
from shared.problems import Problem
from shared.tx import Tx

ContentKind = Literal["parameter", "template", "data_rule", "number_rule"]
CONTENT_TITLES: Mapping[ContentKind, str] = MappingProxyType(
    {"parameter": "参数", "template": "岗位模板", "data_rule": "数据规则", "number_rule": "编号规则"}
)
CARRIED = frozenset({"system", "campus"})
_RULE: TypeAdapter[AskRule] = TypeAdapter(AskRule)
_LINE: TypeAdapter[PackageLine] = TypeAdapter(PackageLine)


class Where(NamedTuple):
    """What a line is about."""

    kind: ContentKind
    key: str
    level: str
    level_id: str

    @property
    def name(self) -> str:
        """As it stands in the list of what a package was refused for: a parameter's key, otherwise kind and key."""
        return self.key if self.kind == "parameter" else f"{self.kind}:{self.key}"


class Standing(NamedTuple):
    """What is set now, as far as it differs from the program's own."""

    values: dict[Where, Any]

    def value(self, where: Where) -> Any:
        """What counts at a level; None where nothing is set there."""
        if where in self.values:
            return self.values[where]
        if where.kind == "template" and where.key in POSTS:
            return _template(POSTS[where.key].permissions, POSTS[where.key].dimension)
        if where.kind == "number_rule" and where.key in NUMBERINGS:
            return NUMBERINGS[where.key].form._asdict()
        return None


def standing(tx: Tx) -> Standing:
    """What is set at this installation; forms of numbers as they will be tomorrow, the first day a package can say."""
    values: dict[Where, Any] = {}
    asked = tx.session.send(queries.ALL_VALUES_AT, at=tx.now)
    rows = tx.session.send(data.ALL_RULES_AT, at=tx.now)
    for value in asked.all():
        if value.level in CARRIED and value.key in PARAMETERS:
            values[Where("parameter", value.key, value.level, value.level_id)] = value.value
    for row in rows.all():
        level = "campus" if row.at_campus else "system"
        values[Where("data_rule", f"{row.kind}.{row.key}", level, row.at_campus)] = row.content
    for post, meant in templates(tx).items():
        if (meant.permissions, meant.dimension) != (POSTS[post].permissions, POSTS[post].dimension):
            values[Where("template", post, "system", "")] = _template(meant.permissions, meant.dimension)
    for (campus, series), form in chosen_forms(tx, tx.today + timedelta(days=1)).items():
        values[Where("number_rule", series, "campus", campus)] = form._asdict()
    return Standing(values)


def where_of(line: Mapping[str, Any]) -> Where:
    """What a kept line is about; the lines of format 1 are parameters."""
    return Where(line.get("kind", "parameter"), line["key"], line["level"], line["level_id"])


def plain(where: Where, value: Any) -> Any:
    """A value as `standing` would show it once it counts."""
    match where.kind:
        case "template":
            return _template(value["permissions"], value["dimension"])
        case "data_rule":
            try:
                content = _rule(where, value).content
            except ValidationError:  # of a release that knew it; it is refused when it is to count
                return value
            return None if content is None else content.model_dump(mode="json")
    return value


def not_known(tx: Tx, lines: Iterable[PackageLine]) -> set[str]:
    """Names of lines this installation cannot take: unknown or doubled, a campus it has not, a value out of bounds."""
    campuses = {one.code for one in organisation.campuses(tx)}
    seen: set[Where] = set()
    bad: set[str] = set()
    marks: list[UsedMark] = []
    for line in lines:
        kept = line.model_dump(mode="json")
        where = where_of(kept)
        fits = where.level_id == "" if where.level == "system" else where.level_id in campuses
        if where in seen or not fits or not _takes(tx, where, kept["value"], marks):
            bad.add(where.name)
        seen.add(where)
        if where.kind == "number_rule":
            marks.append(UsedMark(where.level_id, where.key, kept["value"]["mark"], kept["value"]["reset"]))
    return bad


def no_longer_known(tx: Tx, lines: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of kept lines that the release running now cannot take, though the one that let them in could."""
    readable: list[PackageLine] = []
    lost: set[str] = set()
    for line in lines:
        try:
            readable.append(_LINE.validate_python(line))
        except ValidationError:
            lost.add(where_of(line).name)
    return lost | not_known(tx, readable)


def carry(tx: Tx, changes: Mapping[Where, Any], agreed: Agreed) -> None:
    """Put everything in force at this moment, forms of numbers from tomorrow on; None unsets.

    Raises TemplateBreaksSeparation, TemplateTooFar, NumberMarkTaken, NumberMarkReset.
    """
    carry_templates(
        tx,
        {
            where.key: Meant(frozenset(value["permissions"]), value["dimension"])
            for where, value in changes.items()
            if where.kind == "template"
        },
        agreed,
    )
    for where, value in changes.items():
        match where.kind:
            case "data_rule":
                kind, _, name = where.key.partition(".")
                carry_rule(tx, (kind, name, where.level_id), value, agreed)
            case "number_rule":
                carry_form(
                    tx,
                    CarriedForm(
                        campus=where.level_id,
                        series=where.key,
                        form=Form(**value),
                        reason=agreed.reason,
                        asked_by=agreed.asked_by,
                        approved_by=agreed.approved_by,
                    ),
                )
    carry_values(
        tx,
        [
            Carried(
                key=where.key,
                level=where.level,
                level_id=where.level_id,
                value=value,
                reason=agreed.reason,
                asked_at=agreed.asked_at,
                asked_by=agreed.asked_by,
                approved_by=agreed.approved_by,
            )
            for where, value in changes.items()
            if where.kind == "parameter"
        ],
    )


def title_of(kind: str, key: str) -> str:
    """What a line is about, in words; the key itself where this release no longer knows it."""
    match kind:
        case "parameter":
            return PARAMETERS[key].title if key in PARAMETERS else key
        case "template":
            return POSTS[key].title if key in POSTS else key
        case "number_rule":
            return NUMBERINGS[key].title if key in NUMBERINGS else key
    rule, _, name = key.partition(".")
    named = POSTS[name].title if name in POSTS else {**FIELDS, **PURPOSES, **SENSITIVE}.get(name)
    return KINDS.get(rule, rule) + (f"：{named}" if named else "")


def risky(kind: str, key: str) -> bool:
    """Whether a line changes what two people decide when it is changed by itself."""
    match kind:
        case "parameter":
            return key in PARAMETERS and PARAMETERS[key].risky
        case "number_rule":
            return key in NUMBERINGS and NUMBERINGS[key].risky
    return True


# -- inside


def _template(permissions: Iterable[str], dimension: str) -> dict[str, Any]:
    return {"permissions": sorted({*permissions} | EVERY_POST), "dimension": dimension}


def _rule(where: Where, content: Any) -> AskRule:
    kind, _, name = where.key.partition(".")
    return _RULE.validate_python({"kind": kind, "key": name, "content": content, "reason": "-"})


def _takes(tx: Tx, where: Where, value: Any, marks: Iterable[UsedMark]) -> bool:
    try:
        match where.kind:
            case "parameter":
                checked(declared(where.key), where.level, value)
            case "template":
                rules.known(value["permissions"])
                rules.check_template(value["permissions"])
                return where.key in POSTS
            case "data_rule":
                check_names(_rule(where, value))
            case "number_rule":
                check_carried(tx, where.level_id, where.key, Form(**value), marks)
    except (Problem, ValidationError):
        return False
    return True
