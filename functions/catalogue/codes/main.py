"""Code systems and value sets (标准编码与值域), module P-codes."""

from functions.catalogue.codes import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "catalogue/codes",
    module="P",
    title="标准编码与值域",
    router=api.router,
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=8, concurrency=5),
)
