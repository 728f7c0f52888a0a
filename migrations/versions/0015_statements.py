"""What the city owes a shop for a month, and that it has been paid."""

from migrations.dialect import append_only, grant, run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run("""
    CREATE TABLE statement_payment (
        organisation_id bigint NOT NULL,
        month date NOT NULL,
        amount_fen bigint NOT NULL,
        payment_ref text NOT NULL,
        paid_at timestamptz NOT NULL,
        transfer_id bigint NOT NULL,
        CONSTRAINT statement_payment_pkey PRIMARY KEY (organisation_id, month),
        CONSTRAINT statement_payment_organisation_fkey FOREIGN KEY (organisation_id) REFERENCES organisation,
        CONSTRAINT statement_payment_transfer_fkey FOREIGN KEY (transfer_id) REFERENCES transfer,
        CONSTRAINT statement_payment_first_of_month CHECK (extract(day FROM month) = 1)
    );
    -- What was sold and undone in a stretch of time, by product, and what the ledger moved for it. For the shop itself
    -- and for the office of its programme: sums about sales, and nothing about who they were made to.
    CREATE FUNCTION statement_of(p_organisation bigint, p_month date, p_since timestamptz, p_until timestamptz)
        RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
    RETURN (
        WITH sales AS (
            SELECT r.id, r.product_id, r.status, r.relief, coalesce(c.answered_at, r.at) AS sold_at, r.changed_at,
                CASE WHEN p.content #>> '{shape,kind}' IN ('PayRatio', 'AmountOff', 'DepositWaiver', 'PayLater')
                    THEN r.relief ELSE r.owed_fen END AS relief_fen
            FROM redemption AS r
            JOIN product AS p ON p.id = r.product_id
            LEFT JOIN account_claim AS c ON c.redemption_id = r.id
            WHERE r.organisation_id = p_organisation
              AND r.status NOT IN ('CLAIM_SENT', 'REFUSED', 'EXPIRED')
        ), counted AS (
            SELECT s.product_id, 1 AS sold, 0 AS undone, s.relief, s.relief_fen
            FROM sales AS s
            WHERE s.sold_at >= p_since AND s.sold_at < p_until
            UNION ALL
            SELECT s.product_id, 0, 1, -s.relief, -s.relief_fen
            FROM sales AS s
            WHERE s.status = 'REVERSED' AND s.changed_at >= p_since AND s.changed_at < p_until
        ), moved AS (
            SELECT r.product_id, CASE WHEN t.credit_id = a.id THEN t.amount_fen ELSE -t.amount_fen END AS amount_fen
            FROM account AS a
            JOIN transfer AS t ON (t.credit_id = a.id OR t.debit_id = a.id)
            JOIN redemption AS r ON r.id = t.redemption_id
            WHERE a.programme_id = identity_programme() AND a.kind = 'PAYABLE' AND a.owner = p_organisation::text
              AND t.state = 'POSTED' AND t.at >= p_since AND t.at < p_until
        ), lines AS (
            SELECT u.product_id, sum(u.sold) AS redemptions, sum(u.undone) AS reversed,
                coalesce(sum(u.relief), 0) AS relief, coalesce(sum(u.relief_fen), 0) AS relief_fen,
                sum(u.amount_fen) AS payable_fen
            FROM (
                SELECT c.product_id, c.sold, c.undone, c.relief, c.relief_fen, 0::bigint AS amount_fen
                FROM counted AS c
                UNION ALL
                SELECT m.product_id, 0, 0, 0, 0, m.amount_fen FROM moved AS m
            ) AS u
            GROUP BY u.product_id
        )
        SELECT jsonb_build_object(
            'organisation_id', o.id,
            'month', p_month,
            'lines', (
                SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.product_id), '[]'::jsonb) FROM lines AS l),
            'paid', (
                SELECT to_jsonb(y) FROM statement_payment AS y
                WHERE y.organisation_id = o.id AND y.month = p_month))
        FROM organisation AS o
        WHERE o.id = p_organisation
          AND o.programme_id = identity_programme()
          AND (identity_role() IN ('officer', 'approver')
            OR (identity_role() IN ('cashier', 'manager') AND o.id = identity_organisation()))
    );
    """)
    grant("statement_payment", app="SELECT, INSERT", worker="SELECT")
    append_only("statement_payment")


def downgrade() -> None:
    run("""
    DROP FUNCTION statement_of(bigint, date, timestamptz, timestamptz);
    DROP TABLE statement_payment;
    """)
