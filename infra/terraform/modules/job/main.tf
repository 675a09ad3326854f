# One command of `his` in the cluster, awaited. Its name carries what it does, so a change is a new job and nothing runs twice.

variable "namespace" {
  type = string
}

variable "image" {
  type = string
}

variable "name" {
  type = string
}

variable "command" {
  type = list(string)
}

variable "settings" {
  type = map(string)
}

variable "secrets" {
  type = list(string)
}

variable "environment" {
  type    = map(string)
  default = {}
}

variable "after" {
  description = "What must have happened before; when it happens again, so does this."
  type        = string
  default     = ""
}

locals {
  digest = substr(sha256(jsonencode([var.image, var.command, var.settings, var.environment, var.after])), 0, 10)
  labels = {
    "app.kubernetes.io/name"      = var.name
    "app.kubernetes.io/component" = "prepare"
    "app.kubernetes.io/part-of"   = "consortium-his"
  }
}

resource "kubernetes_job_v1" "one" {
  metadata {
    name      = "${var.name}-${local.digest}"
    namespace = var.namespace
    labels    = local.labels
  }
  wait_for_completion = true
  spec {
    # Ten minutes of trying: a new database or store is not there at once.
    backoff_limit           = 6
    active_deadline_seconds = 900
    template {
      metadata {
        labels = local.labels
      }
      spec {
        automount_service_account_token = false
        enable_service_links            = false
        restart_policy                  = "Never"
        security_context {
          run_as_non_root = true
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }
        container {
          name  = var.name
          image = var.image
          args  = var.command
          dynamic "env" {
            for_each = merge(var.settings, var.environment)
            content {
              name  = env.key
              value = env.value
            }
          }
          dynamic "env_from" {
            for_each = var.secrets
            content {
              secret_ref {
                name = env_from.value
              }
            }
          }
          resources {
            requests = { cpu = "50m", memory = "128Mi" }
            limits   = { cpu = "1", memory = "512Mi" }
          }
          security_context {
            run_as_non_root            = true
            run_as_user                = "65532"
            run_as_group               = "65532"
            read_only_root_filesystem  = true
            allow_privilege_escalation = false
            capabilities {
              drop = ["ALL"]
            }
            seccomp_profile {
              type = "RuntimeDefault"
            }
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
        }
        volume {
          name = "tmp"
          empty_dir {
            medium     = "Memory"
            size_limit = "64Mi"
          }
        }
      }
    }
  }
  timeouts {
    create = "15m"
    update = "15m"
  }
  lifecycle {
    # What the API server adds to a job that ran is no difference.
    ignore_changes = [metadata[0].annotations, spec[0].template[0].metadata[0].labels, spec[0].template[0].metadata[0].annotations]
  }
}

output "done" {
  value = kubernetes_job_v1.one.metadata[0].name
}
