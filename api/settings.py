"""The only reader of the environment. Settings are complete and safe, or the program does not start."""

import base64
import binascii
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Self
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from api.embedded import Urls
from api.errors import CannotStart
from api.tokens import generate_signing_key

_KEY_BYTES = 32
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DATABASES = ("DATABASE_URL", "DATABASE_WORKER_URL", "DATABASE_OWNER_URL")
_DRIVER = "postgresql+asyncpg"
_NEW_KEY = "python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
_NEW_SIGNING_KEY = "openssl ecparam -genkey -name prime256v1 -noout"


class UnsafeSetting(CannotStart):
    """A setting is missing or unsafe; the sentence names it, says why, and what to do."""

    def __init__(self, name: str, why: str, remedy: str) -> None:
        super().__init__(f"{name} {why}: {remedy}.")
        self.name = name


class Environment(BaseSettings):
    """What the environment may say. Each field is the setting of the same name in capital letters."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL for the server's role, postgresql://…; without it the embedded database is used.",
    )
    database_worker_url: SecretStr | None = Field(
        default=None, description="The same database for the worker's role: jobs and imports."
    )
    database_owner_url: SecretStr | None = Field(
        default=None, description="The same database for the role that owns the tables: migrations only."
    )
    vault_key: SecretStr | None = Field(
        default=None, description="32 random bytes in base64. Personal data cannot be read without it."
    )
    token_signing_key: SecretStr | None = Field(
        default=None, description="The private P-256 key, in PEM, that signs access tokens."
    )
    token_previous_keys: str = Field(
        default="", description="Public keys in PEM, one after the other, whose tokens are still accepted."
    )
    public_url: str | None = Field(
        default=None, description="The address at which phones reach the server, https://…; it also issues the tokens."
    )
    oidc_issuer: str | None = Field(
        default=None, description="The OpenID provider that people sign in with; without it the demo's own."
    )
    oidc_client_id: str | None = Field(default=None, description="Our name at the OpenID provider.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="Our password at the OpenID provider.")
    oidc_identity_claim: str = Field(
        default="sub", description="The claim that names a person for ever; `sub` unless the provider says otherwise."
    )
    sign_in_redirect_uris: str = Field(
        default="",
        description="Where apps may be sent back to after signing in: exact addresses, separated by blanks.",
    )
    xdg_data_home: Path | None = Field(
        default=None, description="Where the demo's data folder is made, unless --data names one."
    )

    @property
    def folder(self) -> Path:
        """The demo's data folder when none is named."""
        home = self.xdg_data_home or Path.home() / ".local" / "share"
        return home / "citizen-credit-benefits"

    def databases(self) -> Urls | None:
        """The three addresses, or nothing: then the embedded database is used."""
        given = (self.database_url, self.database_worker_url, self.database_owner_url)
        if not any(given):
            return None
        app, worker, owner = (
            _database(name, value.get_secret_value() if value else None)
            for name, value in zip(_DATABASES, given, strict=True)
        )
        if len({role_in(app), role_in(worker), role_in(owner)}) < len(given):
            raise UnsafeSetting(
                "DATABASE_URL",
                "shares its role with another of the three addresses, so row policies would not hold",
                "give server, worker and owner a role each",
            )
        return Urls(app=app, worker=worker, owner=owner)


class Settings(BaseModel):
    """Everything the server, the worker and the commands need to know, checked and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    demo: bool
    database_url: str = Field(repr=False)
    database_worker_url: str = Field(repr=False)
    database_owner_url: str = Field(repr=False)
    vault_key: bytes = Field(repr=False, min_length=_KEY_BYTES, max_length=_KEY_BYTES)
    token_signing_key: str = Field(repr=False)
    token_previous_keys: tuple[str, ...] = ()
    public_url: str
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = Field(default=None, repr=False)
    oidc_identity_claim: str = "sub"
    sign_in_redirect_uris: frozenset[str] = frozenset()

    @classmethod
    def for_service(cls, environment: Environment) -> Self:
        """A service for real people: nothing is assumed. Raises UnsafeSetting."""
        databases = environment.databases()
        if databases is None:
            raise UnsafeSetting("DATABASE_URL", "is missing", "set it, or name a running demo's folder with --data DIR")
        if environment.oidc_issuer is None:
            raise UnsafeSetting(
                "OIDC_ISSUER", "is missing, so nobody could sign in", "set it to your OpenID provider's address"
            )
        return cls._assembled(
            environment, databases, vault_key=None, signing_key=None, public_url=environment.public_url
        )

    @classmethod
    def for_folder(cls, environment: Environment, folder: Path, databases: Urls, public_url: str) -> Self:
        """A demo or a pilot: what the environment does not say comes from the data folder."""
        kept = _kept_secrets(folder)
        return cls._assembled(
            environment,
            databases,
            vault_key=kept["vault_key"],
            signing_key=kept["token_signing_key"],
            public_url=environment.public_url or public_url,
        )

    @classmethod
    def _assembled(
        cls,
        environment: Environment,
        databases: Urls,
        *,
        vault_key: str | None,
        signing_key: str | None,
        public_url: str | None,
    ) -> Self:
        issuer = environment.oidc_issuer
        secret = environment.oidc_client_secret
        if issuer is not None:
            _required("OIDC_CLIENT_ID", environment.oidc_client_id, "set it to the name the provider gave you")
            _required("OIDC_CLIENT_SECRET", secret, "set it to the password the provider gave you")
        return cls(
            demo=issuer is None,
            database_url=databases.app,
            database_worker_url=databases.worker,
            database_owner_url=databases.owner,
            vault_key=_vault_key(_secret(environment.vault_key, vault_key)),
            token_signing_key=_signing_key(_secret(environment.token_signing_key, signing_key)),
            token_previous_keys=_previous_keys(environment.token_previous_keys),
            public_url=_address("PUBLIC_URL", public_url).rstrip("/"),
            oidc_issuer=_address("OIDC_ISSUER", issuer) if issuer else None,
            oidc_client_id=environment.oidc_client_id,
            oidc_client_secret=secret.get_secret_value() if secret else None,
            oidc_identity_claim=environment.oidc_identity_claim,
            sign_in_redirect_uris=frozenset(environment.sign_in_redirect_uris.split()),
        )


def role_in(url: str) -> str:
    """The role that an address signs in as."""
    return unquote(urlsplit(url).username or "")


def remember_address(folder: Path, public_url: str) -> None:
    """Writes down where this demo is reached, for the commands that join it."""
    (folder / "address").write_text(public_url)


def remembered_address(folder: Path) -> str:
    """Where the demo of this folder was last reached. Raises CannotStart."""
    try:
        return (folder / "address").read_text()
    except OSError as error:
        raise CannotStart(
            f"No demo has run in {folder}: start it with `benefits demo --data {quote(str(folder))}`."
        ) from error


def _required(name: str, value: object, remedy: str) -> None:
    if not value:
        raise UnsafeSetting(name, "is missing", remedy)


def _secret(given: SecretStr | None, kept: str | None) -> str | None:
    return given.get_secret_value() if given else kept


def _database(name: str, url: str | None) -> str:
    if url is None:
        raise UnsafeSetting(name, "is missing", f"set all three of {', '.join(_DATABASES)}, or none")
    scheme, separator, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres", _DRIVER} or not separator:
        raise UnsafeSetting(
            name, "is no address of a PostgreSQL database", "write postgresql://ROLE:PASSWORD@HOST/NAME"
        )
    if not role_in(url):
        raise UnsafeSetting(name, "names no role", "write postgresql://ROLE:PASSWORD@HOST/NAME")
    return f"{_DRIVER}://{rest}"


def _vault_key(text: str | None) -> bytes:
    if text is None:
        raise UnsafeSetting("VAULT_KEY", "is missing, so personal data could not be read", f"make one with {_NEW_KEY}")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise UnsafeSetting("VAULT_KEY", "is not base64 of 32 bytes", f"make one with {_NEW_KEY}")
    if len(set(key)) < _KEY_BYTES // 4:
        raise UnsafeSetting("VAULT_KEY", "is not random, so it could be guessed", f"make one with {_NEW_KEY}")
    return key


def _signing_key(text: str | None) -> str:
    if text is None:
        raise UnsafeSetting(
            "TOKEN_SIGNING_KEY", "is missing, so no access token could be signed", f"make one with {_NEW_SIGNING_KEY}"
        )
    pem = text.replace("\\n", "\n")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UnsafeSetting(
            "TOKEN_SIGNING_KEY", "is not a private P-256 key in PEM", f"make one with {_NEW_SIGNING_KEY}"
        )
    return pem


def _previous_keys(text: str) -> tuple[str, ...]:
    end = "-----END PUBLIC KEY-----"
    blocks = [block.strip() for block in text.replace("\\n", "\n").split(end)]
    keys = tuple(f"{block}\n{end}\n" for block in blocks if block)
    for pem in keys:
        try:
            key = load_pem_public_key(pem.encode())
        except ValueError:
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise UnsafeSetting(
                "TOKEN_PREVIOUS_KEYS",
                "holds something else than public P-256 keys in PEM",
                "give the public half of each earlier key, one after the other",
            )
    return keys


def _address(name: str, url: str | None) -> str:
    if url is None:
        raise UnsafeSetting(name, "is missing", "set it to the https:// address that phones use")
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS)
    if not is_safe or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise UnsafeSetting(
            name,
            "is no https:// address, so tokens and codes could be read on the way",
            "use one that starts with https://",
        )
    return url


def _kept_secrets(folder: Path) -> dict[str, str]:
    """The folder's own secrets, made once. Two programs that start together agree on one of the two drafts."""
    kept = folder / "secrets.json"
    try:
        if not kept.exists():
            _keep_new_secrets(kept)
        found: dict[str, str] = json.loads(kept.read_text())
    except OSError as error:
        raise CannotStart(
            f"The folder {folder} cannot keep its secrets ({error.strerror}): name another one with --data DIR."
        ) from error
    return found


def _keep_new_secrets(kept: Path) -> None:
    content = {
        "vault_key": base64.b64encode(os.urandom(_KEY_BYTES)).decode(),
        "token_signing_key": generate_signing_key(),
    }
    draft = kept.with_name(f"secrets.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
            json.dump(content, output)
        with suppress(FileExistsError):
            os.link(draft, kept)
    finally:
        draft.unlink(missing_ok=True)
