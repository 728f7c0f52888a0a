"""Reads programme files and says what is wrong with them."""

from pathlib import Path

from domain.programmes.rules.checks import check_programme
from domain.programmes.rules.document import ProgrammeDocument
from domain.programmes.rules.parse import parse_programme
from domain.programmes.rules.problems import FORM, Place, Problem

PROGRAMMES = Path(__file__).parent / "programmes"


class ProgrammeFileError(Exception):
    """The file holds no programme that may be loaded; the problems say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def check_file(path: Path) -> list[Problem]:
    """Everything that is wrong with the file; an empty list means that it may be loaded."""
    try:
        read_file(path)
    except ProgrammeFileError as refused:
        return refused.problems
    return []


def read_file(path: Path) -> ProgrammeDocument:
    """The programme in the file. Raises: ProgrammeFileError with every problem found."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        place = Place(file=path.name)
        place.refuse(FORM, f"the file cannot be read: {problem}. Check the path and its permissions.")
        raise ProgrammeFileError(place.problems) from problem
    document = parse_programme(text, path.name)
    if isinstance(document, list):
        raise ProgrammeFileError(document)
    problems = check_programme(document, path.name)
    if problems:
        raise ProgrammeFileError(problems)
    return document
