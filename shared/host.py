"""The one shim under functions-framework: `--source shared/host.py --target main`.

The framework loads this file as a bare module, so it holds nothing: the host lives in shared.application.
"""

from starlette.requests import Request
from starlette.responses import Response

from shared.application import HOST, Forward


async def main(request: Request) -> Response:
    """The function target: every path and method."""
    return Forward(HOST.api())
