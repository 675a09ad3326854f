"""What turns by itself: terms written before there was wubi get theirs, a bounded number a minute."""

from functions.catalogue.codes.queries import wubi as queries
from functions.catalogue.codes.searching import SEPARATOR, search_words
from functions.organisation.structure import service as organisation
from shared.tx import Tx

FILLED_AT_ONCE = 2000


def each_minute(tx: Tx) -> None:
    """A minute at a campus. Search words are kept at the head hospital, like the terms they belong to."""
    if not organisation.campus(tx).is_head:
        return
    codes = tx.session.send(queries.CODES_WITHOUT, most=FILLED_AT_ONCE)
    for lacking, fill in (
        (tx.session.all(queries.SYNONYMS_WITHOUT, most=FILLED_AT_ONCE), queries.FILL_SYNONYMS),
        (codes.all(), queries.FILL_CODES),
    ):
        if lacking:
            words = [search_words(one.text) for one in lacking]
            tx.session.execute(
                fill,
                ids=[one.id for one in lacking],
                wubi=[one.wubi for one in words],
                grams=[SEPARATOR.join(one.grams) for one in words],
            )
