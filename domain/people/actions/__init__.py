"""What people do: sign in and out (signing_in.py), join and leave (joining.py), be looked up (looking_up.py),
invite and block staff and tills (staff.py)."""

from domain.people.actions.joining import Ended, enrol, give_consent, withdraw, withdraw_consent
from domain.people.actions.looking_up import Found, look_up_by_presence, presence_code_of, show_presence_code
from domain.people.actions.signing_in import (
    Identity,
    Wish,
    end_session,
    refresh_session,
    sign_in,
)
from domain.people.actions.staff import pairing_mac

__all__ = [
    "Ended",
    "Found",
    "Identity",
    "Wish",
    "end_session",
    "enrol",
    "give_consent",
    "look_up_by_presence",
    "pairing_mac",
    "presence_code_of",
    "refresh_session",
    "show_presence_code",
    "sign_in",
    "withdraw",
    "withdraw_consent",
]
