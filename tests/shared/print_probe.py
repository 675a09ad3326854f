"""Layouts the printing tests print, and how they read the paper."""

from datetime import UTC, datetime
from typing import Any

import pypdfium2

from shared.printing import (
    Layout,
    Paper,
    shipped_layouts,
)

FORMS = ("fee_list", "hand_in_slip", "payment_slip", "refund_slip", "registration_slip", "shift_report")
START = datetime(2026, 1, 1, tzinfo=UTC)


def probe(html: str = "{{ text }}", css: str = "", **changes: Any) -> Layout:
    return Layout(
        **{
            "form": "probe",
            "version": 1,
            "title": "试版",
            "paper": Paper.ROLL,
            "html": html,
            "css": css,
            "fields": {"type": "object", "properties": {"text": {"type": "string"}, "rows": {"type": "array"}}},
            "effective_from": START,
            "sample": {"text": "内容", "rows": []},
            **changes,
        }
    )


def shipped(form: str) -> Layout:
    return shipped_layouts(form)[-1]


def text_of(pdf: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
