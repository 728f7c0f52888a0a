"""What a record is called, and how often somebody may guess at codes."""

from migrations.dialect import grant, run

revision = "0020"
down_revision = "0019"

_KEPT = "number text, from_on date, until_on date, issued_on date, minutes integer"
_COLUMNS = "c.number, c.from_on, c.until_on, c.issued_on, c.minutes"


def upgrade() -> None:
    run("""
    -- is_certificate: issued while the programme was joined to the national system, so it may be called a certificate.
    ALTER TABLE certificate ADD COLUMN is_certificate boolean NOT NULL DEFAULT false;
    -- Wrong guesses at codes in one minute of real time. guesser: a keyed digest.
    CREATE TABLE guess (
        guesser bytea NOT NULL,
        minute timestamptz NOT NULL,
        wrong integer NOT NULL,
        CONSTRAINT guess_pkey PRIMARY KEY (guesser, minute)
    );
    """)
    grant("guess", app="SELECT, INSERT, UPDATE", worker="SELECT, DELETE")
    _functions(extra=", is_certificate boolean", column=", c.is_certificate")


def downgrade() -> None:
    _functions(extra="", column="")
    run("""
    DROP TABLE guess;
    ALTER TABLE certificate DROP COLUMN is_certificate;
    """)


def _functions(*, extra: str, column: str) -> None:
    """What those who check and those who revoke a record read of it; they read by name, so one column more is safe."""
    run(f"""
    -- squawk-ignore ban-drop-function
    DROP FUNCTION certificate_check(bytea);
    CREATE FUNCTION certificate_check(p_mac bytea)
        RETURNS TABLE ({_KEPT}{extra}, revoked boolean, wrapped_key bytea, sealed_content bytea)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
        SELECT {_COLUMNS}{column}, c.revoked_at IS NOT NULL, v.wrapped_key, c.sealed_content
        FROM certificate AS c JOIN volunteer AS v ON v.id = c.volunteer_id
        WHERE c.check_mac = p_mac;
    $$;
    -- squawk-ignore ban-drop-function
    DROP FUNCTION certificate_for_staff(text);
    CREATE FUNCTION certificate_for_staff(p_number text)
        RETURNS TABLE (id bigint, {_KEPT}{extra}, revoked_at timestamptz, person_id bigint, wrapped_key bytea)
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
        SELECT c.id, {_COLUMNS}{column}, c.revoked_at, v.person_id, v.wrapped_key
        FROM certificate AS c JOIN volunteer AS v ON v.id = c.volunteer_id
        WHERE c.number = p_number AND c.programme_id = identity_programme()
          AND (identity_role() = 'officer'
            OR (identity_role() = 'organiser' AND identity_organisation() = ANY (c.organisation_ids)));
    $$;
    """)
