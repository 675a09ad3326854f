# Secrets go to the cluster as write-only values: neither the plan nor the state holds them.

variable "apps" {
  type = string
}

variable "data" {
  type = string
}

variable "eventing" {
  description = "Namespace of Knative Eventing."
  type        = string
  default     = "knative-eventing"
}

variable "data_services" {
  type = string
}

variable "database" {
  description = "Where functions ask: the pooler, or the database itself."
  type        = string
}

variable "primary" {
  description = "The database itself: the relay holds a lock of its session, migrations hold theirs."
  type        = string
}

variable "settings" {
  type = map(string)
}

variable "backup_bucket" {
  type = string
}

variable "passwords" {
  type      = map(string)
  sensitive = true
  ephemeral = true
}

variable "accounts" {
  description = "Accounts at outside systems by secret."
  type        = map(map(string))
  sensitive   = true
  ephemeral   = true
}

variable "revision" {
  type = number
}

locals {
  p   = var.passwords
  url = { for role in ["his_owner", "his_app", "his_worker", "his_auditor", "his_backup"] : role => "postgresql://${role}:${urlencode(local.p[role])}@${var.primary}:5432/his" }
  app = "postgresql://his_app:${urlencode(local.p.his_app)}@${var.database}:5432/his"
  s3  = { HIS_S3_ACCESS_KEY = local.p.s3_access_key, HIS_S3_SECRET_KEY = local.p.s3_secret_key }
  backup_s3 = {
    HIS_BACKUP_BUCKET        = var.backup_bucket
    HIS_BACKUP_S3_ACCESS_KEY = local.p.s3_backup_access != "" ? local.p.s3_backup_access : local.p.s3_access_key
    HIS_BACKUP_S3_SECRET_KEY = local.p.s3_backup_secret != "" ? local.p.s3_backup_secret : local.p.s3_secret_key
  }

  apps = {
    "his-functions" = merge(local.s3, { HIS_DATABASE_URL = local.app })
    "his-worker"    = merge(local.s3, { HIS_WORKER_DATABASE_URL = local.url.his_worker })
    "his-prewarm"   = { HIS_AUDITOR_DATABASE_URL = local.url.his_auditor }
    "his-operator" = merge(local.s3, {
      HIS_DATABASE_URL            = local.url.his_app
      HIS_OWNER_DATABASE_URL      = local.url.his_owner
      HIS_WORKER_DATABASE_URL     = local.url.his_worker
      HIS_AUDITOR_DATABASE_URL    = local.url.his_auditor
      HIS_KEYCLOAK_ADMIN          = "admin"
      HIS_KEYCLOAK_ADMIN_PASSWORD = local.p.keycloak_admin
      HIS_DEMO_PASSWORD           = local.p.first_sign_on
    })
    # The account with which sign-on keeps the realm; only that function and the identity job read it.
    "his-directory" = {
      HIS_KEYCLOAK_DIRECTORY_SECRET = local.p.keycloak_directory
      HIS_DEMO_PASSWORD             = local.p.first_sign_on
    }
    # What sealed columns are read with; only the functions that keep such columns read it.
    "his-columns" = { HIS_COLUMN_KEYS = local.p.column_keys }
    # Only the jobs that found the data centre read this one.
    "his-founding" = merge({
      HIS_ADMIN_DATABASE_URL = "postgresql://postgres:${urlencode(local.p.postgres)}@${var.primary}:5432/postgres"
      },
      local.p.his_backup == "" ? {} : merge(local.backup_s3, { HIS_BACKUP_DATABASE_URL = local.url.his_backup }),
      local.p.keycloak == "" ? {} : { HIS_KEYCLOAK_DATABASE_URL = "postgresql://keycloak:${urlencode(local.p.keycloak)}@${var.primary}:5432/keycloak" },
      local.p.s3_admin == "" ? {} : { HIS_S3_ADMIN_ACCESS_KEY = local.p.s3_admin_user, HIS_S3_ADMIN_SECRET_KEY = local.p.s3_admin },
    )
  }

  data = {
    "postgres-superuser" = { username = "postgres", password = local.p.postgres }
    "postgres-owner"     = { username = "his_owner", password = local.p.his_owner }
    "storage-root"       = { MINIO_ROOT_USER = local.p.s3_admin_user, MINIO_ROOT_PASSWORD = local.p.s3_admin, MINIO_KMS_SECRET_KEY = local.p.storage_kms }
    "his-backup" = merge(local.backup_s3, {
      HIS_BACKUP_DATABASE_URL      = local.url.his_backup
      HIS_BACKUP_DATABASE_PASSWORD = local.p.his_backup
      HIS_BACKUP_KEYS              = local.p.backup_keys
    })
    "keycloak" = {
      KC_HOSTNAME                 = lookup(var.settings, "HIS_KEYCLOAK_URL", "")
      KC_DB_URL                   = "jdbc:postgresql://${var.primary}:5432/keycloak?connectTimeout=5&socketTimeout=60&tcpKeepAlive=true"
      KC_DB_USERNAME              = "keycloak"
      KC_DB_PASSWORD              = local.p.keycloak
      KC_BOOTSTRAP_ADMIN_USERNAME = "admin"
      KC_BOOTSTRAP_ADMIN_PASSWORD = local.p.keycloak_admin
    }
  }
}

resource "kubernetes_secret_v1" "apps" {
  for_each = toset(["his-functions", "his-worker", "his-prewarm", "his-operator", "his-directory", "his-columns", "his-founding"])
  metadata {
    name      = each.key
    namespace = var.apps
    labels    = { "app.kubernetes.io/part-of" = "consortium-his" }
  }
  data_wo          = local.apps[each.key]
  data_wo_revision = var.revision
}

# Each is read by one function or two; without content that function says what it cannot do.
resource "kubernetes_secret_v1" "accounts" {
  for_each = toset(["his-receipts", "his-wechat-login", "his-sms", "his-identity-check", "his-merchant-keys", "his-package-keys"])
  metadata {
    name      = each.key
    namespace = var.apps
    labels    = { "app.kubernetes.io/part-of" = "consortium-his" }
  }
  data_wo          = lookup(var.accounts, each.key, {})
  data_wo_revision = var.revision
}

resource "kubernetes_secret_v1" "data" {
  for_each = var.data_services == "cluster" ? toset(["postgres-superuser", "postgres-owner", "storage-root", "his-backup", "keycloak"]) : toset([])
  metadata {
    name      = each.key
    namespace = var.data
    labels    = { "app.kubernetes.io/part-of" = "consortium-his" }
  }
  data_wo          = local.data[each.key]
  data_wo_revision = var.revision
}

# JetStream's servers and the dispatchers that speak to them know each other by certificates.
resource "kubernetes_secret_v1" "broker" {
  for_each = var.data_services == "cluster" ? {
    "nats"        = { namespace = var.data, certificate = "nats_certificate", key = "nats_key" }
    "nats-client" = { namespace = var.eventing, certificate = "nats_client_certificate", key = "nats_client_key" }
  } : {}
  metadata {
    name      = each.key
    namespace = each.value.namespace
    labels    = { "app.kubernetes.io/part-of" = "consortium-his" }
  }
  type = "kubernetes.io/tls"
  data_wo = {
    "tls.crt" = local.p[each.value.certificate]
    "tls.key" = local.p[each.value.key]
    "ca.crt"  = local.p.nats_ca
  }
  data_wo_revision = var.revision
}

resource "kubernetes_secret_v1" "tls" {
  metadata {
    name      = "gateway-tls"
    namespace = var.apps
    labels    = { "app.kubernetes.io/part-of" = "consortium-his" }
  }
  type = "kubernetes.io/tls"
  data_wo = {
    "tls.crt" = local.p.tls_certificate
    "tls.key" = local.p.tls_key
  }
  data_wo_revision = var.revision
}

output "operator" {
  description = "Secret of the jobs that belong to every release."
  value       = kubernetes_secret_v1.apps["his-operator"].metadata[0].name
}

output "founding" {
  description = "Secret of the jobs that found the data centre."
  value       = kubernetes_secret_v1.apps["his-founding"].metadata[0].name
}

output "broker" {
  description = "Secrets of JetStream's certificates, with their namespaces."
  value       = [for name, one in kubernetes_secret_v1.broker : "${one.metadata[0].namespace}/${name}"]
}

output "written" {
  description = "Changes whenever secrets were written."
  value       = "passwords ${var.revision}"
  depends_on  = [kubernetes_secret_v1.apps, kubernetes_secret_v1.data, kubernetes_secret_v1.broker]
}
