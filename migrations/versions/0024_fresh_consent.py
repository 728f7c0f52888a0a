"""Since when a consent text stands: whoever agreed to an older one is asked again."""

from migrations.dialect import run

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # Null for the texts that have always been there.
    run("ALTER TABLE consent_text ADD COLUMN since date")


def downgrade() -> None:
    run("ALTER TABLE consent_text DROP COLUMN since")
