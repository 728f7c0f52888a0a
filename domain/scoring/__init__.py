"""Records of facts, and the score that follows from them.

queries.py holds the one definition of a line (`lines_cte`) and everything read from it; rules.py adds lines up and
says them in words; actions.py stores records and keeps scores in step, and
beside it stand what else happens to records: imports.py, announcing.py, states.py.
"""
