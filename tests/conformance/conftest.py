"""Fixtures of the tests against real servers."""

from collections.abc import Iterator

import pytest

from tests.conformance.realm import Realm, provisioned_realm


@pytest.fixture(scope="module")
def realm(keycloak) -> Iterator[Realm]:
    """A provisioned realm of this test file."""
    with provisioned_realm(keycloak) as realm:
        yield realm
