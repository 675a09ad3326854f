"""Data services of the data centre; PostgreSQL is its operator's own kind, in infra/k8s/data/postgres.yaml."""

from __future__ import annotations

from infra.his.manifests import data_parts as parts
from infra.his.manifests.document import Manifest
from infra.his.manifests.names import DATA, SCRATCH, SCRATCH_MOUNT, SECURITY, labels
from shared.identity import known_passwords as known

STORAGE, KEYCLOAK, BACKUP, POSTGRES = "storage", "keycloak", parts.BACKUP, "postgres"

_KNOWN = "keycloak-known-passwords"
_KNOWN_PASSWORDS = "/etc/keycloak/known-passwords"
"""Where Keycloak finds the list its rule of passwords names (泄露密码库)."""
_JAVA = (
    "-Djava.io.tmpdir=/tmp",
    "-Dvertx.cacheDirBase=/tmp/vertx",
    # Otherwise, after a switchover of the database, every pooled connection costs one person the sign-on.
    "-Dquarkus.datasource.jdbc.foreground-validation-interval=1S",
)


def storage() -> list[Manifest]:
    """MinIO: one erasure set of four drives on four nodes. One may be lost unnoticed, two without losing a byte.

    Every object is encrypted at rest; buckets, locks, lifecycle and users are made by `his prepare storage`.
    """
    nodes = f"http://storage-{{0...3}}.storage-nodes.{DATA}.svc.cluster.local:9000/data"
    container = {
        "name": "minio",
        "image": f"{parts.REGISTRY}/minio/minio:RELEASE.2025-09-07T16-13-09Z",
        "args": ["server", "--address=:9000", nodes],
        "ports": [parts.port("s3", 9000)],
        "env": [
            {"name": "MINIO_KMS_AUTO_ENCRYPTION", "value": "on"},
            {"name": "MINIO_PROMETHEUS_AUTH_TYPE", "value": "public"},
            {"name": "MINIO_BROWSER", "value": "off"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  of the container
        ],
        # MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, MINIO_KMS_SECRET_KEY
        "envFrom": [{"secretRef": {"name": "storage-root"}}],
        "readinessProbe": parts.get("/minio/health/ready", "s3", period=10),
        "livenessProbe": parts.get("/minio/health/live", "s3", period=15, initial=30),
        "resources": parts.resources("1", "4Gi", "4", "8Gi"),
        "securityContext": SECURITY,
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, SCRATCH_MOUNT],
    }
    return [
        parts.account(STORAGE),
        parts.stateful(STORAGE, 4, container, grace=60, volume=("local-hdd", "4Ti")),
        parts.service(STORAGE, STORAGE, {"s3": 9000}),
        parts.service("storage-nodes", STORAGE, {"s3": 9000}, headless=True),
        parts.budget(STORAGE),
    ]


def keycloak() -> list[Manifest]:
    """Keycloak: two replicas that find each other through the database, behind the gateway's own address.

    The image is built by `kc.sh build --db=postgres --health-enabled=true --metrics-enabled=true`.
    """
    container = {
        "name": KEYCLOAK,
        "image": f"{parts.REGISTRY}/consortium-his/keycloak:26.4.0",
        "args": [
            "start",
            "--optimized",
            "--http-enabled=true",
            "--http-port=8080",
            "--proxy-headers=xforwarded",
            "--db-pool-initial-size=5",
            "--db-pool-max-size=30",
            f"--spi-password-policy--password-blacklist--blacklists-path={_KNOWN_PASSWORDS}",
        ],
        "ports": [parts.port("http", 8080), parts.port("management", 9000), parts.port("cluster", 7800)],
        "env": [
            {"name": "JAVA_OPTS_KC_HEAP", "value": "-Xms512m -Xmx1g"},
            {"name": "JAVA_OPTS_APPEND", "value": " ".join(_JAVA)},
        ],
        # KC_HOSTNAME, KC_DB_URL, KC_DB_USERNAME, KC_DB_PASSWORD, KC_BOOTSTRAP_ADMIN_USERNAME and its password
        "envFrom": [{"secretRef": {"name": KEYCLOAK}}],
        # A new version changes its schema while it starts, and must not be killed over that.
        "startupProbe": parts.get("/health/started", "management", period=2, failures=300),
        "readinessProbe": parts.get("/health/ready", "management", period=10),
        "livenessProbe": parts.get("/health/live", "management", period=15),
        "resources": parts.resources("500m", "1536Mi", "4", "2Gi"),
        "securityContext": SECURITY,
        "volumeMounts": [
            SCRATCH_MOUNT,
            {"name": "tmp", "mountPath": "/opt/keycloak/data", "subPath": "data"},
            {"name": "known-passwords", "mountPath": _KNOWN_PASSWORDS, "readOnly": True},
        ],
    }
    words = {"name": "known-passwords", "configMap": {"name": _KNOWN}}
    return [
        parts.account(KEYCLOAK),
        parts.stateful(KEYCLOAK, 2, container, grace=60, scratch="512Mi", files=(words,)),
        parts.service(KEYCLOAK, KEYCLOAK, {"http": 8080}),
        parts.service("keycloak-nodes", KEYCLOAK, {"cluster": 7800}, headless=True),
        parts.budget(KEYCLOAK),
    ]


def known_passwords() -> list[Manifest]:
    """Passwords nobody may choose, for Keycloak's rule of passwords (泄露密码库)."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": parts.metadata(_KNOWN, KEYCLOAK),
            "data": {known.FILE: "".join(f"{line}\n" for line in known.lines())},
        }
    ]


def backup() -> list[Manifest]:
    """The log streams into the store as it is written; a base backup every night, read back every morning.

    All of it is sealed with keys that only this namespace and the envelope in the safe have.
    """
    archive = {
        **parts.command("archive"),
        "ports": [parts.port("metrics", 8002)],
        "readinessProbe": parts.get("/metrics", "metrics", period=15),
        "livenessProbe": parts.get("/metrics", "metrics", period=30, initial=30),
    }
    return [
        parts.account(BACKUP),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": parts.metadata("archive", BACKUP),
            "spec": {
                # The slot lets one stream at a time; a second would only wait for it.
                "replicas": 1,
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": {"app.kubernetes.io/name": "archive"}},
                "template": {
                    "metadata": {"labels": labels("archive", BACKUP)},
                    "spec": {
                        **parts.pod(BACKUP),
                        "terminationGracePeriodSeconds": 30,
                        "containers": [archive],
                        "volumes": [SCRATCH],
                    },
                },
            },
        },
        parts.nightly("base-backup", "30 1 * * *", 14_400, "base"),
        parts.nightly("backup-prune", "0 5 * * *", 7_200, "prune", "--keep-days", "14"),
        parts.nightly("backup-check", "0 6 * * *", 7_200, "check"),
        parts.budget(BACKUP),
    ]
