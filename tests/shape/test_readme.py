"""README is true: its settings, commands, refusals, glossary and map are those of the code."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from api.cli import app
from api.settings import Environment
from domain.errors import DomainError
from seeds.loader import PROGRAMMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_readme_with_its_description() -> None:
    lines = [f"| `{name.upper()}` | {field.description} |" for name, field in sorted(Environment.model_fields.items())]
    table = README.split("| setting | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == lines


def test_every_refused_phrase_is_counted_by_its_rule() -> None:
    counted: Counter[str] = Counter()
    for path in PROGRAMMES.glob("*.toml"):
        counted.update(entry["rule"] for entry in tomllib.loads(path.read_text(encoding="utf-8"))["refused"])
    rules = sorted(counted, key=lambda rule: int(rule[1:]))
    sentence = ", ".join(f"{rule} {counted[rule]}" for rule in rules)
    assert f"{counted.total()} phrases: {sentence}." in README


def test_every_command_stands_in_the_readme() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert commands <= set(re.findall(r"`(?:benefits )?([\w-]+)(?: check)?`", README))


def test_every_error_code_stands_in_the_readme() -> None:
    codes = {kind.code for kind in DomainError.__subclasses__()}
    assert codes == set(
        re.findall(r"`([A-Z]+(?:_[A-Z]+)+|OVERLAP)`", README.split("## Words")[0].split("## Answers")[1])
    )


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`((?:api|domain|migrations|seeds|tests)/[\w./]*)`", README))))
def test_every_place_on_the_map_is_there(place: str) -> None:
    assert (ROOT / place).exists()
