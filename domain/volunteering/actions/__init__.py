"""What volunteers and organisers do.

registration.py, events.py, sign_ups.py, attendance.py, entries.py, confirmation.py and corrections.py follow the life
of a stretch of service; deciding.py is what the last three have in common, and upkeep.py what time does by itself.
certificates.py prints what has been confirmed, records.py keeps training, awards and evaluations, and exchange.py
speaks with other platforms.
"""

from domain.volunteering.actions.attendance import check_in, check_out
from domain.volunteering.actions.certificates import (
    check_certificate,
    issue_certificate,
    own_certificate,
    revoke_certificate,
)
from domain.volunteering.actions.confirmation import Confirmation, confirm_services, reject_service
from domain.volunteering.actions.corrections import correct_service
from domain.volunteering.actions.earlier import count_earlier_hours
from domain.volunteering.actions.entries import countersign_attendance, enter_attendance
from domain.volunteering.actions.events import (
    ShownCode,
    cancel_event,
    change_event,
    import_events,
    publish_event,
    show_attendance_code,
)
from domain.volunteering.actions.exchange import Imported, export_records, export_services, import_services
from domain.volunteering.actions.records import add_record, correct_record, decline_record
from domain.volunteering.actions.registration import (
    GuardianConsent,
    Registration,
    make_guardian_code,
    register_volunteer,
)
from domain.volunteering.actions.sign_ups import cancel_sign_up, sign_up
from domain.volunteering.actions.upkeep import escalate_overdue

__all__ = [
    "Confirmation",
    "GuardianConsent",
    "Imported",
    "Registration",
    "ShownCode",
    "add_record",
    "cancel_event",
    "cancel_sign_up",
    "change_event",
    "check_certificate",
    "check_in",
    "check_out",
    "confirm_services",
    "correct_record",
    "correct_service",
    "count_earlier_hours",
    "countersign_attendance",
    "decline_record",
    "enter_attendance",
    "escalate_overdue",
    "export_records",
    "export_services",
    "import_events",
    "import_services",
    "issue_certificate",
    "make_guardian_code",
    "own_certificate",
    "publish_event",
    "register_volunteer",
    "reject_service",
    "revoke_certificate",
    "show_attendance_code",
    "sign_up",
]
