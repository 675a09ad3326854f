"""Layouts in force: what was published by the hospital beside what came with the software."""

from datetime import datetime

from sqlalchemy import bindparam, or_, select

from shared.database.query import Query
from shared.ids import new_id
from shared.printing.layout import Layout, choose_layout, shipped_layouts
from shared.printing.models import PrintLayout
from shared.printing.problems import LayoutRefused
from shared.printing.review import review
from shared.tx import Tx

# A campus's own version outranks one for all, which outranks any shipped one: the first row decides.
PUBLISHED = Query(
    PrintLayout,
    select(PrintLayout)
    .where(PrintLayout.form == bindparam("form"))
    .where(or_(PrintLayout.campus_id.is_(None), PrintLayout.campus_id == bindparam("campus")))
    .where(PrintLayout.effective_from <= bindparam("at"))
    .order_by(PrintLayout.campus_id.is_(None), PrintLayout.effective_from.desc(), PrintLayout.version.desc())
    .limit(1),
)


def layout_in_force(tx: Tx, form: str, at: datetime | None = None) -> Layout:
    """The layout of a form for the acting campus, now or as it was at a moment (a reprint keeps its old look).

    Raises LayoutUnknown.
    """
    at = at or tx.now
    rows = tx.session.all(PUBLISHED, form=form, campus=tx.campus, at=at)
    return choose_layout([*shipped_layouts(form), *(as_layout(row) for row in rows)], tx.campus, at)


def publish_layout(tx: Tx, layout: Layout) -> PrintLayout:
    """Put a layout in force from its `effective_from`, for the acting campus or (campus null) for all.

    A day in the past counts as now: what was printed before keeps the look it had.
    The caller has checked the permission. Raises LayoutRefused when the layout breaks a rule of review, and
    LayoutExists when this version is already published.
    """
    review(layout)
    if layout.campus not in (None, tx.campus):
        raise LayoutRefused("只能为当前院区或全部院区发布版式。")
    row = PrintLayout(
        layout_id=new_id(),
        form=layout.form,
        version=layout.version,
        campus_id=layout.campus,
        html=layout.html,
        css=layout.css,
        meta=layout.meta(),
        effective_from=max(layout.effective_from, tx.now),
        published_at=tx.now,
        published_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("printing.layout.publish", "print_layout", row.layout_id, form=layout.form, version=layout.version)
    return row


def as_layout(row: PrintLayout) -> Layout:
    """A row as the value the press works with."""
    return Layout.from_meta(
        row.form,
        row.version,
        row.html,
        row.css,
        row.meta,
        campus=row.campus_id,
        effective_from=row.effective_from,
        published=True,
    )
