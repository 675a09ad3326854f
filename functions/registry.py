"""Every function app and every table, by name. For hosts, migrations and generators; no module imports it."""

from importlib import import_module
from importlib.util import find_spec

from sqlalchemy import MetaData

from shared.database.model import Model
from shared.function import FunctionApp

MODULES: tuple[str, ...] = (
    "organisation/structure",
    "platform/permissions",
    "catalogue/codes",
    "catalogue/prices",
    "patients/index",
    "platform/sso",
    "outpatient/schedule",
    "payments/cashier",
    "payments/gateway",
    "payments/billing",
    "outpatient/registration",
    "operations/maintenance",
)
"""Function apps in building order: each calls only earlier ones."""

KERNEL_TABLES = ("shared.tables", "shared.storage.models", "shared.printing.models")


def app(name: str) -> FunctionApp:
    """The declaration of one function app; KeyError for a name nobody declares."""
    if name not in MODULES:
        raise KeyError(f"no function app {name!r}; known: {', '.join(MODULES)}")
    declared: FunctionApp = import_module(f"functions.{name.replace('/', '.')}.main").app
    return declared


def all_apps() -> list[FunctionApp]:
    """Every declaration, in building order."""
    return [app(name) for name in MODULES]


def metadata() -> MetaData:
    """Metadata of every table, for migrations only."""
    for module in KERNEL_TABLES:
        import_module(module)
    for name in MODULES:
        models = f"functions.{name.replace('/', '.')}.models"
        if find_spec(models) is not None:
            tables = import_module(models)
            for table in getattr(tables, "__all__", ()):  # a package loads a table when it is asked for
                getattr(tables, table)
    return Model.metadata
