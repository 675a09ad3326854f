"""Layouts: what a paper form looks like, as data with a version and a day from which it counts."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from shared.printing.problems import LayoutUnknown

SHIPPED = Path(__file__).parent / "layouts"
STYLES = Path(__file__).parent / "styles"
"""Style sheets that several shipped forms begin with, by name and version; a changed look is a new version."""


class Paper(StrEnum):
    """Paper in the printers of the consortium."""

    ROLL = "80mm"
    """Thermal roll, 72 mm printable; the page ends where the content ends."""
    A5 = "A5"
    A4 = "A4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One version of a form.

    `html` is the body as a Jinja2 template, `css` its paged style. `fields` is the JSON schema of the data;
    each property's `title` is its Chinese name. `sample` is data that fits it, for previews and tests.
    `campus` null means all campuses. `published` tells a layout of the hospital's own from one shipped with
    the software.
    """

    form: str
    version: int
    title: str
    paper: Paper
    html: str
    css: str
    fields: Mapping[str, Any] = field(hash=False)
    effective_from: datetime
    landscape: bool = False
    campus: str | None = None
    published: bool = False
    sample: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def meta(self) -> dict[str, Any]:
        """What meta.json and the column `meta` hold."""
        return {
            "title": self.title,
            "paper": self.paper.value,
            "landscape": self.landscape,
            "effective_from": self.effective_from.isoformat(),
            "fields": dict(self.fields),
            "sample": dict(self.sample),
        }

    @classmethod
    def from_meta(
        cls,
        form: str,
        version: int,
        html: str,
        css: str,
        meta: Mapping[str, Any],
        *,
        campus: str | None = None,
        effective_from: datetime | None = None,
        published: bool = False,
    ) -> "Layout":
        """A layout from its parts, as files or as a row of kernel.print_layouts."""
        return cls(
            form=form,
            version=version,
            title=meta["title"],
            paper=Paper(meta["paper"]),
            html=html,
            css=css,
            fields=meta["fields"],
            effective_from=effective_from or datetime.fromisoformat(meta["effective_from"]),
            landscape=bool(meta.get("landscape", False)),
            campus=campus,
            published=published,
            sample=meta.get("sample", {}),
        )


def choose_layout(candidates: Iterable[Layout], campus: str, at: datetime) -> Layout:
    """The layout in force for a campus at a moment.

    A layout of the campus wins over one for all campuses, one the hospital published over one shipped with the
    software (an update never changes a form the hospital made its own), then the latest day of effect, then
    the highest version. Raises LayoutUnknown when none is in force.
    """
    in_force = [
        candidate for candidate in candidates if candidate.effective_from <= at and candidate.campus in (None, campus)
    ]
    if not in_force:
        raise LayoutUnknown("没有在用的打印版式，请联系信息科发布后重试。")
    return max(in_force, key=_rank)


def _rank(layout: Layout) -> tuple[bool, bool, datetime, int]:
    return layout.campus is not None, layout.published, layout.effective_from, layout.version


@cache
def shipped_layouts(form: str) -> tuple[Layout, ...]:
    """Every version of a form that came with the software."""
    folder = SHIPPED / form
    if not folder.is_dir() or folder.parent != SHIPPED:
        return ()
    return tuple(_read(form, int(version.name)) for version in sorted(folder.iterdir()) if version.name.isdigit())


def shipped_forms() -> tuple[str, ...]:
    """Names of the forms that came with the software."""
    return tuple(sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))


def _read(form: str, version: int) -> Layout:
    folder = SHIPPED / form / str(version)
    meta = json.loads((folder / "meta.json").read_text("utf-8"))
    sheets = [STYLES / f"{name}.css" for name in meta.get("styles", ())]
    own = folder / "style.css"
    css = "".join(sheet.read_text("utf-8") for sheet in (*sheets, *([own] if own.exists() else [])))
    return Layout.from_meta(form, version, (folder / "layout.html").read_text("utf-8"), css, meta)
