"""The commands for departments: what they print, and the one sentence of each refusal."""

import base64
import json
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from api.embedded import Urls
from api.tokens import public_jwk
from tests.actions.department import Departments, city, write_lines
from tests.api.processes import BENEFITS, PATIENCE_S
from tests.conftest import MASTER_KEY

__all__ = ["city"]

PLACE = ("--programme", "rongcheng", "--source", "culture")


@pytest.fixture
def folder(tmp_path: Path, city: Departments) -> Path:
    """A data folder that remembers an address; the database is that of the environment."""
    (tmp_path / "address").write_text("http://127.0.0.1:1")
    return tmp_path


def benefits(urls: Urls, folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Status, output and complaint of one command."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "DATABASE_URL": urls.app,
        "DATABASE_WORKER_URL": urls.worker,
        "DATABASE_OWNER_URL": urls.owner,
        "VAULT_KEY": base64.b64encode(MASTER_KEY).decode(),
    }
    command = (*BENEFITS, *arguments, "--data", str(folder))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout, done.stderr


async def test_a_file_is_imported_and_told_in_a_sentence(urls: Urls, folder: Path, city: Departments) -> None:
    person = await city.person()
    path = write_lines(folder / "a.ndjson", city.record(person), {"faulty": 1})
    assert benefits(urls, folder, "import", str(path), *PLACE) == (
        0,
        f"2 lines: 1 accepted, 0 duplicates, 1 refused\nWhat was refused, and why, stands in {path}.refused\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("import", "none.ndjson", *PLACE), "none.ndjson cannot be used (No such file or directory): check the path."),
        (("import", "x", "--programme", "atlantis", "--source", "culture"), "There is no programme 'atlantis'"),
        (("import", "x", "--programme", "rongcheng", "--source", "x"), "its departments are civil-affairs, culture"),
        (("rescore", "--programme", "atlantis"), "There is no programme 'atlantis' with rules in force"),
        (("machine", "Big Name", "key", *PLACE), "'Big Name' is no name for a machine"),
        (("machine", "name", "no-such-key", *PLACE), "no-such-key holds no key to register"),
    ],
)
def test_a_refusal_is_one_sentence(urls: Urls, folder: Path, arguments: tuple[str, ...], complaint: str) -> None:
    status, output, complained = benefits(urls, folder, *arguments)
    assert (status, output) == (1, "")
    assert complained.startswith("benefits: ")
    assert complaint in complained
    assert len(complained.splitlines()) == 1


def test_everybodys_score_is_worked_out_again(urls: Urls, folder: Path) -> None:
    status, output, _ = benefits(urls, folder, "rescore")
    assert status == 0
    assert output.endswith(" scores were worked out.\n")


def test_a_machine_is_registered_by_its_public_key(urls: Urls, folder: Path) -> None:
    name, key = f"machine-{uuid4().hex[:8]}", folder / "key.json"
    key.write_text(json.dumps(public_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())))
    assert benefits(urls, folder, "machine", name, str(key), *PLACE) == (
        0,
        f"{name} may now get tokens from http://127.0.0.1:1/oauth/token\n",
        "",
    )
    elsewhere = ("--programme", "rongcheng", "--source", "civil-affairs")
    assert benefits(urls, folder, "machine", name, str(key), *elsewhere) == (
        1,
        "",
        "benefits: This name belongs to another organisation. Choose another one.\n",
    )
