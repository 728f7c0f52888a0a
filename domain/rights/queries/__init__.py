"""SQL over rights: cases.py writes objections, repairs.py repairs, papers.py what hangs on both; subjects.py asks whose
something is, benefits.py what somebody qualifies for; reading.py holds what the API shows, as fragments.
"""
