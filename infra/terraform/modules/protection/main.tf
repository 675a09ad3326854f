# Deletion protection that the cluster itself enforces: whoever asks, with whatever tool.

variable "level" {
  type = string
}

variable "namespace" {
  type = string
}

locals {
  name = "keep-data-of-${var.namespace}"
  policy = {
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicy"
    metadata   = { name = local.name }
    spec = {
      failurePolicy = "Fail"
      matchConstraints = {
        resourceRules = [
          {
            apiGroups   = [""]
            apiVersions = ["*"]
            operations  = ["DELETE"]
            resources   = ["persistentvolumeclaims", "namespaces"]
          },
          {
            apiGroups   = ["apps"]
            apiVersions = ["*"]
            operations  = ["DELETE"]
            resources   = ["statefulsets"]
          },
          {
            apiGroups   = ["postgresql.cnpg.io"]
            apiVersions = ["*"]
            operations  = ["DELETE"]
            resources   = ["clusters"]
          },
        ]
      }
      # Two people: one writes the annotation, the other deletes. Both are in the API server's audit log.
      validations = [
        {
          expression = "has(oldObject.metadata.annotations) && 'his.consortium/may-be-deleted' in oldObject.metadata.annotations && oldObject.metadata.annotations['his.consortium/may-be-deleted'] == oldObject.metadata.name"
          message    = "This holds the hospital's data. Annotate it his.consortium/may-be-deleted=<its name> first."
        },
      ]
    }
  }
  binding = {
    apiVersion = "admissionregistration.k8s.io/v1"
    kind       = "ValidatingAdmissionPolicyBinding"
    metadata   = { name = local.name }
    spec = {
      policyName        = local.name
      validationActions = ["Deny"]
      matchResources = {
        namespaceSelector = { matchLabels = { "kubernetes.io/metadata.name" = var.namespace } }
      }
    }
  }
}

# The API server goes on refusing for a moment after the policy is gone; what it protected must not be asked for meanwhile.
resource "terraform_data" "lifted" {
  input = var.namespace
  provisioner "local-exec" {
    when    = destroy
    command = "sleep 10"
  }
}

resource "kubernetes_manifest" "policy" {
  count      = var.level == "policy" ? 1 : 0
  manifest   = local.policy
  depends_on = [terraform_data.lifted]
}

resource "kubernetes_manifest" "binding" {
  count      = var.level == "policy" ? 1 : 0
  manifest   = local.binding
  depends_on = [kubernetes_manifest.policy]
}

# The same, and `terraform destroy` fails before it touches anything.
resource "kubernetes_manifest" "locked_policy" {
  count    = var.level == "locked" ? 1 : 0
  manifest = local.policy
  lifecycle {
    prevent_destroy = true
  }
}

resource "kubernetes_manifest" "locked_binding" {
  count      = var.level == "locked" ? 1 : 0
  manifest   = local.binding
  depends_on = [kubernetes_manifest.locked_policy]
  lifecycle {
    prevent_destroy = true
  }
}

output "locked" {
  description = "What `terraform destroy` refuses to remove."
  value       = [for one in concat(kubernetes_manifest.locked_policy, kubernetes_manifest.locked_binding) : one.manifest.kind]
}
