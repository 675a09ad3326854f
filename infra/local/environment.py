"""Where the local stack lives, and its settings as environment variables: the only way they reach a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from infra.local import credentials, process
from infra.local.postgres import Postgres
from infra.local.record import Record
from infra.local.supervisor import StackError

REPOSITORY = Path(__file__).resolve().parents[2]

PORTS: Mapping[str, int] = {
    "postgres": 25432,
    "storage": 28333,
    "keycloak": 28080,
    "simulators": 28600,
    "receipts": 28701,
    "sms": 28702,
    "host": 8000,
    "worker": 8001,
}
"""The wished port of each listener; one that is taken moves up to the next free one.

All lie below 32768: Linux hands out the ports above to outgoing connections, so a wish there is taken at times."""

_OPERATOR_ONLY = ("HIS_OWNER_DATABASE_URL", "HIS_KEYCLOAK_ADMIN", "HIS_KEYCLOAK_ADMIN_PASSWORD")


def state_dir() -> Path:
    """Where the stack of this checkout keeps everything: HIS_STATE_DIR, or `.state` in the repository."""
    return Path(os.environ.get("HIS_STATE_DIR") or REPOSITORY / ".state").absolute()


def environment(state: Path) -> dict[str, str]:
    """Settings of a stack as an operator needs them (`his migrate`, `his demo`, tests by hand).

    Raises StackError before the first start.
    """
    ports = Record(state).ports()
    if not PORTS.keys() <= ports.keys():
        raise StackError(f"No local stack was started in {state}; `make up` starts it.")
    secrets = credentials.load(state)
    database = Postgres(state, ports["postgres"])
    channels = f"http://127.0.0.1:{ports['simulators']}"
    return {
        "HIS_STATE_DIR": str(state),
        "HIS_DATABASE_URL": database.dsn("his_app"),
        "HIS_OWNER_DATABASE_URL": database.dsn("his_owner"),
        "HIS_WORKER_DATABASE_URL": database.dsn("his_worker"),
        "HIS_AUDITOR_DATABASE_URL": database.dsn("his_auditor"),
        "HIS_KEYCLOAK_URL": f"http://127.0.0.1:{ports['keycloak']}",
        "HIS_KEYCLOAK_ADMIN": "admin",
        "HIS_KEYCLOAK_ADMIN_PASSWORD": secrets.keycloak_admin,
        "HIS_KEYCLOAK_DIRECTORY_SECRET": secrets.keycloak_directory,
        "HIS_COLUMN_KEYS": secrets.column_keys,
        "HIS_S3_ENDPOINT": f"127.0.0.1:{ports['storage']}",
        "HIS_S3_ACCESS_KEY": secrets.s3_access_key,
        "HIS_S3_SECRET_KEY": secrets.s3_secret_key,
        "HIS_HOST_URL": f"http://127.0.0.1:{ports['host']}",
        "HIS_PUBLIC_URL": f"http://127.0.0.1:{ports['host']}",
        "HIS_SECRETS_DIR": str(state / "secrets"),
        "HIS_WECHAT_PAY_URL": channels,
        "HIS_ALIPAY_URL": f"{channels}/gateway.do",
        "HIS_ECNY_URL": channels,
        "HIS_WECHAT_LOGIN_URL": channels,
        "HIS_WECHAT_LOGIN_APPID": "hospital",
        "HIS_WECHAT_LOGIN_SECRET": secrets.wechat_login_secret,
        "HIS_RECEIPTS_URL": f"http://127.0.0.1:{ports['receipts']}",
        "HIS_RECEIPTS_APP_ID": "hospital",
        "HIS_RECEIPTS_KEY": secrets.receipts_key,
        "HIS_SMS_URL": f"http://127.0.0.1:{ports['sms']}",
        "HIS_SMS_ACCESS_KEY_ID": "hospital",
        "HIS_SMS_ACCESS_KEY_SECRET": secrets.sms_key,
        "HIS_SMS_CODE_KEY": secrets.sms_codes,
        "HIS_SMS_SIGN_NAME": "安和县总医院",
        "HIS_SMS_SIGN_ON_TEMPLATE": "SMS_1",
        "HIS_SMS_FAMILY_TEMPLATE": "SMS_2",
        "HIS_SMS_FAMILY_BOUND_TEMPLATE": "SMS_3",
        "HIS_SMS_FAMILY_ENDED_TEMPLATE": "SMS_4",
        "HIS_START_PAGE": "true",
        "HIS_DEMO_PASSWORD": secrets.demo_staff,
    }


def operator_environment(state: Path) -> dict[str, str]:
    """The caller's environment with every setting of a stack, and none of another."""
    return process.environment("HIS_") | environment(state)


def service_environment(state: Path) -> dict[str, str]:
    """The same without what only an operator may do: change the schema, administer identities."""
    return process.environment("HIS_") | {
        name: value for name, value in environment(state).items() if name not in _OPERATOR_ONLY
    }


def adopt(state: Path) -> bool:
    """Put the settings of a stack into this process's environment; False when there is no stack.

    A process that was told its database is left alone, so that a command never mixes two installations.
    """
    if "HIS_DATABASE_URL" in os.environ:
        return True
    try:
        os.environ.update(environment(state))
    except StackError:
        return False
    return True
