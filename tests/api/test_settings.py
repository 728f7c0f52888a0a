"""Settings: what is missing or unsafe is refused by name, with the reason and the remedy."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from api.embedded import Urls
from api.errors import CannotStart
from api.settings import Environment, Settings, UnsafeSetting, remember_address, remembered_address, role_in
from api.tokens import Keyring, generate_signing_key, public_jwk

SIGNING_KEY = generate_signing_key()
COMPLETE = {
    "DATABASE_URL": "postgresql://server:p@db/city",
    "DATABASE_WORKER_URL": "postgresql+asyncpg://worker:p@db/city",
    "DATABASE_OWNER_URL": "postgres://owner:p@db/city",
    "VAULT_KEY": base64.b64encode(bytes(range(32))).decode(),
    "TOKEN_SIGNING_KEY": SIGNING_KEY,
    "PUBLIC_URL": "https://city.example/",
    "OIDC_ISSUER": "https://id.example/",
    "OIDC_CLIENT_ID": "benefits",
    "OIDC_CLIENT_SECRET": "hush",
}
EMBEDDED = Urls(app="postgresql+asyncpg://a@/b", worker="postgresql+asyncpg://w@/b", owner="postgresql+asyncpg://o@/b")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment holds a complete service's settings, and no others of ours."""
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_complete_environment_is_a_service(environment: pytest.MonkeyPatch) -> None:
    settings = Settings.for_service(Environment())
    assert settings == Settings(
        demo=False,
        database_url="postgresql+asyncpg://server:p@db/city",
        database_worker_url="postgresql+asyncpg://worker:p@db/city",
        database_owner_url="postgresql+asyncpg://owner:p@db/city",
        vault_key=bytes(range(32)),
        token_signing_key=SIGNING_KEY,
        public_url="https://city.example",
        oidc_issuer="https://id.example/",
        oidc_client_id="benefits",
        oidc_client_secret="hush",
    )


@pytest.mark.parametrize("name", COMPLETE)
def test_a_service_without_one_of_its_settings_does_not_start(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(name)
    with pytest.raises(UnsafeSetting) as refused:
        Settings.for_service(Environment())
    assert refused.value.name == name
    assert str(refused.value).startswith(f"{name} is missing")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("DATABASE_URL", "mysql://server:p@db/city", "is no address of a PostgreSQL database"),
        ("DATABASE_URL", "postgresql://db/city", "names no role"),
        ("DATABASE_URL", "postgresql://owner:p@db/city", "shares its role with another"),
        ("VAULT_KEY", "not base64!", "is not base64 of 32 bytes"),
        ("VAULT_KEY", base64.b64encode(bytes(16)).decode(), "is not base64 of 32 bytes"),
        ("VAULT_KEY", base64.b64encode(bytes(32)).decode(), "is not random"),
        ("TOKEN_SIGNING_KEY", "hello", "is not a private P-256 key in PEM"),
        ("TOKEN_PREVIOUS_KEYS", "hello", "holds something else than public P-256 keys"),
        ("TOKEN_PREVIOUS_KEYS", SIGNING_KEY, "holds something else than public P-256 keys"),
        ("PUBLIC_URL", "http://city.example", "is no https:// address"),
        ("PUBLIC_URL", "https://user@city.example", "is no https:// address"),
        ("PUBLIC_URL", "city.example", "is no https:// address"),
        ("OIDC_ISSUER", "http://id.example", "is no https:// address"),
    ],
)
def test_an_unsafe_setting_is_refused_by_name_and_without_its_value(
    environment: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(UnsafeSetting) as refused:
        Settings.for_service(Environment())
    assert str(refused.value).startswith(f"{name} {why}")
    assert value not in str(refused.value)


def test_an_address_of_this_machine_may_go_without_https(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PUBLIC_URL", "http://127.0.0.1:8000")
    environment.setenv("OIDC_ISSUER", "http://localhost:9000")
    assert Settings.for_service(Environment()).public_url == "http://127.0.0.1:8000"


def test_keys_of_one_line_and_earlier_keys_are_read(environment: pytest.MonkeyPatch) -> None:
    earlier = [Keyring(issuer="x", signing_key=generate_signing_key()) for _ in range(2)]
    publics = [pem_of(keyring) for keyring in earlier]
    environment.setenv("TOKEN_SIGNING_KEY", SIGNING_KEY.replace("\n", "\\n"))
    environment.setenv("TOKEN_PREVIOUS_KEYS", "".join(publics).replace("\n", "\\n"))
    settings = Settings.for_service(Environment())
    assert settings.token_signing_key == SIGNING_KEY
    assert list(settings.token_previous_keys) == publics


def pem_of(keyring: Keyring) -> str:
    key = keyring.public_key(keyring.kid)
    assert key is not None
    assert public_jwk(key) in keyring.jwks()["keys"]
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_demo_makes_its_secrets_once_and_keeps_them_to_itself(tmp_path: Path) -> None:
    first = Settings.for_folder(empty(), tmp_path, EMBEDDED, "http://127.0.0.1:8000")
    second = Settings.for_folder(empty(), tmp_path, EMBEDDED, "http://127.0.0.1:8000")
    assert first == second
    assert first.demo is True
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets.json"]
    assert Settings.for_folder(empty(), other(tmp_path), EMBEDDED, "http://127.0.0.1:8000") != first


def other(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"


def test_a_pilot_signs_people_in_with_a_real_provider(tmp_path: Path) -> None:
    pilot = empty().model_copy(
        update={
            "oidc_issuer": "https://id.example",
            "oidc_client_id": "us",
            "oidc_client_secret": SecretStr("hush"),
            "public_url": "https://city.example",
        }
    )
    settings = Settings.for_folder(pilot, tmp_path, EMBEDDED, "http://127.0.0.1:8000")
    assert (settings.demo, settings.public_url) == (False, "https://city.example")


def test_a_folder_that_cannot_keep_secrets_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"cannot keep its secrets \(Not a directory\)"):
        Settings.for_folder(empty(), tmp_path / "file", EMBEDDED, "http://127.0.0.1:8000")


def test_no_secret_is_ever_printed(environment: pytest.MonkeyPatch) -> None:
    printed = repr(Settings.for_service(Environment())) + repr(Environment())
    for secret in (":p@", "hush", COMPLETE["VAULT_KEY"], str(bytes(range(32))), SIGNING_KEY[30:60]):
        assert secret not in printed


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Environment.model_fields.items() if not field.description] == []


def test_the_usual_folder_follows_the_desktops_convention(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HOME", "/home/somebody")
    assert Environment().folder == Path("/home/somebody/.local/share/citizen-credit-benefits")
    environment.setenv("XDG_DATA_HOME", "/data")
    assert Environment().folder == Path("/data/citizen-credit-benefits")


def test_the_address_of_a_demo_is_remembered_for_those_who_join(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="No demo has run in"):
        remembered_address(tmp_path)
    remember_address(tmp_path, "http://127.0.0.1:1")
    assert remembered_address(tmp_path) == "http://127.0.0.1:1"


def test_a_role_with_an_unusual_name_is_read_from_its_address() -> None:
    assert role_in("postgresql://a%40b:p@db/city") == "a@b"


def empty() -> Environment:
    """An environment that says nothing, whatever the real one holds."""
    return Environment.model_construct(**{name: field.default for name, field in Environment.model_fields.items()})
