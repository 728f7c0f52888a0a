"""Commands that only read and print: the schema of the API, and what is wrong with a programme file."""

from pathlib import Path

from api.cli.terminal import complain, say
from seeds.loader import check_file


def check(files: list[Path], /) -> int:
    """Say what is wrong with programme files; status 1 when anything is.

    Parameters
    ----------
    files
        The programme files to check.
    """
    problems = {file: check_file(file) for file in files}
    for file, found in problems.items():
        for problem in found:
            complain(str(problem))
        if not found:
            say(f"{file}: may be loaded")
    return 1 if any(problems.values()) else 0
