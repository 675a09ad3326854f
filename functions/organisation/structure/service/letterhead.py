"""Forms on the hospital's paper (院区抬头): every office prints with the same head and foot."""

from collections.abc import Mapping
from typing import Any

from functions.organisation.structure.service.consortium import campus
from shared.command import Document
from shared.printing import check_data, render
from shared.printing.published import layout_in_force
from shared.tx import Tx


def office_form(tx: Tx, form: str, data: Mapping[str, Any], filename: str) -> Document:
    """A form as PDF with its data, headed by the acting campus and footed by who prints it when.

    Raises LayoutUnknown, PrintDataMissing, PrintDataInvalid.
    """
    layout = layout_in_force(tx, form)
    here = campus(tx)
    whole = {
        "hospital": here.name,
        "campus": here.short_name,
        "printed_at": tx.now,
        "printed_by": tx.actor.name,
        **data,
    }
    check_data(layout, whole)
    return Document(lambda: render(layout, whole), "application/pdf", filename)
