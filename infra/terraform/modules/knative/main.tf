# Knative Serving, Kourier, Eventing and its channel on JetStream: charts that hold the vendors' own release files (`python -m infra.cluster charts`), so that
# definitions come before what they define and an upgrade is one release.

variable "charts" {
  description = "Name (serving, kourier, eventing, natss) -> folder or archive."
  type        = map(string)
}

locals {
  # Each needs the definitions of the one before.
  first  = { for name, chart in var.charts : name => chart if name == "serving" }
  others = { for name, chart in var.charts : name => chart if !contains(["serving", "natss"], name) }
  last   = { for name, chart in var.charts : name => chart if name == "natss" }
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

resource "helm_release" "channel" {
  for_each   = local.last
  name       = "knative-${each.key}"
  namespace  = "default"
  chart      = each.value
  wait       = true
  timeout    = 600
  depends_on = [helm_release.other]
}

output "last" {
  description = "Charts that are installed when all others stand."
  value       = keys(helm_release.channel)
}
