"""What a programme tells about itself: sums over everybody, worked out once a day."""

from migrations.dialect import grant, run

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run("""
    -- One year so far, or as it has ended: exact sums, which are rounded before anybody but the office reads them.
    CREATE TABLE programme_figures (
        programme_id smallint NOT NULL,
        year smallint NOT NULL,
        day date NOT NULL,
        content jsonb NOT NULL,
        CONSTRAINT programme_figures_pkey PRIMARY KEY (programme_id, year),
        CONSTRAINT programme_figures_programme_fkey FOREIGN KEY (programme_id) REFERENCES programme
    );
    -- How many people meet a product's conditions and have never used it, day by day.
    CREATE TABLE uptake (
        programme_id smallint NOT NULL,
        product_code text NOT NULL,
        day date NOT NULL,
        eligible_never_used integer NOT NULL,
        CONSTRAINT uptake_pkey PRIMARY KEY (programme_id, product_code, day),
        CONSTRAINT uptake_programme_fkey FOREIGN KEY (programme_id) REFERENCES programme,
        CONSTRAINT uptake_count CHECK (eligible_never_used >= 0)
    );
    """)
    grant("programme_figures, uptake", app="SELECT", worker="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    for table in ("uptake", "programme_figures"):
        run(f"DROP TABLE {table}")
