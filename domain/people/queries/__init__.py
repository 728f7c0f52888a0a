"""What is asked of and written to the tables of people: one function, one statement.

signing_in.py comes first, since nobody has an identity before it; then joining.py and presence.py; reading.py is what
a person is shown of themselves.
"""

from domain.people.queries.joining import (
    CitizenHere,
    NewCitizen,
    Profile,
    add_citizen,
    end_score,
    erase_score,
    leave,
    lock_citizen,
    profile,
    programme_place,
    show_citizen,
    start_score,
)
from domain.people.queries.presence import (
    add_presence_code,
    person_of,
    reveal_by_presence,
    staff_name,
    use_presence_code,
)
from domain.people.queries.reading import memberships_fragment, person_fragment, presence_code_fragment
from domain.people.queries.signing_in import (
    Post,
    Rotation,
    SealedProfile,
    Ticket,
    add_session,
    end_session,
    ensure_person_key,
    keep_profile,
    pair_terminal,
    person_signing_in,
    rotate_session,
    show_session,
    staff_post,
)

__all__ = [
    "CitizenHere",
    "NewCitizen",
    "Post",
    "Profile",
    "Rotation",
    "SealedProfile",
    "Ticket",
    "add_citizen",
    "add_presence_code",
    "add_session",
    "end_score",
    "end_session",
    "ensure_person_key",
    "erase_score",
    "keep_profile",
    "leave",
    "lock_citizen",
    "memberships_fragment",
    "pair_terminal",
    "person_fragment",
    "person_of",
    "person_signing_in",
    "presence_code_fragment",
    "profile",
    "programme_place",
    "reveal_by_presence",
    "rotate_session",
    "show_citizen",
    "show_session",
    "staff_name",
    "staff_post",
    "start_score",
    "use_presence_code",
]
