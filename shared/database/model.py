"""Tables as typed rows.

A model is a SQLAlchemy declarative dataclass: it gives the table its columns (for migrations), the
constructor its types (for mypy) and queries their expressions. It is a plain record otherwise: there is
no identity map and no lazy load. A loaded or added row is a fact and refuses assignment; change it
by an UPDATE in queries.py, guarded and returning the new row.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Date, DateTime, MetaData, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

MONEY = Numeric(14, 2)
"""Column type of an amount in yuan."""
UNIT_PRICE = Numeric(14, 4)
"""Column type of a price per unit in yuan."""
QUANTITY = Numeric(12, 4)
"""Column type of a quantity; its unit stands in a column beside it."""


class Model(MappedAsDataclass, DeclarativeBase, kw_only=True, repr=False):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)
    held_back: ClassVar[bool] = False
    """A trace (audit, outbox) that its own transaction never reads: written with the commit, many in one statement."""
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        date: Date(),
        Decimal: MONEY,
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
    }

    def __setattr__(self, key: str, value: Any) -> None:
        if "_fact" in self.__dict__:
            raise TypeError(f"{type(self).__name__}.{key}: rows are facts; change them by an UPDATE in queries.py")
        super().__setattr__(key, value)


class CampusOwned(MappedAsDataclass, kw_only=True):
    """Mixin of every table whose rows belong to one campus (院区标识); walled by row-level security.

    No foreign key on purpose: every insert would lock the one row of its campus. The policy only admits
    the acting campus, which the token vouches for, and an integrity check looks for strangers.
    """

    campus_id: Mapped[str] = mapped_column(Text)
