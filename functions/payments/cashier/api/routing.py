"""The one router of the cashier and the parameters its lists share."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from shared.http import Router

router = Router()
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]
