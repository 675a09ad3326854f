"""The object store, where archived log-in records lie. Called between transactions only."""

from functools import lru_cache

from shared.settings import settings
from shared.storage import ObjectStore


@lru_cache(maxsize=1)
def object_store() -> ObjectStore:
    """The store this process was told to use."""
    return ObjectStore.from_settings(settings())
