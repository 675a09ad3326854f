"""The one router of the charge catalogue and the parameters its routes share."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from shared.http import Router

router = Router()
ItemCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.\-]{1,40}$")]
RowNumber = Annotated[int, Path(ge=1, le=32_000)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
CodeCursor = Annotated[str | None, Parameter(max_length=40, pattern=r"^[^\x00]*$")]
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
