"""The one linear history of the database schema (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config

HERE = Path(__file__).parent


def configuration(url: str) -> Config:
    """Alembic's configuration for a database, as its owner."""
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a revision. `url` is the owner's."""
    command.upgrade(configuration(url), revision)


def check(url: str) -> None:
    """Raise when the models and the history differ."""
    command.check(configuration(url))
