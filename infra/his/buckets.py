"""Buckets of the object store: versions, locks, lifecycle; on MinIO also who may do what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minio import Minio

    from shared.settings import Settings

RECORDS = "his-records"
"""Signed medical records: nobody can change or delete one before its time, not even the store's administrator."""
SIGNED_YEARS = 15
"""Outpatient records are kept for 15 years at least (医疗机构病历管理规定 2013, 第二十九条).

An inpatient record is locked for 30 when it is signed."""
KEEP_REPLACED_DAYS = 90
"""A replaced or deleted version of a file can be brought back for so long."""


def client(endpoint: str, access: str, secret: str, *, secure: bool) -> Minio:
    """A client that gives up quickly."""
    import urllib3
    from minio import Minio

    pool = urllib3.PoolManager(timeout=10, retries=False)
    return Minio(endpoint, access_key=access, secret_key=secret, secure=secure, http_client=pool)


def make(store: Minio, files: str, backup: str) -> Iterator[str]:
    """Make the buckets what they should be; says what it changed and what was so already."""
    for name, locked in ((files, False), (RECORDS, True), (backup, True)):
        if store.bucket_exists(name):
            yield f"bucket {name}: there"
        else:
            store.make_bucket(name, object_lock=locked)
            yield f"bucket {name}: made"
        yield f"  versions {_versions(store, name)}, lifecycle {_lifecycle(store, name)}"
        if name == RECORDS:
            yield f"  lock {_lock(store, name)}"


def _versions(store: Minio, name: str) -> str:
    from minio.commonconfig import ENABLED
    from minio.versioningconfig import VersioningConfig

    if store.get_bucket_versioning(name).status == ENABLED:
        return "kept"
    store.set_bucket_versioning(name, VersioningConfig(ENABLED))
    return "kept from now on"


def _lifecycle(store: Minio, name: str) -> str:
    """Replaced versions go after their time. Uploads that nobody finished MinIO removes by itself after a day."""
    from minio.commonconfig import ENABLED, Filter
    from minio.lifecycleconfig import LifecycleConfig, NoncurrentVersionExpiration, Rule

    rules = [
        Rule(
            ENABLED,
            rule_filter=Filter(prefix=""),
            rule_id="replaced",
            noncurrent_version_expiration=NoncurrentVersionExpiration(noncurrent_days=KEEP_REPLACED_DAYS),
        ),
    ]
    known = store.get_bucket_lifecycle(name)
    if known is not None and {rule.rule_id for rule in known.rules} == {rule.rule_id for rule in rules}:
        return "set"
    store.set_bucket_lifecycle(name, LifecycleConfig(rules))
    return "set now"


def _lock(store: Minio, name: str) -> str:
    from minio.commonconfig import COMPLIANCE
    from minio.error import S3Error
    from minio.objectlockconfig import YEARS, ObjectLockConfig

    try:
        known = store.get_object_lock_config(name)
        if (known.mode, known.duration, known.duration_unit) == (COMPLIANCE, SIGNED_YEARS, YEARS):
            return f"{SIGNED_YEARS} years"
    except S3Error as error:
        if error.code not in {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}:
            raise
    store.set_object_lock_config(name, ObjectLockConfig(COMPLIANCE, SIGNED_YEARS, YEARS))
    return f"{SIGNED_YEARS} years from now on"


def users(settings: Settings, access: str, secret: str, given: Mapping[str, str]) -> Iterator[str]:
    """On MinIO: the functions' user reaches files and records, the backup's its own bucket only."""
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    admin = MinioAdmin(
        endpoint=settings.s3_endpoint, credentials=StaticProvider(access, secret), secure=settings.s3_secure
    )
    backup = given.get("HIS_BACKUP_BUCKET", "his-backup")
    wanted = [
        ("his-functions", settings.s3_access_key, settings.s3_secret_key, [settings.s3_bucket, RECORDS]),
        ("his-backup", given.get("HIS_BACKUP_S3_ACCESS_KEY", ""), given.get("HIS_BACKUP_S3_SECRET_KEY", ""), [backup]),
    ]
    for policy, user, password, buckets in wanted:
        if not user:
            continue
        admin.policy_add(policy, policy=_policy(buckets))
        admin.user_add(user, password)
        if policy not in str(json.loads(admin.user_info(user)).get("policyName", "")):
            admin.policy_set(policy, user=user)
        yield f"user {policy}: may read and write {', '.join(buckets)}"


def _policy(buckets: list[str]) -> dict[str, Any]:
    """Objects may be written, read, deleted (which leaves a version) and locked; no version may be destroyed."""
    inside = [f"arn:aws:s3:::{name}/*" for name in buckets]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "s3:GetObject",
                    "s3:GetObjectRetention",
                    "s3:PutObject",
                    "s3:PutObjectRetention",
                    "s3:DeleteObject",
                    "s3:AbortMultipartUpload",
                    "s3:ListMultipartUploadParts",
                ],
                "Resource": inside,
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
                "Resource": [f"arn:aws:s3:::{name}" for name in buckets],
            },
        ],
    }
