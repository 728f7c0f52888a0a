"""The shape of the code: what may stand where, and how long it may get."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted(path for room in ("api", "domain", "seeds", "migrations") for path in (ROOT / room).rglob("*.py"))
DOMAIN = [path for path in CODE if "domain" in path.relative_to(ROOT).parts]
FUNCTION_LINES = 60
FILE_LINES = 400
PARAMETERS = 6
# The database clock is read in one place: the function that opens every transaction.
READS_THE_DATABASE_CLOCK = {"migrations/versions/0006_identity.py"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_top_level_holds_what_a_newcomer_expects_and_nothing_else() -> None:
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}
    generated = {"uv.lock", "data"} | {path.name for path in ROOT.glob("*.egg-info")}
    assert visible - generated == {
        "LICENSE",
        "README.md",
        "api",
        "domain",
        "migrations",
        "pyproject.toml",
        "seeds",
        "tests",
    }


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_LINES
    too_long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    }
    # SQL in a migration is one statement after another; there the function is only its frame.
    assert too_long == {} or "migrations" in path.parts


@pytest.mark.parametrize("path", DOMAIN, ids=name)
def test_functions_take_few_parameters(path: Path) -> None:
    wordy = {
        node.name
        for node in functions(path)
        if len(node.args.args)
        + len(node.args.kwonlyargs)
        - (bool(node.args.args) and node.args.args[0].arg in ("self", "cls"))
        > PARAMETERS + 2 * (bool(node.args.args) and node.args.args[0].arg == "session")
    }
    assert wordy == set()


@pytest.mark.parametrize("path", CODE, ids=name)
def test_every_module_says_what_it_decides(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == "" or ast.get_docstring(ast.parse(text))


def test_only_the_database_module_commits() -> None:
    committing = {
        name(path)
        for path in CODE
        if re.search(r"(session|connection|engine)\.(commit|begin)\(", path.read_text(encoding="utf-8"))
    }
    assert committing - {"migrations/env.py"} == {"api/database.py"}


@pytest.mark.parametrize("path", CODE, ids=name)
def test_sql_does_not_read_the_clock(path: Path) -> None:
    found = re.findall(
        r"\bnow\(\)|\bCURRENT_(?:DATE|TIMESTAMP|TIME)\b|clock_timestamp\(", path.read_text(encoding="utf-8")
    )
    assert found == [] or name(path) in READS_THE_DATABASE_CLOCK


@pytest.mark.parametrize("path", DOMAIN, ids=name)
def test_the_domain_reads_neither_clock_nor_environment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"datetime\.now|date\.today|time\.time|os\.environ|getenv", text) is None
