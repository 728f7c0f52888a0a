"""More money for a budget: on a decision, put forward by one person of the office and approved by another."""

from migrations.dialect import grant, run

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run("""
    -- One decision adds to one product once.
    CREATE TABLE budget_addition (
        programme_id smallint NOT NULL,
        product_code text NOT NULL,
        decision_ref text NOT NULL,
        amount bigint NOT NULL,
        proposed_by bigint NOT NULL,
        proposed_at timestamptz NOT NULL,
        approved_by bigint,
        approved_at timestamptz,
        window_start date,
        CONSTRAINT budget_addition_pkey PRIMARY KEY (programme_id, product_code, decision_ref),
        CONSTRAINT budget_addition_programme_fkey FOREIGN KEY (programme_id) REFERENCES programme,
        CONSTRAINT budget_addition_amount CHECK (amount > 0),
        CONSTRAINT budget_addition_two_people CHECK (approved_by <> proposed_by),
        CONSTRAINT budget_addition_whole
            CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (window_start IS NULL))
    );
    """)
    grant("budget_addition", app="SELECT, INSERT, UPDATE", worker="SELECT")


def downgrade() -> None:
    run("DROP TABLE budget_addition")
