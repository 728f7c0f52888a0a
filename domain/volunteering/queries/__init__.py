"""SQL of volunteering: one function, one statement.

volunteers.py, events.py and services.py read, lock and write; shapes.py is what the API shows, as fragments.
"""
