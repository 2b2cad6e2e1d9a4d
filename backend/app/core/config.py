"""Settings: read once from the environment and ``.env``, then passed on.

The specification's names stand as they are; ours begin with ``WAFAA_``. Defaults run the whole product on one
machine. Secrets that nobody gave are made once and kept in ``.env``, readable by its owner alone.
"""

import difflib
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.errors import Misconfigured

ConfigT = TypeVar("ConfigT", bound=BaseModel)

GENERATED = (
    "JWT_SECRET_KEY",
    "WAFAA_MASTER_KEY",
    "WAFAA_TENANT_KEY",
    "WAFAA_APP_DATABASE_PASSWORD",
)
"""Secrets made at the first start where nobody gave them."""


class Settings(BaseSettings):
    """Everything that can be set from outside."""

    # Only aliases are read: by their own names, HOME and PORT of the environment would be settings of ours.
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # The specification's.
    database_url: SecretStr | None = Field(
        None, alias="DATABASE_URL", description="PostgreSQL; embedded when absent."
    )
    redis_url: SecretStr | None = Field(
        None, alias="REDIS_URL", description="Redis 7+; embedded Valkey when absent."
    )
    vector_db_provider: str = Field("postgres", alias="VECTOR_DB_PROVIDER")
    pinecone_api_key: SecretStr | None = Field(None, alias="PINECONE_API_KEY")
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    anthropic_api_key: SecretStr | None = Field(None, alias="ANTHROPIC_API_KEY")
    meta_app_id: str | None = Field(None, alias="META_APP_ID")
    meta_app_secret: SecretStr | None = Field(None, alias="META_APP_SECRET")
    jwt_secret_key: SecretStr = Field(
        SecretStr(""), alias="JWT_SECRET_KEY", description="At least 32 bytes."
    )

    # Which adapter stands behind a seam.
    llm_providers: str = Field(
        "extractive",
        alias="LLM_PROVIDERS",
        description="In order of preference, by comma: openai,anthropic,llama.",
    )
    embedder: str = Field("local", alias="EMBEDDER")
    queue_broker: str | None = Field(
        None,
        alias="QUEUE_BROKER",
        description="kafka: an event log in front of the lanes and behind them; none when absent.",
    )
    smtp_url: SecretStr | None = Field(
        None, alias="SMTP_URL", description="smtp://user:password@host:port"
    )

    # Ours.
    home: Path = Field(
        Path(".wafaa"), alias="WAFAA_HOME", description="Where embedded servers keep their data."
    )
    host: str = Field("127.0.0.1", alias="WAFAA_HOST")
    port: int = Field(8000, alias="WAFAA_PORT", ge=1, le=65535)
    api_processes: int = Field(
        1,
        alias="WAFAA_API_PROCESSES",
        ge=1,
        le=64,
        description="How many processes serve HTTP where `wafaa up` runs them: one a core.",
    )
    public_url: str | None = Field(
        None, alias="WAFAA_PUBLIC_URL", description="How the outside reaches us."
    )
    admin_database_url: SecretStr | None = Field(
        None,
        alias="WAFAA_ADMIN_DATABASE_URL",
        description="The tables' owner, for migrations. Without it DATABASE_URL is the owner's, and the product "
        "itself signs in as wafaa_app, a role that migrations make.",
    )
    direct_database_url: SecretStr | None = Field(
        None,
        alias="WAFAA_DIRECT_DATABASE_URL",
        description="The database itself, where DATABASE_URL is a pooler that lends sessions for a transaction "
        "(PgBouncer): for migrations and for listening.",
    )
    app_database_password: SecretStr = Field(SecretStr(""), alias="WAFAA_APP_DATABASE_PASSWORD")
    tenant_key: SecretStr = Field(
        SecretStr(""), alias="WAFAA_TENANT_KEY", description="Signs tenant tokens."
    )
    master_key: SecretStr = Field(
        SecretStr(""), alias="WAFAA_MASTER_KEY", description="Wraps clients' keys: the first to."
    )
    key_service: str = Field(
        "file", alias="WAFAA_KEY_SERVICE", description="Who wraps clients' keys: file or aws."
    )
    key_file: Path | None = Field(
        None,
        alias="WAFAA_KEY_FILE",
        description="Later keys than WAFAA_MASTER_KEY; master.keys in WAFAA_HOME when absent.",
    )
    pool_size: int = Field(20, alias="WAFAA_POOL_SIZE", ge=1)
    pool_overflow: int = Field(10, alias="WAFAA_POOL_OVERFLOW", ge=0)
    worker_concurrency: int = Field(
        16,
        alias="WAFAA_WORKER_CONCURRENCY",
        ge=1,
        description="Conversations a worker serves at once.",
    )
    worker_hands: int | None = Field(
        None,
        alias="WAFAA_WORKER_HANDS",
        ge=1,
        description="Of them, how many compute at once while others wait for a model; three a processor when absent.",
    )
    background_concurrency: int = Field(
        2,
        alias="WAFAA_BACKGROUND_CONCURRENCY",
        ge=1,
        description="Jobs a worker runs at once of each other kind: learning, mail to staff, campaigns.",
    )
    lease_seconds: float = Field(30.0, alias="WAFAA_LEASE_SECONDS", gt=0)
    shed_seconds: str = Field(
        "5,10,15,30,60",
        alias="WAFAA_SHED_SECONDS",
        description="Age of a client's oldest message from which on its analytics, learning, campaigns, answers by a "
        "model and intake are left undone, in this order.",
    )
    most_waiting: int = Field(
        10_000,
        alias="WAFAA_MOST_WAITING",
        ge=1,
        description="Conversations of one client that may wait at once; then its messages have to come again.",
    )
    quiet_seconds: float = Field(
        1.0, alias="WAFAA_QUIET_SECONDS", ge=0, description="Silence that ends a burst."
    )
    indeterminate_seconds: float = Field(
        60.0,
        alias="WAFAA_INDETERMINATE_SECONDS",
        gt=0,
        description="How long a lost send waits for its status.",
    )
    stale_minutes: float = Field(
        15.0, alias="WAFAA_STALE_MINUTES", gt=0, description="Older is not answered."
    )
    log_patience_seconds: float | None = Field(
        None,
        alias="WAFAA_LOG_PATIENCE_SECONDS",
        ge=0,
        description="How long webhooks are told to come again while the event log is away; then "
        "they are written directly, and may overtake what it holds unread. Unset, they never are.",
    )
    answer_seconds: float = Field(
        12.0, alias="WAFAA_ANSWER_SECONDS", gt=0, description="A model's deadline."
    )
    platform_email: str | None = Field(
        None,
        alias="WAFAA_PLATFORM_EMAIL",
        description="Whoever runs this installation: told when a client's quota is used up.",
    )
    prices: str = Field(
        "",
        alias="WAFAA_PRICES",
        description="US dollars for a million tokens in/out, by model: gpt-4o=2.5/10,my-model=0.1/0.4.",
    )
    demo_password: SecretStr = Field(
        SecretStr(""),
        alias="WAFAA_DEMO_PASSWORD",
        description="What the demo's owners sign in with; made when the demo is.",
    )
    max_attempts: int = Field(5, alias="WAFAA_MAX_ATTEMPTS", ge=1)
    log_json: bool = Field(True, alias="WAFAA_LOG_JSON")
    docs: bool = Field(True, alias="WAFAA_DOCS", description="Serve /docs and /openapi.json.")
    limits: str = Field(
        "",
        alias="WAFAA_LIMITS",
        description="How often somebody may come, where the defaults don't fit: contact=60/60,address=off.",
    )
    trusted_proxies: str = Field(
        "",
        alias="WAFAA_TRUSTED_PROXIES",
        description="Networks whose X-Forwarded-For is believed, by comma: 10.0.0.0/8,127.0.0.1.",
    )
    identity_networks: str = Field(
        "",
        alias="WAFAA_IDENTITY_NETWORKS",
        description="Where identity providers may be although it isn't public, by comma: 10.0.0.0/8. Over HTTP too.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        alias="WAFAA_METRICS_TOKEN",
        description="Opens /metrics to other machines, as a bearer token; this one needs none.",
    )

    @model_validator(mode="before")
    @classmethod
    def _known_names_only(cls, values: Any) -> Any:
        """Refuses an unknown ``WAFAA_*`` variable: a typo must not be a silent default."""
        cls._refuse_unknown(os.environ)
        return values

    @classmethod
    def _refuse_unknown(cls, names: Iterable[str]) -> None:
        known = {f.alias for f in cls.model_fields.values() if f.alias}
        for name in sorted(n for n in names if n.startswith("WAFAA_") and n not in known):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise Misconfigured(f"There is no setting {name}. Did you mean {near[0]}?")

    @classmethod
    def load(cls, env_file: Path = Path(".env")) -> Self:
        """Reads the environment and ``env_file``; makes missing secrets first and keeps them there."""
        generate_secrets(env_file)
        return cls.read(env_file)

    @classmethod
    def read(cls, env_file: Path = Path(".env")) -> Self:
        """Reads the environment and ``env_file``, and makes nothing.

        Raises:
            Misconfigured: There is an unknown ``WAFAA_*`` name in either, or a value that isn't one.
        """
        cls._refuse_unknown(read_env(env_file))
        try:
            return cls(_env_file=env_file)
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            name = ".".join(map(str, problem["loc"]))
            raise Misconfigured(f"{name}: {problem['msg']}. Correct it and try again.") from error

    def adapter(self, name: str, config: type[ConfigT]) -> ConfigT:
        """Fills an adapter's ``Config`` from the environment: field ``api_key`` of ``openai`` is OPENAI_API_KEY.

        Raises:
            Misconfigured: A required variable is missing; the message names it.
        """
        env = read_env(Path(str(self.model_config.get("env_file") or ".env"))) | dict(os.environ)
        fields = {field: f"{name}_{field}".upper() for field in config.model_fields}
        missing = [
            v for f, v in fields.items() if v not in env and config.model_fields[f].is_required()
        ]
        if missing:
            raise Misconfigured(
                f"{name} needs {', '.join(missing)}. Set it in .env or the environment."
            )
        return config.model_validate({f: env[v] for f, v in fields.items() if v in env})


def read_env(path: Path) -> dict[str, str]:
    """The assignments of an ``.env`` file; empty where there is none."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def generate_secrets(
    path: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    names: Sequence[str] = GENERATED,
    size: int = 48,
) -> list[str]:
    """Makes each missing secret once, appends it to ``path`` (mode 0600) and tells which were made."""
    present = read_env(path)
    missing = [name for name in names if not environ.get(name) and not present.get(name)]
    if missing:
        path.touch(mode=0o600)
        path.chmod(0o600)
        unended = path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" if unended else "")
            file.writelines(f"{name}={secrets.token_urlsafe(size)}\n" for name in missing)
    return missing
