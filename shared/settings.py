"""Settings from the environment (prefix HIS_), read once, never changed."""

from functools import lru_cache
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything a process needs to know about where it runs."""

    model_config = SettingsConfigDict(env_prefix="HIS_", frozen=True, extra="ignore")

    functions: str = "all"
    """Function apps this process serves: `all`, or names such as `outpatient/registration,payments/billing`."""

    database_url: str = "postgresql://his_app@127.0.0.1:25432/his"
    owner_database_url: str = "postgresql://his_owner@127.0.0.1:25432/his"
    worker_database_url: str = "postgresql://his_worker@127.0.0.1:25432/his"
    auditor_database_url: str = "postgresql://his_auditor@127.0.0.1:25432/his"
    pool_size: int = 5
    """Connections per process; also how many requests run at once. Part of the connection budget."""
    pool_timeout: float = 20.0
    """Seconds a request waits for a connection before 503."""

    keycloak_url: str = "http://127.0.0.1:28080"
    keycloak_realm: str = "consortium"
    keycloak_audience: str = "his"
    keycloak_admin: str = "admin"
    keycloak_admin_password: str = ""

    s3_endpoint: str = "127.0.0.1:28333"
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_bucket: str = "his"
    s3_secure: bool = False

    broker_url: str = ""
    """Where the relay posts events; empty means the local broker inside the worker."""
    host_url: str = "http://127.0.0.1:8000"
    """Where the local broker delivers events."""

    start_page: bool = False
    """Serve the start page and the API reference from this process (laptop only)."""
    demo_password: str = ""
    """Initial password of the demonstration staff; empty outside a demonstration."""

    secrets_dir: Path = REPOSITORY / ".state" / "secrets"
    """Where keys of outside parties lie as files; the database knows their names only."""
    public_url: str = "http://127.0.0.1:8000"
    """How payment channels reach this system with their notifications."""
    wechat_pay_url: str = "https://api.mch.weixin.qq.com"
    alipay_url: str = "https://openapi.alipay.com/gateway.do"
    ecny_url: str = ""
    """Address of the operating bank's e-CNY interface (数字人民币运营机构), by contract."""

    state_dir: Path = REPOSITORY / ".state"
    max_body_bytes: int = 1_048_576
    drain_seconds: float = 10.0
    log_level: str = "INFO"
    timezone: str = "Asia/Shanghai"

    @property
    def issuer(self) -> str:
        return f"{self.keycloak_url}/realms/{self.keycloak_realm}"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/protocol/openid-connect/certs"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
