"""What is shown of one person, as fragments."""

from domain.values import Fragment


def person_fragment() -> Fragment:
    """The sealed name of a person with the key it is sealed under; null for nobody."""
    return Fragment(
        sql="""
        SELECT json_build_object('name', encode(p.sealed_name, 'hex'), 'key', encode(k.wrapped_key, 'hex'))
        FROM person AS p
        LEFT JOIN person_key AS k ON k.person_id = p.id
        WHERE p.id = :person
        """
    )


def memberships_fragment() -> Fragment:
    """The programmes a person is in, and since when."""
    return Fragment(
        sql="""
        SELECT coalesce(json_agg(json_build_object('programme', c.programme_id, 'joined_at', c.joined_at)
            ORDER BY c.programme_id), '[]')
        FROM citizen AS c
        WHERE c.person_id = :person
          AND c.left_at IS NULL
        """
    )


def presence_code_fragment(name: str, *, code_id: int) -> Fragment:
    """How long a presence code of this person lives."""
    return Fragment(
        sql=f"""
        SELECT json_build_object('id', p.id, 'expires_at', p.expires_at)
        FROM presence_code AS p
        WHERE p.person_id = :person
          AND p.id = :{name}_id
        """,
        binds={f"{name}_id": code_id},
    )
