"""Passwords and keys of one local stack: made once, kept in <state>/secrets.json, readable by its owner only."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Every secret of the local stack. A field added later is made up on the next load and kept from then on."""

    postgres: str
    his_owner: str
    his_app: str
    his_worker: str
    his_auditor: str
    keycloak_database: str
    keycloak_admin: str
    s3_access_key: str
    s3_secret_key: str
    receipts_key: str
    """Shared with the receipt platform's simulator; both sign with it."""
    keycloak_directory: str
    """What platform/sso keeps the realm with (client his-directory)."""
    wechat_login_secret: str
    """Shared with the simulator of WeChat's sign-on of mini-programs."""
    sms_key: str
    """Shared with the simulator of the SMS gateway; both sign with it."""
    sms_codes: str
    """What sign-on codes sent to telephones are derived from."""
    column_keys: str
    """Keys of sealed columns, as shared.column_cipher reads them; what they sealed is lost with them."""
    demo_staff: str
    """First password of every demonstration log-in; typed by people, so shorter than the others."""

    def __repr__(self) -> str:
        return "Credentials(...)"


def load(state_dir: Path) -> Credentials:
    """Read the secrets of a state folder, making what is missing. Safe when several processes do so at once."""
    names = [field.name for field in dataclasses.fields(Credentials)]
    path = prepare(state_dir) / "secrets.json"
    with locked(state_dir / "secrets.lock"):
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        missing = [name for name in names if name not in known]
        if missing:
            known |= {name: _new(name) for name in missing}
            write_private(path, json.dumps(known, indent=2) + "\n")
    return Credentials(**{name: known[name] for name in names})


def another(state_dir: Path, name: str) -> str:
    """Replace one secret of a state folder by a new one and return it. Who holds the former is the caller's to tell."""
    load(state_dir)
    path = state_dir / "secrets.json"
    with locked(state_dir / "secrets.lock"):
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        known[name] = _new(name)
        write_private(path, json.dumps(known, indent=2) + "\n")
    return known[name]


def _new(name: str) -> str:
    match name:
        case "demo_staff":
            return f"Demo-{secrets.token_hex(4)}"
        case "column_keys":
            return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        case _:
            return secrets.token_hex(20)


def prepare(state_dir: Path) -> Path:
    """Make the state folder. Root's is passable, because PostgreSQL must reach its data as another user.

    Raises PermissionError for a folder of another user: what both write into it neither could use.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    owner = state_dir.stat().st_uid
    if owner != os.geteuid():
        raise PermissionError(f"{state_dir} belongs to user {owner}: run this as that user, or set HIS_STATE_DIR.")
    state_dir.chmod(0o711 if owner == 0 else 0o700)
    return state_dir


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, never readable by others, not even for a moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file for the length of a block; the system frees it when the process dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
