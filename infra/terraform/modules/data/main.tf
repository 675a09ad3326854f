variable "namespace" {
  type = string
}

variable "data_services" {
  type = string
}

variable "outside" {
  type = map(object({ address = string, port = number }))
}

variable "operators" {
  description = "Name -> chart of an operator (CloudNativePG)."
  type        = map(string)
}

variable "chart" {
  description = "Chart of infra/k8s/data."
  type        = string
  nullable    = true
}

locals {
  ports   = { postgres = 5432, pooler = 5432, storage = 9000, keycloak = 8080 }
  outside = var.data_services == "outside" ? var.outside : {}
}

# Services that run elsewhere get the names the hospital knows.
resource "kubernetes_service_v1" "outside" {
  for_each = local.outside
  metadata {
    name      = each.key
    namespace = var.namespace
  }
  spec {
    port {
      name = "service"
      port = local.ports[each.key]
    }
  }
}

resource "kubernetes_endpoint_slice_v1" "outside" {
  for_each = local.outside
  metadata {
    name      = "${each.key}-outside"
    namespace = var.namespace
    labels    = { "kubernetes.io/service-name" = kubernetes_service_v1.outside[each.key].metadata[0].name }
  }
  address_type = "IPv4"
  endpoint {
    addresses = [each.value.address]
    condition {
      ready = true
    }
  }
  port {
    name         = "service"
    port         = each.value.port
    protocol     = "TCP"
    app_protocol = local.ports[each.key] == 5432 ? "postgresql" : "http"
  }
}

# The chart holds the operator's own namespace, as the vendor's release file does.
resource "helm_release" "operator" {
  for_each  = var.data_services == "cluster" ? var.operators : {}
  name      = each.key
  namespace = "default"
  chart     = each.value
  wait      = true
  timeout   = 600
}

resource "helm_release" "services" {
  count     = var.data_services == "cluster" && var.chart != null ? 1 : 0
  name      = "his-data"
  namespace = var.namespace
  chart     = var.chart
  # Keycloak waits for its database, which the jobs make that come next: they are what waits for the services.
  wait       = false
  timeout    = 600
  depends_on = [helm_release.operator]
}

output "names" {
  description = "Services that run elsewhere."
  value       = sort(keys(kubernetes_service_v1.outside))
}
