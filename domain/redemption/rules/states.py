"""The states of a code on a phone, and of a sale."""

from enum import StrEnum


class PresentationStatus(StrEnum):
    """What has become of a code."""

    OPEN = "OPEN"
    HELD = "HELD"
    REDEEMED = "REDEEMED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class RedemptionStatus(StrEnum):
    """What has become of a sale."""

    CLAIM_SENT = "CLAIM_SENT"
    COMPLETED = "COMPLETED"
    OPEN = "OPEN"
    LATE = "LATE"
    RELEASED = "RELEASED"
    CLAIM_PENDING = "CLAIM_PENDING"
    CLAIMED = "CLAIMED"
    REVERSED = "REVERSED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
