"""Runs the migrations over asyncpg, as the owner, with a short lock timeout so that a live city never waits."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

config = context.config

_LIMITS = ("SET LOCAL lock_timeout = '5s'", "SET LOCAL statement_timeout = '10min'")


def run_migrations(connection: Connection) -> None:
    """All outstanding steps in one transaction."""
    context.configure(connection=connection, transaction_per_migration=False)
    with context.begin_transaction():
        for limit in _LIMITS:
            connection.execute(text(limit))
        context.run_migrations()


async def migrate() -> None:
    """Connect as the owner and run."""
    engine = create_async_engine(config.attributes["url"], poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run_migrations)
        await connection.commit()
    await engine.dispose()


def print_script() -> None:
    """The same steps as SQL text, on standard output."""
    context.configure(dialect_name="postgresql", as_sql=True)
    with context.begin_transaction():
        for limit in _LIMITS:
            context.execute(limit)
        context.run_migrations()


if context.is_offline_mode():
    print_script()
else:
    asyncio.run(migrate())
