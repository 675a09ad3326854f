"""A tiny hospital with one desk and two readers, and its worker as a process: `python -m tests.events.tiny`."""

from events import worker
from events.envelope import Event
from events.relay import Policy
from shared.command import command
from shared.function import FunctionApp
from shared.http import Router
from shared.schemas import Input, View
from shared.tx import Tx

router = Router()


class Stamped(Event, type="testing.desk.stamped", subject="book"):
    """A page of a book was stamped; ledger and board both copy it."""

    book: str
    page: int


class Noted(Event, type="testing.desk.noted", subject="book"):
    """Something for the hub alone."""

    book: str


class Stamp(Input):
    book: str
    page: int


class Page(View):
    page: int


@router.post("/pages", status_code=201)
@command("outpatient.registration.write")
def stamp(tx: Tx, body: Stamp) -> Page:
    """Stamp a page."""
    tx.emit(Stamped(book=body.book, page=body.page))
    return Page(page=body.page)


def copying(reader: str) -> FunctionApp:
    """A function that copies every page, for all to count."""

    def copy(tx: Tx, event: Stamped) -> None:
        tx.audit("page.copied", reader, f"{event.book}/{event.page}")

    return FunctionApp(reader, module=0, title=reader, router=Router(), on={Stamped: copy})


APPS = [
    FunctionApp("testing/desk", module=0, title="盖章", router=router),
    copying("testing/ledger"),
    copying("testing/board"),
]
DECLARED = {Stamped.event_type: ["testing/ledger", "testing/board"]}

if __name__ == "__main__":
    # A short lease, so that what a killed worker had in its hands is soon due again.
    worker.main(DECLARED, Policy(lease=1.0, first_pause=0.2), tasks=lambda office: [])
