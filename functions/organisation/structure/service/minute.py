"""What turns by itself, minute by minute: people who leave, secondments, delegations, licences, keys.

Rights follow the periods themselves; here the turns are told to those who act on them.
"""

from functions.organisation.structure.service.delegations import turn_delegations
from functions.organisation.structure.service.identities import reseal
from functions.organisation.structure.service.licences import warn_of_expiry
from functions.organisation.structure.service.secondments import turn_secondments
from functions.organisation.structure.service.staff import sign_off_leavers
from shared.tx import Tx


def each_minute(tx: Tx) -> None:
    """A minute at a campus. Each part does a bounded amount of work and finds nothing the second time."""
    sign_off_leavers(tx)
    turn_secondments(tx)
    turn_delegations(tx)
    warn_of_expiry(tx)
    reseal(tx)
