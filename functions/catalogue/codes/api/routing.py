"""The one router of the code systems and the parameters its routes share."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from shared.http import Router

router = Router()
System = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{1,39}$")]
CodePath = Annotated[str, Path(min_length=1, max_length=60, pattern=r"^[^\x00\s]+$")]
CodeQuery = Annotated[str, Parameter(min_length=1, max_length=60, pattern=r"^[^\x00\s]+$")]
Limit = Annotated[int, Parameter(ge=1, le=200)]
After = Annotated[str, Parameter(max_length=60, pattern=r"^[^\x00]*$")]
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
