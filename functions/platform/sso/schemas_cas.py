"""Outputs of sign-on by CAS tickets."""

from uuid import UUID

from shared.schemas import Moment, View


class CasTicketView(View):
    """Who was let into an old program, when, and whether it heard of the sign-out. Never the ticket itself."""

    ticket_id: UUID
    staff_id: UUID
    service: str
    issued_at: Moment
    state: str
    """issued, used, refused, lapsed."""
    tried_at: Moment | None
    outcome: str | None
    """Of a refused one: what the program was answered (a code of the protocol)."""
    fresh: bool
    """Whether the password was asked for this very sign-on."""
    sign_out: str
    """none, open, due, told, failed (三次未送达)."""
