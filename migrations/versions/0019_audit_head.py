"""The head of the audit chain, for the auditor alone."""

from migrations.dialect import run

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run("""
    CREATE POLICY audit_link_doors ON audit_link FOR SELECT TO CURRENT_USER USING (true);
    -- An auditor: how long the chain is, and the hash that stands for all of it. Nobody else learns anything.
    CREATE FUNCTION audit_head() RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = public
    RETURN (
        SELECT jsonb_build_object('position', k.position, 'hash', encode(k.hash, 'hex'))
        FROM audit_link AS k
        WHERE identity_role() = 'auditor'
        ORDER BY k.position DESC
        LIMIT 1
    );
    """)


def downgrade() -> None:
    run("""
    DROP FUNCTION audit_head();
    DROP POLICY audit_link_doors ON audit_link;
    """)
