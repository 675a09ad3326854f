output "campuses" {
  description = "Campuses that are open, by code."
  value       = sort(concat([module.head.code], [for one in module.campus : one.code]))
}

output "namespaces" {
  value = {
    apps       = module.namespaces.apps
    data       = module.namespaces.data
    monitoring = module.namespaces.monitoring
  }
}
