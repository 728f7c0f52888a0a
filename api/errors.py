"""What keeps the program from starting, told to the person at the terminal."""


class CannotStart(Exception):
    """One sentence: what is wrong, and what to do. Ends a command with this sentence and status 1."""
