"""The schema, step by step. `upgrade` brings a database to the newest step or to a named one."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

FOLDER = Path(__file__).parent


def configuration(owner_url: str, *, app_role: str = "benefits_app", worker_role: str = "benefits_worker") -> Config:
    """Alembic's configuration for one database; role names are what policies and grants are written for."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes.update(url=make_url(owner_url), app_role=app_role, worker_role=worker_role)
    return config


def upgrade(owner_url: str, revision: str = "head", **roles: str) -> None:
    """Bring the database forward. Idempotent."""
    command.upgrade(configuration(owner_url, **roles), revision)


def script(owner_url: str, **roles: str) -> None:
    """Print the SQL of all steps instead of running it, for a linter or a database administrator."""
    command.upgrade(configuration(owner_url, **roles), "head", sql=True)


def downgrade(owner_url: str, revision: str, **roles: str) -> None:
    """Take the database back to a named step; `base` empties it."""
    command.downgrade(configuration(owner_url, **roles), revision)
