# A campus: opened by `his` as the API would open it, then its people get their accounts. Nothing here closes a campus: that is
# a decision with consequences, made by people at the workstation.

variable "namespace" {
  type = string
}

variable "image" {
  type = string
}

variable "settings" {
  type = map(string)
}

variable "operator" {
  type = string
}

variable "code" {
  type = string
}

variable "campus" {
  type = any
}

variable "after" {
  type = string
}

locals {
  # Only what is given: the command refuses fields that are null as it refuses fields it does not know.
  founders = [for one in var.campus.founders : { for key, value in one : key => value if value != null }]
  command = merge(
    { for key, value in var.campus : key => value if value != null && key != "founders" },
    { code = var.code, founders = local.founders },
  )
}

module "open" {
  source      = "../job"
  namespace   = var.namespace
  image       = var.image
  name        = "campus-${var.code}"
  command     = ["infra.his", "prepare", "campus"]
  settings    = var.settings
  environment = { HIS_CAMPUS = jsonencode(local.command) }
  secrets     = [var.operator]
  after       = var.after
}

module "accounts" {
  source    = "../job"
  namespace = var.namespace
  image     = var.image
  name      = "accounts-${var.code}"
  command   = ["infra.his", "identity", "sync"]
  settings  = var.settings
  secrets   = [var.operator]
  after     = module.open.done
}

output "done" {
  value = module.accounts.done
}

output "code" {
  value = var.code
}
