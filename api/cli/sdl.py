"""`benefits schema`: the API in the schema language, for those who generate a client from it."""

from api.cli.terminal import say
from api.graphql.schema import build


def schema() -> None:
    """Print the schema of the API."""
    say(build().text.rstrip())
