"""Printing (打印): paper forms are versioned layouts as data, drawn to PDF.

    layout = layout_in_force(tx, "registration_slip")
    check_data(layout, data)                               # inside the transaction: refuse before counting a print
    pdf = render(layout, data, reprint=count)              # outside it: drawing takes tens of milliseconds

A layout is HTML and paged CSS with a JSON schema of its data. Shipped ones stand in
layouts/<form>/<version>/; the hospital publishes its own in kernel.print_layouts, by campus and day, without a
release. WeasyPrint and Jinja2 are imported by the first print.
"""

from shared.printing.data import check_data
from shared.printing.layout import Layout, Paper, choose_layout, shipped_forms, shipped_layouts
from shared.printing.problems import (
    LayoutBroken,
    LayoutExists,
    LayoutRefused,
    LayoutUnknown,
    PrintDataInvalid,
    PrintDataMissing,
    PrintFontMissing,
)
from shared.printing.render import render, render_preview, warm_up

__all__ = [
    "Layout",
    "LayoutBroken",
    "LayoutExists",
    "LayoutRefused",
    "LayoutUnknown",
    "Paper",
    "PrintDataInvalid",
    "PrintDataMissing",
    "PrintFontMissing",
    "check_data",
    "choose_layout",
    "render",
    "render_preview",
    "shipped_forms",
    "shipped_layouts",
    "warm_up",
]
