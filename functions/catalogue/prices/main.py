"""Charge catalogue (物价管理系统), module 40."""

from functions.catalogue.prices import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "catalogue/prices",
    module=40,
    title="物价管理",
    router=api.router,
    scaling=Scaling(warm=1, peak=6, concurrency=5),
)
