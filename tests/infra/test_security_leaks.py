"""No secret lies in a file of the repository, and the search for them finds what it must."""

import base64
import hashlib
import secrets
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.image.libraries import REPOSITORY
from infra.security.leaks import leaks, repository_files, scan
from tests.support import tokens


def key() -> str:
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def random_text(length: int) -> str:
    """Without pattern and the same every time."""
    digest = b"".join(hashlib.sha256(bytes([part])).digest() for part in range(4))
    return base64.urlsafe_b64encode(digest).decode()[:length]


def test_no_secret_lies_in_the_repository() -> None:
    assert [str(leak) for leak in scan(REPOSITORY)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("private key", key()),
        ("signed token", f"curl -H 'Authorization: Bearer {tokens.sign({'sub': 'x'})}'"),
        ("cloud access key", "AK" + "IA" + "Q3EXAMPLE7ABCDEF"),
        ("token of a code host", "gh" + "p_" + "a1B2" * 9),
        ("token of a chat or a shop", "xo" + "xb-2913845672-abcdefgh"),
        ("password in an address", "postgresql" + "://his_app:Sommer2026@db/his"),
        ("value without pattern", f'HIS_S3_SECRET_KEY="{random_text(40)}"'),
        ("value without pattern", f"password: {random_text(20)}"),
        ("value without pattern", f'{{"api_key": "{random_text(32)}"}}'),
        ("value without pattern", f"数据库密码：{random_text(24)}"),
    ],
)
def test_it_is_found(kind: str, text: str) -> None:
    (leak,) = [leak for leak in leaks(f"first line\n{text}\n", "a.txt") if leak.kind == kind]
    assert leak.line == 2
    assert leak.value not in str(leak), "the report does not tell it on"


@pytest.mark.parametrize(
    "text",
    [
        "password = settings.keycloak_admin_password",
        "secret_key=object_store.credentials.s3_secret_key",
        'HIS_S3_SECRET_KEY=""',
        'PASSWORD="${DATABASE_PASSWORD:?not set}"',
        'token_url: "/realms/consortium/protocol/openid-connect/token"',
        'password = "change-me-at-first-sign-on"',
        'f"postgresql://{role}:{password}@127.0.0.1:{port}/his"',
        "passwords_revision = 12",
        "wheel --hash=sha256:a728f0a29de45dc521f18f07297428d56992a742f0cd2701ba86e44d23d5b2aa",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert list(leaks(text, "a.txt")) == []


def test_what_git_ignores_is_not_read_and_what_is_new_is(tmp_path: Path) -> None:
    def git(*order: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *order], check=True, capture_output=True)

    git("init")
    (tmp_path / ".gitignore").write_text("/.state/\n")
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state" / "secrets.json").write_text(key())
    (tmp_path / "new.env").write_text(f"TOKEN={secrets.token_urlsafe(30)}\n")
    (tmp_path / "picture.png").write_bytes(b"\0" + key().encode())
    assert repository_files(tmp_path) == [".gitignore", "new.env", "picture.png"]
    assert [leak.path for leak in scan(tmp_path)] == ["new.env"]


def test_without_a_checkout_every_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "theirs.js").write_text(key())
    (tmp_path / "ours.txt").write_text(key())
    assert [leak.path for leak in scan(tmp_path)] == ["ours.txt"]
