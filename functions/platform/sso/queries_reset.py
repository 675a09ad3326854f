"""What is counted of tries to set a new password."""

from sqlalchemy import DateTime, bindparam
from sqlalchemy.dialects.postgresql import insert

from functions.platform.sso.models_offline import ResetCounter
from shared.database.query import Query

COUNT = Query(
    int,
    insert(ResetCounter)
    .values(counted=bindparam("counted"), hour=bindparam("hour", type_=DateTime(timezone=True)), tries=1)
    .on_conflict_do_update(
        index_elements=[ResetCounter.counted, ResetCounter.hour], set_={"tries": ResetCounter.tries + 1}
    )
    .returning(ResetCounter.tries),
)
"""One more try; guesses at once wait for each other here and are all counted."""
