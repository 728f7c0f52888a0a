"""What volunteering decides, as pure functions.

terms.py is what a programme sets, registration.py who may volunteer, events.py what may be published and who gets a
seat, attendance.py codes and time given, services.py overlap, caps and confirmation, records.py training, awards and
evaluations.
"""
