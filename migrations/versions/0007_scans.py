"""A scan in three statements: open it, read, and write everything at once.

All of these run with the caller's own rights, behind the row policies. Locks are taken in one order everywhere, so that
no two scans can wait for each other: the terminal, the codes of one citizen and product by number, the idempotency key,
the allowance, the shop's account, and the budget last, because everybody wants it.
"""

from migrations.dialect import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    opening()
    refusing()
    taking()


def opening() -> None:
    run("""
    -- One terminal scans one code at a time, so that wrong codes can be counted. What is answered here says whether
    -- the terminal may scan, whether its key has been used before, and whose code this is, if it is one.
    CREATE FUNCTION open_scan(
        p_macs bytea[], p_terminal bigint, p_key uuid, p_request_hash bytea, p_lock boolean, p_now timestamptz
    ) RETURNS jsonb LANGUAGE plpgsql AS $$
    DECLARE
        -- A limit is kept in real time: the business clock of a demo may jump.
        v_real constant timestamptz := p_now - (SELECT c.ahead FROM clock AS c);
        v_minute constant timestamptz := date_trunc('minute', v_real);
        v_scan jsonb;
        v_code bigint;
        v_citizen integer;
        v_product bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(1396916558, p_terminal::integer);
        PERFORM reveal_by_code(p_macs, p_now);
        SELECT p.id, p.citizen_id, p.product_id INTO v_code, v_citizen, v_product
        FROM presentation AS p
        WHERE p.code_mac = ANY (p_macs) OR p.typed_mac = ANY (p_macs)
        ORDER BY p.status IN ('OPEN', 'HELD', 'REFUSED') DESC, p.id DESC
        LIMIT 1;
        IF p_lock AND v_code IS NOT NULL THEN
            PERFORM FROM presentation AS p
            WHERE p.citizen_id = v_citizen AND p.product_id = v_product
              AND (p.status IN ('OPEN', 'HELD', 'REFUSED') OR p.id = v_code)
            ORDER BY p.id
            FOR UPDATE;
        END IF;
        SELECT jsonb_build_object(
            'terminal_open', terminal_open(p_terminal),
            'wrong', coalesce((
                SELECT a.wrong FROM scan_attempt AS a WHERE a.terminal_id = p_terminal AND a.minute = v_minute), 0),
            'wait_ms', ceil(extract(epoch FROM v_minute + interval '1 minute' - v_real) * 1000)::integer,
            'earlier', (
                SELECT jsonb_build_object('same', i.request_hash = p_request_hash, 'result', i.result)
                FROM idempotency AS i
                WHERE i.principal = 'terminal:' || p_terminal AND i.key = p_key),
            'code', (
                SELECT jsonb_build_object(
                    'id', p.id, 'citizen_id', p.citizen_id, 'person_id', c.person_id, 'product_id', p.product_id,
                    'voucher_kind', p.voucher_kind, 'match_number', p.match_number, 'status', p.status,
                    'expires_at', p.expires_at, 'held_by', p.held_by, 'held_until', p.held_until,
                    'left', c.left_at IS NOT NULL)
                FROM presentation AS p
                JOIN citizen AS c ON c.id = p.citizen_id
                WHERE p.id = v_code)
        ) INTO v_scan;
        RETURN v_scan;
    END $$;
    -- A code that is nobody's: counted against the terminal.
    CREATE FUNCTION count_wrong_code(p_terminal bigint, p_now timestamptz) RETURNS void LANGUAGE sql AS $$
        INSERT INTO scan_attempt (terminal_id, minute, wrong)
        SELECT p_terminal, date_trunc('minute', p_now - c.ahead), 1 FROM clock AS c
        ON CONFLICT ON CONSTRAINT scan_attempt_pkey DO UPDATE SET wrong = scan_attempt.wrong + 1;
    $$;
    -- The person sees that a shop has looked, at what, and on which day; never which shop, so that nobody can put
    -- together later what settlement has taken apart.
    CREATE FUNCTION note_look(p_code bigint, p_person bigint, p_what jsonb, p_day timestamptz)
        RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE presentation AS p SET seen_by = identity_organisation()
        WHERE p.id = p_code AND p.seen_by IS DISTINCT FROM identity_organisation();
        IF FOUND THEN
            INSERT INTO access_event (person_id, programme_id, at, actor, role, purpose, what)
            VALUES (p_person, identity_programme(), p_day, '{"zh": "商家", "en": "A shop"}', identity_role(),
                'SHOP_CHECK', p_what);
        END IF;
    END $$;
    """)


def refusing() -> None:
    run("""
    -- A preview: the code waits for this terminal. False when another terminal was quicker.
    CREATE FUNCTION hold_code(
        p_code bigint, p_person bigint, p_terminal bigint, p_until timestamptz, p_what jsonb, p_day timestamptz,
        p_now timestamptz
    ) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE presentation AS p
        SET status = 'HELD', held_by = p_terminal, held_until = p_until, refusal = NULL
        WHERE p.id = p_code AND p.status IN ('OPEN', 'HELD', 'REFUSED')
          AND (p.held_until IS NULL OR p.held_until <= p_now OR p.held_by = p_terminal);
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        PERFORM note_look(p_code, p_person, p_what, p_day);
        INSERT INTO outbox (at, topic, person_id, subject) VALUES (p_now, 'presentation', p_person, p_code::text);
        RETURN true;
    END $$;
    -- A refusal: the shop learns that the code is not valid, the person reads why. The code lives on.
    CREATE FUNCTION refuse_code(
        p_code bigint, p_person bigint, p_refusal jsonb, p_what jsonb, p_day timestamptz, p_now timestamptz
    ) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF p_refusal IS NOT NULL THEN
            UPDATE presentation AS p SET status = 'REFUSED', refusal = p_refusal
            WHERE p.id = p_code AND p.status IN ('OPEN', 'HELD', 'REFUSED');
            IF FOUND THEN
                INSERT INTO outbox (at, topic, person_id, subject)
                VALUES (p_now, 'presentation', p_person, p_code::text);
            END IF;
        END IF;
        PERFORM note_look(p_code, p_person, p_what, p_day);
    END $$;
    """)


def taking() -> None:
    run("""
    -- The number of an account, made when it is first needed.
    CREATE FUNCTION account_of(p_programme smallint, p_kind text, p_owner text) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE
        v_account bigint;
    BEGIN
        SELECT a.id INTO v_account FROM account AS a
        WHERE a.programme_id = p_programme AND a.kind = p_kind AND a.owner = p_owner;
        IF v_account IS NULL THEN
            INSERT INTO account (programme_id, kind, owner) VALUES (p_programme, p_kind, p_owner)
            ON CONFLICT ON CONSTRAINT account_key DO NOTHING;
            SELECT a.id INTO STRICT v_account FROM account AS a
            WHERE a.programme_id = p_programme AND a.kind = p_kind AND a.owner = p_owner;
        END IF;
        RETURN v_account;
    END $$;
    -- What has been decided, written all at once or not at all. Gives the number of the redemption, or which
    -- conditional write found no row: ALLOWANCE or BUDGET. Code and key cannot be lost here, as the scan holds both.
    CREATE FUNCTION take_benefit(p_scan jsonb, p_now timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
    DECLARE
        s record;
        v_redemption bigint;
    BEGIN
        SELECT * INTO STRICT s FROM jsonb_to_record(p_scan) AS s (
            code_id bigint, citizen_id integer, person_id bigint, product_id bigint, product_code text,
            terminal_id bigint, key uuid, request_hash bytea, operation text, receipt_number text, merchant_ref text,
            status text, basis integer, relief integer, holder_pays integer, due_on date, match_number smallint,
            allowance_start date, allowance_end date, allowance_taken integer, allowance_limit integer,
            budget_start date, budget_taken bigint, posted_fen bigint, pending_fen bigint, what jsonb, day timestamptz);
        INSERT INTO redemption (programme_id, product_id, product_code, organisation_id, terminal_id, receipt_number,
            merchant_ref, at, status, basis, relief, holder_pays, due_on, match_number, budget_window, budget_taken,
            owed_fen)
        VALUES (identity_programme(), s.product_id, s.product_code, identity_organisation(), s.terminal_id,
            s.receipt_number, s.merchant_ref, p_now, s.status, s.basis, s.relief, s.holder_pays, s.due_on,
            s.match_number, s.budget_start, s.budget_taken, s.posted_fen + s.pending_fen)
        RETURNING id INTO v_redemption;
        INSERT INTO redemption_holder (redemption_id, citizen_id, holder, allowance_window, allowance_taken)
        SELECT v_redemption, c.id, c.pseudonym, s.allowance_start, s.allowance_taken
        FROM citizen AS c WHERE c.id = s.citizen_id;
        UPDATE presentation AS p
        SET status = CASE WHEN p.id = s.code_id THEN 'REDEEMED' ELSE 'CANCELLED' END,
            redemption_id = CASE WHEN p.id = s.code_id THEN v_redemption END,
            refusal = NULL
        WHERE p.citizen_id = s.citizen_id AND p.product_id = s.product_id AND p.status IN ('OPEN', 'HELD', 'REFUSED');
        IF NOT EXISTS (SELECT FROM presentation AS p WHERE p.id = s.code_id AND p.redemption_id = v_redemption) THEN
            RAISE EXCEPTION 'code % is not live, or was not locked', s.code_id;
        END IF;
        INSERT INTO idempotency (principal, key, request_hash, operation, result, at)
        VALUES ('terminal:' || s.terminal_id, s.key, s.request_hash, s.operation,
            jsonb_build_object('id', v_redemption), p_now);
        IF s.allowance_taken > 0 THEN
            INSERT INTO allowance_use AS a (holder, programme_id, product_code, window_start, window_end, used)
            SELECT h.holder, identity_programme(), s.product_code, s.allowance_start, s.allowance_end, s.allowance_taken
            FROM redemption_holder AS h WHERE h.redemption_id = v_redemption
            ON CONFLICT ON CONSTRAINT allowance_use_pkey DO UPDATE SET used = a.used + excluded.used
            WHERE s.allowance_limit IS NULL OR a.used + excluded.used <= s.allowance_limit;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'ALLOWANCE' USING ERRCODE = 'BX001';
            END IF;
        END IF;
        IF s.posted_fen + s.pending_fen > 0 THEN
            INSERT INTO transfer (programme_id, debit_id, credit_id, amount_fen, state, redemption_id, reason, at)
            VALUES (identity_programme(),
                CASE WHEN s.budget_taken > 0
                    THEN account_of(identity_programme(), 'BUDGET', s.product_code || '/' || s.budget_start)
                    ELSE account_of(identity_programme(), 'CITY', 'city') END,
                CASE WHEN s.posted_fen > 0
                    THEN account_of(identity_programme(), 'PAYABLE', identity_organisation()::text)
                    ELSE account_of(identity_programme(), 'GUARANTEE', 'fund') END,
                s.posted_fen + s.pending_fen,
                CASE WHEN s.posted_fen > 0 THEN 'POSTED' ELSE 'PENDING' END,
                v_redemption, 'redemption', p_now);
        END IF;
        PERFORM note_look(s.code_id, s.person_id, s.what, s.day);
        INSERT INTO outbox (at, topic, person_id, subject)
        VALUES (p_now, 'presentation', s.person_id, s.code_id::text),
            (p_now, 'redemption', s.person_id, v_redemption::text);
        UPDATE terminal AS t SET last_seen_at = p_now
        WHERE t.id = s.terminal_id AND (t.last_seen_at IS NULL OR t.last_seen_at < p_now - interval '5 minutes');
        IF s.budget_taken > 0 THEN
            UPDATE budget AS b
            SET spent = b.spent + CASE WHEN s.pending_fen > 0 THEN 0 ELSE s.budget_taken END,
                reserved = b.reserved + CASE WHEN s.pending_fen > 0 THEN s.budget_taken ELSE 0 END
            WHERE b.programme_id = identity_programme() AND b.product_code = s.product_code
              AND b.window_start = s.budget_start AND b.reserved + b.spent + s.budget_taken <= b.total;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'BUDGET' USING ERRCODE = 'BX001';
            END IF;
        END IF;
        RETURN jsonb_build_object('redemption_id', v_redemption);
    EXCEPTION
        WHEN SQLSTATE 'BX001' THEN
            RETURN jsonb_build_object('refused', SQLERRM);
    END $$;
    """)


def downgrade() -> None:
    run("""
    DROP FUNCTION take_benefit(jsonb, timestamptz);
    DROP FUNCTION account_of(smallint, text, text);
    DROP FUNCTION refuse_code(bigint, bigint, jsonb, jsonb, timestamptz, timestamptz);
    DROP FUNCTION hold_code(bigint, bigint, bigint, timestamptz, jsonb, timestamptz, timestamptz);
    DROP FUNCTION note_look(bigint, bigint, jsonb, timestamptz);
    DROP FUNCTION count_wrong_code(bigint, timestamptz);
    DROP FUNCTION open_scan(bytea[], bigint, uuid, bytea, boolean, timestamptz);
    """)
