"""What volunteers and organisers do.

registration.py, events.py, sign_ups.py, attendance.py and confirmation.py follow the life of a stretch of service.
"""

from domain.volunteering.actions.attendance import check_in, check_out
from domain.volunteering.actions.confirmation import Confirmation, confirm_services, reject_service
from domain.volunteering.actions.events import (
    ShownCode,
    cancel_event,
    import_events,
    publish_event,
    show_attendance_code,
)
from domain.volunteering.actions.registration import Registration, register_volunteer
from domain.volunteering.actions.sign_ups import cancel_sign_up, sign_up

__all__ = [
    "Confirmation",
    "Registration",
    "ShownCode",
    "cancel_event",
    "cancel_sign_up",
    "check_in",
    "check_out",
    "confirm_services",
    "import_events",
    "publish_event",
    "register_volunteer",
    "reject_service",
    "show_attendance_code",
    "sign_up",
]
