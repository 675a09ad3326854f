# The data centre: namespaces, secrets, Knative, data services, the schema and the realm, campuses. What runs in it (functions,
# worker, gateway) is a release: `kubectl apply -k infra/k8s/overlays/<one>`.

provider "kubernetes" {
  config_path = var.kubeconfig
}

provider "helm" {
  kubernetes = { config_path = var.kubeconfig }
}

locals {
  host     = { for name in ["postgres", "pooler", "storage", "keycloak"] : name => "${name}.${var.namespaces.data}.svc.cluster.local" }
  database = var.data_services == "cluster" ? local.host.pooler : local.host.postgres
  settings = merge(
    {
      HIS_S3_ENDPOINT = "${local.host.storage}:9000"
      HIS_S3_BUCKET   = "his"
      HIS_LOG_LEVEL   = "INFO"
    },
    var.settings,
  )
}

module "namespaces" {
  source     = "./modules/namespaces"
  namespaces = var.namespaces
}

module "protection" {
  source    = "./modules/protection"
  level     = var.protection
  namespace = module.namespaces.data
}

module "secrets" {
  source        = "./modules/secrets"
  apps          = module.namespaces.apps
  data          = module.namespaces.data
  data_services = var.data_services
  database      = local.database
  primary       = local.host.postgres
  settings      = local.settings
  backup_bucket = var.backup_bucket
  passwords     = var.passwords
  accounts      = var.accounts
  revision      = var.passwords_revision
  # One secret goes into the namespace that Knative's chart makes.
  depends_on = [module.knative]
}

module "knative" {
  source = "./modules/knative"
  charts = var.charts.knative
}

module "data" {
  source        = "./modules/data"
  namespace     = module.namespaces.data
  data_services = var.data_services
  outside       = var.outside
  operators     = var.charts.operators
  chart         = var.charts.data
  # The services read their secrets at their first start.
  depends_on = [module.secrets, module.protection]
}

module "observability" {
  source    = "./modules/observability"
  namespace = module.namespaces.monitoring
  charts    = var.charts.monitoring
}

module "prepare" {
  source     = "./modules/prepare"
  namespace  = module.namespaces.apps
  image      = var.image
  settings   = local.settings
  founding   = module.secrets.founding
  operator   = module.secrets.operator
  written    = module.secrets.written
  depends_on = [module.data]
}

module "head" {
  source    = "./modules/campus"
  namespace = module.namespaces.apps
  image     = var.image
  settings  = local.settings
  operator  = module.secrets.operator
  code      = var.head
  campus    = var.campuses[var.head]
  after     = module.prepare.done
}

module "campus" {
  source    = "./modules/campus"
  for_each  = { for code, campus in var.campuses : code => campus if code != var.head }
  namespace = module.namespaces.apps
  image     = var.image
  settings  = local.settings
  operator  = module.secrets.operator
  code      = each.key
  campus    = each.value
  after     = module.head.done
}
