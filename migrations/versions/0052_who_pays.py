"""A budget counted in pieces holds no money: what is only guaranteed beside it, the city stands for."""

from migrations.dialect import run

revision = "0052"
down_revision = "0051"

BEFORE = "CASE WHEN s.budget_taken > 0\n                    THEN account_of"
AFTER = """CASE WHEN s.budget_taken > 0 AND EXISTS (
                        SELECT FROM budget AS m
                        WHERE m.programme_id = identity_programme() AND m.product_code = s.product_code
                          AND m.window_start = s.budget_start AND m.unit = 'FEN')
                    THEN account_of"""


def upgrade() -> None:
    rewrite(BEFORE, AFTER)


def rewrite(before: str, after: str) -> None:
    """Changes one phrase of the function that writes a sale, and nothing else of it."""
    run(f"""
    DO $do$
    DECLARE
        v_text constant text := pg_get_functiondef('take_benefit(jsonb, timestamptz)'::regprocedure);
    BEGIN
        IF strpos(v_text, $old${before}$old$) = 0 THEN
            RAISE EXCEPTION 'take_benefit has no such phrase';
        END IF;
        EXECUTE replace(v_text, $old${before}$old$, $new${after}$new$);
    END $do$
    """)


def downgrade() -> None:
    rewrite(AFTER, BEFORE)
