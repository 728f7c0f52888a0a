"""How often each task of this process has ended well and badly, until it is written down."""

from dataclasses import replace

from domain.upkeep import Count


class Tally:
    """Counts by task."""

    def __init__(self) -> None:
        self._counts: dict[str, Count] = {}

    def good(self, name: str) -> None:
        """A task has ended well."""
        count = self._counts.get(name, Count())
        self._counts[name] = replace(count, runs=count.runs + 1)

    def bad(self, name: str) -> None:
        """A task has failed."""
        count = self._counts.get(name, Count())
        self._counts[name] = replace(count, failures=count.failures + 1)

    def take(self) -> dict[str, Count]:
        """What was counted since the last time, to be written down."""
        counts, self._counts = self._counts, {}
        return counts

    def put_back(self, counts: dict[str, Count]) -> None:
        """What could not be written down is counted again."""
        for name, count in counts.items():
            since = self._counts.get(name, Count())
            self._counts[name] = Count(runs=since.runs + count.runs, failures=since.failures + count.failures)
