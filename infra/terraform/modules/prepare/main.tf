# Roles, databases, buckets, schema: made by `his` itself, in jobs that Terraform waits for. Each may run any number of times; a
# new image runs them anew.

variable "namespace" {
  type = string
}

variable "image" {
  type = string
}

variable "settings" {
  type = map(string)
}

variable "founding" {
  type = string
}

variable "operator" {
  type = string
}

variable "written" {
  description = "Changes whenever secrets were written anew: the jobs set what the secrets say."
  type        = string
}

module "database" {
  source    = "../job"
  namespace = var.namespace
  image     = var.image
  name      = "database"
  command   = ["infra.his", "prepare", "database"]
  settings  = var.settings
  secrets   = [var.operator, var.founding]
  after     = var.written
}

module "storage" {
  source    = "../job"
  namespace = var.namespace
  image     = var.image
  name      = "storage"
  command   = ["infra.his", "prepare", "storage"]
  settings  = var.settings
  secrets   = [var.operator, var.founding]
  after     = var.written
}

module "migrate" {
  source    = "../job"
  namespace = var.namespace
  image     = var.image
  name      = "migrate"
  command   = ["infra.his", "migrate"]
  settings  = var.settings
  secrets   = [var.operator]
  after     = module.database.done
}

output "done" {
  description = "Changes whenever the jobs ran."
  value       = "${module.migrate.done} ${module.storage.done}"
}
