"""What people do about decisions, and what the office and the departments do with it.

filing.py    attach, object_to, withdraw_objection, ask_for_review
office.py    hand_over_objection, extend_objection, decide_objection
source.py    answer_objection
repairs.py   request_repair, extend_repair, decide_repair
overdue.py   decide_overdue(session, now, *, terms, catalogue): daily, as the worker
looking_up.py   look_up_by_case
declining.py    decline_record
exporting.py    export_my_data
erasing.py      erase_my_data, withdraw_consent
settling.py  what a decision does to a record, whoever makes it; working.py is what all of them lean on
"""

from domain.rights.actions.declining import decline_record
from domain.rights.actions.erasing import erase_my_data, withdraw_consent
from domain.rights.actions.exporting import export_my_data
from domain.rights.actions.filing import ask_for_review, attach, object_to, withdraw_objection
from domain.rights.actions.looking_up import look_up_by_case
from domain.rights.actions.office import decide_objection, extend_objection, hand_over_objection
from domain.rights.actions.overdue import decide_overdue
from domain.rights.actions.repairs import decide_repair, extend_repair, request_repair
from domain.rights.actions.source import answer_objection

__all__ = [
    "answer_objection",
    "ask_for_review",
    "attach",
    "decide_objection",
    "decide_overdue",
    "decide_repair",
    "decline_record",
    "erase_my_data",
    "export_my_data",
    "extend_objection",
    "extend_repair",
    "hand_over_objection",
    "look_up_by_case",
    "object_to",
    "request_repair",
    "withdraw_consent",
    "withdraw_objection",
]
