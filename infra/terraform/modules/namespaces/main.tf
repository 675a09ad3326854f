variable "namespaces" {
  type = object({ apps = string, data = string, monitoring = string })
}

resource "kubernetes_namespace_v1" "one" {
  for_each = var.namespaces
  metadata {
    name = each.value
    labels = merge(
      { "app.kubernetes.io/part-of" = "consortium-his" },
      # Node exporters need the node's own names; everything else is held to the strictest rules.
      each.key == "monitoring" ? {} : {
        "pod-security.kubernetes.io/enforce" = "restricted"
        "pod-security.kubernetes.io/warn"    = "restricted"
      },
    )
  }
}

output "apps" {
  value = kubernetes_namespace_v1.one["apps"].metadata[0].name
}

output "data" {
  value = kubernetes_namespace_v1.one["data"].metadata[0].name
}

output "monitoring" {
  value = kubernetes_namespace_v1.one["monitoring"].metadata[0].name
}
