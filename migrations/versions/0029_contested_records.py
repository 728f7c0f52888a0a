"""Somebody may object to a training, an award or an evaluation that was recorded of them."""

from migrations.dialect import run

revision = "0029"
down_revision = "0028"

_TARGETS = "'RECORD', 'SCORE', 'DECISION', 'REDEMPTION', 'SERVICE', 'ACCESS', 'HOUSEHOLD'"


def upgrade() -> None:
    _allow(f"{_TARGETS}, 'VOLUNTEER_RECORD'")


def downgrade() -> None:
    _allow(_TARGETS)


def _allow(targets: str) -> None:
    # Every row meets the narrower one, and there are few of them: looking them through takes no time.
    run(f"""
    -- squawk-ignore ban-drop-constraint
    ALTER TABLE objection DROP CONSTRAINT objection_target_known;
    -- squawk-ignore constraint-missing-not-valid
    ALTER TABLE objection ADD CONSTRAINT objection_target_known CHECK (target IN ({targets}));
    """)
