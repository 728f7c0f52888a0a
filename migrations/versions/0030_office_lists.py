"""What the office has to see: claims that no provider has answered, and how many codes of a partner are left."""

from migrations.dialect import run

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    late_claims()
    stock()


def late_claims() -> None:
    run("""
    -- Nobody has called it yet.
    -- squawk-ignore ban-drop-function
    DROP FUNCTION late_claims();
    -- The office's list of claims whose provider keeps silent; nothing of whose they are, and no account number.
    CREATE FUNCTION late_claims(p_after date, p_after_id bigint, p_limit integer)
        RETURNS TABLE (sale redemption, answer_by date)
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
            SELECT r, a.answer_by
            FROM account_claim AS a
            JOIN redemption AS r ON r.id = a.redemption_id
            WHERE r.programme_id = identity_programme() AND identity_role() IN ('officer', 'approver')
              AND r.status = 'CLAIM_SENT' AND a.escalated_at IS NOT NULL
              AND (p_after IS NULL OR (a.answer_by, a.redemption_id) > (p_after, p_after_id))
            ORDER BY a.answer_by, a.redemption_id
            LIMIT p_limit;
    END $$;
    -- An officer answering in the stead of a provider that keeps silent.
    CREATE FUNCTION reveal_late_claim(p_redemption bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = public AS $$
    BEGIN
        PERFORM open_door(ARRAY(
            SELECT a.citizen_id FROM account_claim AS a
            JOIN redemption AS r ON r.id = a.redemption_id
            WHERE a.redemption_id = p_redemption AND r.programme_id = identity_programme()
              AND identity_role() = 'officer' AND a.escalated_at IS NOT NULL));
    END $$;
    """)


def stock() -> None:
    run("""
    CREATE POLICY partner_code_doors ON partner_code FOR SELECT TO CURRENT_USER USING (true);
    -- How many codes each product has left; nothing of the codes, nor of who has got one.
    CREATE FUNCTION partner_code_stock()
        RETURNS TABLE (programme_id smallint, product_id bigint, product_code text, codes_left bigint)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
        SELECT p.programme_id, p.id, p.code, (
            SELECT count(*) FROM partner_code AS c
            WHERE c.programme_id = p.programme_id AND c.product_code = p.code AND c.redemption_id IS NULL)
        FROM product AS p
        WHERE p.status IN ('PUBLISHED', 'SUSPENDED') AND CAST(p.content ->> 'partner_codes' AS boolean)
    $$;
    """)


def downgrade() -> None:
    run("""
    DROP FUNCTION partner_code_stock();
    DROP POLICY partner_code_doors ON partner_code;
    DROP FUNCTION reveal_late_claim(bigint);
    DROP FUNCTION late_claims(date, bigint, integer);
    CREATE FUNCTION late_claims()
        RETURNS TABLE (redemption_id bigint, organisation_id bigint, product_id bigint, receipt_number text,
            answer_by date, escalated_at timestamptz)
        LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public AS $$
    #variable_conflict use_column
    BEGIN
        RETURN QUERY
            SELECT r.id, r.organisation_id, r.product_id, r.receipt_number, a.answer_by, a.escalated_at
            FROM account_claim AS a
            JOIN redemption AS r ON r.id = a.redemption_id
            WHERE r.programme_id = identity_programme() AND identity_role() IN ('officer', 'approver')
              AND r.status = 'CLAIM_SENT' AND a.escalated_at IS NOT NULL
            ORDER BY a.answer_by, r.id;
    END $$;
    """)
