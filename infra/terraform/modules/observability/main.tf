# Prometheus, Grafana and the collector of traces as charts of the consortium's own mirror.

variable "namespace" {
  type = string
}

variable "charts" {
  description = "Name -> folder or archive."
  type        = map(string)
}

resource "helm_release" "one" {
  for_each  = var.charts
  name      = each.key
  namespace = var.namespace
  chart     = each.value
  wait      = true
  timeout   = 900
}
