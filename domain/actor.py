"""Who acts: the caller of one transaction, as the database has just confirmed it."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may be. One token carries one role."""

    ANONYMOUS = "anonymous"
    CITIZEN = "citizen"
    VOLUNTEER = "volunteer"
    CASHIER = "cashier"
    MANAGER = "manager"
    ORGANISER = "organiser"
    OFFICER = "officer"
    APPROVER = "approver"
    SOURCE = "source"
    AUDITOR = "auditor"
    WORKER = "worker"


PERSON_ROLES = frozenset({Role.CITIZEN, Role.VOLUNTEER})
SHOP_ROLES = frozenset({Role.CASHIER, Role.MANAGER})
OFFICE_ROLES = frozenset({Role.OFFICER, Role.APPROVER})
STAFF_ROLES = frozenset(Role) - PERSON_ROLES - {Role.ANONYMOUS, Role.WORKER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What a verified token says. The database confirms it before anything is read."""

    role: Role
    person_id: int | None = None
    programme: str | None = None
    organisation_id: int | None = None
    terminal_id: int | None = None


ANONYMOUS = Caller(role=Role.ANONYMOUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The caller, confirmed: every id here was read in this transaction.

    `citizen_id` and `volunteer_id` are the caller's own rows in the programme, null before joining.
    """

    role: Role
    person_id: int | None = None
    programme_id: int | None = None
    citizen_id: int | None = None
    volunteer_id: int | None = None
    staff_id: int | None = None
    organisation_id: int | None = None
    terminal_id: int | None = None

    @property
    def principal(self) -> str:
        """Whose idempotency keys these are: the terminal's for a scan, else the person's."""
        if self.terminal_id is not None:
            return f"terminal:{self.terminal_id}"
        return f"person:{self.person_id}"
