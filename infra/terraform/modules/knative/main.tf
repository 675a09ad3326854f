# Knative Serving, Kourier, Eventing: charts that hold the vendors' own release files (`python -m infra.cluster charts`), so that
# definitions come before what they define and an upgrade is one release.

variable "charts" {
  description = "Name (serving, kourier, eventing, kafka-broker) -> folder or archive."
  type        = map(string)
}

locals {
  # Each needs the definitions of the one before.
  first  = { for name, chart in var.charts : name => chart if name == "serving" }
  others = { for name, chart in var.charts : name => chart if name != "serving" }
}

resource "helm_release" "serving" {
  for_each  = local.first
  name      = "knative-${each.key}"
  namespace = "default"
  chart     = each.value
  wait      = true
  timeout   = 600
}

resource "helm_release" "other" {
  for_each   = local.others
  name       = "knative-${each.key}"
  namespace  = "default"
  chart      = each.value
  wait       = true
  timeout    = 600
  depends_on = [helm_release.serving]
}
