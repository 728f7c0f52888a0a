"""Persons, citizens and staff. A fifth file, settlement.py, takes over people in bulk, for a city's start or a demo."""
