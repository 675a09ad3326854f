variable "kubeconfig" {
  description = "Path of the access to the cluster."
  type        = string
}

variable "namespaces" {
  description = "Names of the namespaces; another set gives an installation beside the first."
  type = object({
    apps       = optional(string, "his")
    data       = optional(string, "his-data")
    monitoring = optional(string, "monitoring")
  })
  default = {}
}

variable "image" {
  description = "The one image, by digest: functions, worker and jobs are the same bytes."
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "An image is named by its digest, so that what was tested is what runs."
  }
}

variable "settings" {
  description = "Settings that are no secret (HIS_KEYCLOAK_URL, HIS_HOST_URL, ...)."
  type        = map(string)
  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^HIS_[A-Z0-9_]+$", name)) && !can(regex("PASSWORD|SECRET|KEYS?$", name))])
    error_message = "Settings begin with HIS_; what is secret belongs into `passwords`."
  }
}

variable "campuses" {
  description = "Campuses by code, the head hospital first in `head`. A new entry opens a campus; nothing closes one."
  type = map(object({
    letter         = string
    name           = string
    short_name     = string
    price_level    = string
    address        = string
    insurance_code = optional(string)
    founders = list(object({
      staff_no = string
      name     = string
      category = optional(string, "management")
      mobile   = optional(string)
      posts    = list(string)
    }))
  }))
  validation {
    condition     = alltrue([for code in keys(var.campuses) : can(regex("^[a-z][a-z0-9]{1,9}$", code))])
    error_message = "A campus code is two to ten small letters and digits."
  }
  validation {
    condition     = length(distinct([for one in values(var.campuses) : one.letter])) == length(var.campuses)
    error_message = "Two campuses have the same letter; numbers of visits begin with it."
  }
  validation {
    condition     = alltrue([for one in values(var.campuses) : length(one.founders) > 0])
    error_message = "A campus needs somebody who may sign on there."
  }
}

variable "head" {
  description = "Code of the head hospital; the other campuses open after it."
  type        = string
}

variable "passwords" {
  description = "Every secret, from the consortium's vault. Written to the cluster only, never to the state."
  type = object({
    postgres                = string
    his_owner               = string
    his_app                 = string
    his_worker              = string
    his_auditor             = string
    his_backup              = optional(string, "")
    keycloak                = optional(string, "")
    keycloak_admin          = string
    keycloak_directory      = string
    column_keys             = string
    s3_access_key           = string
    s3_secret_key           = string
    s3_admin_user           = optional(string, "")
    s3_admin                = optional(string, "")
    s3_backup_access        = optional(string, "")
    s3_backup_secret        = optional(string, "")
    backup_keys             = optional(string, "")
    storage_kms             = optional(string, "")
    nats_ca                 = optional(string, "")
    nats_certificate        = optional(string, "")
    nats_key                = optional(string, "")
    nats_client_certificate = optional(string, "")
    nats_client_key         = optional(string, "")
    first_sign_on           = optional(string, "")
    tls_certificate         = optional(string, "")
    tls_key                 = optional(string, "")
  })
  sensitive = true
  ephemeral = true
}

variable "accounts" {
  description = "Accounts at outside systems by secret: settings of his-receipts, his-wechat-login, his-sms, his-identity-check; files of his-merchant-keys, his-package-keys. What is not named is not used."
  type        = map(map(string))
  default     = {}
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = length(setsubtract(nonsensitive(keys(var.accounts)), ["his-receipts", "his-wechat-login", "his-sms", "his-identity-check", "his-merchant-keys", "his-package-keys"])) == 0
    error_message = "No function reads a secret of such a name."
  }
}

variable "passwords_revision" {
  description = "Raise it when a secret has changed: the state does not know secrets, so it cannot see a difference."
  type        = number
  default     = 1
}

variable "backup_bucket" {
  description = "Bucket of the backup. A database that came back from it begins a new one; the old one stays as it is."
  type        = string
  default     = "his-backup"
}

variable "data_services" {
  description = "`cluster`: the services of infra/k8s/data; `outside`: they run elsewhere and only their names are made here."
  type        = string
  default     = "cluster"
  validation {
    condition     = contains(["cluster", "outside"], var.data_services)
    error_message = "data_services is `cluster` or `outside`."
  }
}

variable "outside" {
  description = "Where the services are that run elsewhere: postgres, pooler, storage, keycloak."
  type        = map(object({ address = string, port = number }))
  default     = {}
}

variable "charts" {
  description = "Folders or archives of charts made by `python -m infra.cluster charts`; what is not named is not installed."
  type = object({
    knative    = optional(map(string), {})
    operators  = optional(map(string), {})
    data       = optional(string)
    monitoring = optional(map(string), {})
  })
  default = {}
}

variable "protection" {
  description = "`locked`: neither kubectl nor Terraform removes data; `policy`: the cluster refuses, Terraform may lift it; `none`."
  type        = string
  default     = "locked"
  validation {
    condition     = contains(["locked", "policy", "none"], var.protection)
    error_message = "protection is `locked`, `policy` or `none`."
  }
}
