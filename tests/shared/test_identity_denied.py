"""The deny list: withdrawals that count before the token ends."""

import pytest

from shared.identity.denied import DenyEntry, InMemoryDenyList
from shared.identity.problems import SubjectDenied
from tests.shared.identity_realm import DEVICE, STAFF_ID, START, make_verifier


@pytest.fixture
def denied():
    return InMemoryDenyList()


@pytest.fixture
def verifier(realm, clock, denied):
    return make_verifier(realm, clock, denied)


@pytest.mark.parametrize(
    ("entry", "refused"),
    [
        (DenyEntry(subject=STAFF_ID), True),
        (DenyEntry(subject="somebody else"), False),
        (DenyEntry(sid="session-1"), True),
        (DenyEntry(sid="session-2"), False),
        (DenyEntry(subject=STAFF_ID, sid="session-2"), False),
        (DenyEntry(subject="somebody else", sid="session-1"), False),
        (DenyEntry(subject=STAFF_ID, issued_before=START + 0.5), True),
        (DenyEntry(subject=STAFF_ID, issued_before=START), False),
    ],
)
def test_a_withdrawal_counts_at_once_for_remembered_tokens_too(verifier, realm, denied, entry, refused):
    token = realm.token()
    assert verifier.verify(token).kind == "staff"
    denied.replace([entry])
    if refused:
        with pytest.raises(SubjectDenied) as refusal:
            verifier.verify(token)
        assert (refusal.value.status, refusal.value.code) == (401, "subject_denied")
    else:
        assert verifier.verify(token).kind == "staff"
    denied.replace([])
    assert verifier.verify(token).kind == "staff"


def test_a_person_is_denied_by_staff_id_whatever_the_realm_calls_the_account(verifier, realm, denied):
    token = realm.token(sub="f1e2")
    assert verifier.verify(token).subject == "f1e2"
    denied.replace([DenyEntry(sid="session-9"), DenyEntry(subject=STAFF_ID), DenyEntry(subject=STAFF_ID, sid="x")])
    with pytest.raises(SubjectDenied):
        verifier.verify(token)


def test_a_device_is_denied_by_the_client_it_signs_on_as(verifier, realm, denied):
    token = realm.token(DEVICE, azp="device-mch-bridge", sub="service-account-1")
    assert verifier.verify(token).campus == "mch"
    denied.replace([DenyEntry(subject="device-hq-bridge"), DenyEntry(subject="None")])
    assert verifier.verify(token).campus == "mch"
    denied.replace([DenyEntry(subject="device-mch-bridge", issued_before=START + 1.0)])
    with pytest.raises(SubjectDenied):
        verifier.verify(token)


def test_a_deny_entry_names_somebody():
    with pytest.raises(ValueError, match="subject"):
        DenyEntry(issued_before=START)
