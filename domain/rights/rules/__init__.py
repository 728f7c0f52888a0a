"""The pure part: clocks.py counts days, cases.py judges requests, papers.py attachments, wording.py speaks of steps."""
