"""A refusal of a document, and the place in the document where it was found."""

from dataclasses import dataclass, field

# Rules of form beside R1 … R25: the document is not understood, or contradicts itself.
FORM = "FORM"
LINK = "LINK"
RANGE = "RANGE"
BANDS = "BANDS"
POINTS = "POINTS"
TIERS = "TIERS"
CAPS = "CAPS"
GATE = "GATE"
WINDOW = "WINDOW"
SOURCES = "SOURCES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Which file and key break which rule; the message says what, why and what to do."""

    file: str
    key: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.rule}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A key path in a file; problems found below it go into one list."""

    file: str
    key: str = ""
    problems: list[Problem] = field(default_factory=list)

    def at(self, name: str) -> "Place":
        """The place of a key below this one."""
        return Place(file=self.file, key=f"{self.key}.{name}" if self.key else name, problems=self.problems)

    def item(self, name: str) -> "Place":
        """The place of one element of the list here, by its code or its number."""
        return Place(file=self.file, key=f"{self.key}[{name}]", problems=self.problems)

    def refuse(self, rule: str, message: str) -> None:
        """Notes one problem here."""
        self.problems.append(Problem(file=self.file, key=self.key or "(file)", rule=rule, message=message))
