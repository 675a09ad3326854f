# Targets of the lab cluster; the Makefile includes this file. KUBECONFIG names the cluster, the lab's own place else.

.PHONY: image cluster-deploy cluster-test cluster-policies cluster-broker cluster-measure cluster-disturb cluster-peak providers cluster-terraform cluster-found cluster-data cluster-failover cluster-replicas cluster-restore cluster-rotate cluster-data-down backup-drill cluster-down cluster-schemas

# lab runs groups as production does, lab-functions every function by itself.
OVERLAY ?= lab
CLUSTER_PATIENTS ?= 40
COLD_STARTS ?= 10
PEAK_FACTOR ?= 60
DRILL_GIGABYTES ?= 1
FAILOVER_PATIENTS ?= 150

image: venv  ## Build the image and look at it with its own Python (Debian 12; elsewhere infra/image/Dockerfile)
	@$(BIN)/python -m infra.image build
	$(BIN)/python -m infra.image check

cluster-deploy: venv system  ## Put this checkout on the lab cluster: image, data services, schema, realm, functions
	@$(BIN)/python -m infra.cluster deploy --overlay $(OVERLAY)

cluster-test: venv  ## Refusals, a clinic morning and events, through the gateway and the Broker of the lab cluster
	@$(BIN)/python -m infra.cluster test --patients $(CLUSTER_PATIENTS)

cluster-policies: venv  ## The same while NetworkPolicies hold (the lab's network enforces none), and what nobody may do is tried
	@$(BIN)/python -m infra.cluster policies --patients $(CLUSTER_PATIENTS)

cluster-broker: venv  ## Kill what carries events while they come in, with the subscriber away; fails when one is lost or an inbox lacks one
	@$(BIN)/python -m infra.cluster broker check --patients $(CLUSTER_PATIENTS)

cluster-measure: venv  ## Cold starts, memory, scaling out and to zero on the lab cluster; prints a table
	@$(BIN)/python -m infra.cluster measure --starts $(COLD_STARTS)

cluster-disturb: venv  ## A new release and dying instances under 50 requests a second; fails when a caller noticed
	@$(BIN)/python -m infra.cluster disturb

cluster-peak: venv  ## A rush of callers on the lab cluster, with and without the pre-warmer
	@$(BIN)/python -m infra.cluster peak --factor $(PEAK_FACTOR)

# Each takes one to two minutes on two cores; what is built is kept.
PROVIDERS := kubernetes@v1.13.4-0.20260821094251-3a33fb6cc605=3.2.1 helm@v1.3.3-0.20260629194918-a4f1c1d8b008=3.2.0

providers:  ## Build Terraform's providers from their Go modules, where no registry of providers is at hand
	@command -v go >/dev/null && command -v terraform >/dev/null || { echo "Go or Terraform is missing: no providers, their tests are left out."; exit 0; }
	home=$(CURDIR)/.state/terraform
	mkdir -p "$$home/asked" && cp infra/terraform/versions.tf "$$home/asked"
	host=$$(terraform -chdir="$$home/asked" providers | sed -n 's/.*provider\[\([^/]*\)\/hashicorp\/helm\].*/\1/p' | head -1)
	for provider in $(PROVIDERS); do
	  name=$${provider%%@*} version=$${provider##*=} module=$${provider%%=*}
	  program=$$home/mirror/$$host/hashicorp/$$name/$$version/linux_$$(go env GOARCH)/terraform-provider-$${name}_v$$version
	  [ ! -x "$$program" ] || continue
	  source=$$(cd /tmp && go mod download -json "github.com/hashicorp/terraform-provider-$$module" | $(PYTHON) -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
	  mkdir -p "$$(dirname "$$program")"
	  (cd "$$source" && CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath -ldflags "-s -w -X main.Version=$$version" -o "$$program" .)
	done
	printf 'provider_installation {\n  filesystem_mirror {\n    path    = "%s"\n    include = ["*/*/*"]\n  }\n}\ndisable_checkpoint = true\n' "$$home/mirror" > "$$home/terraformrc"

cluster-terraform: venv  ## A data centre by Terraform beside the lab's hospital: apply, third campus, protection, destroy
	@$(BIN)/python -m infra.cluster terraform

cluster-found: venv system minio  ## A whole data centre by Terraform in the place of the lab's hospital: data services, release, morning, removal
	@$(BIN)/python -m infra.cluster terraform --whole --patients $(CLUSTER_PATIENTS)

cluster-data: venv system minio  ## Production's data services in the lab cluster: CloudNativePG, pooler, MinIO, Keycloak, backup
	@$(BIN)/python -m infra.cluster data up

cluster-failover: venv  ## Switch over, kill and cut off primary and pooler while the hospital writes; fails when a commit is lost
	@$(BIN)/python -m infra.cluster data failover --patients $(FAILOVER_PATIENTS)

cluster-replicas: venv  ## Kill one Keycloak of two under people signed on, then servers of the store
	@$(BIN)/python -m infra.cluster data replicas

cluster-restore: venv  ## Bring the cluster's database back from its backup beside it, and let CloudNativePG clone that
	@$(BIN)/python -m infra.cluster data restore

cluster-rotate: venv  ## Rotate certificate, signing key, backup key and a database password while somebody asks
	@$(BIN)/python -m infra.cluster data rotate

cluster-data-down: venv system  ## Take them out again with all they hold; the lab goes back to single services on the node
	@$(BIN)/python -m infra.cluster data down

backup-drill: venv  ## Lose a database on this machine and get it back from the store; prints RPO and RTO
	@$(BIN)/python -m infra.backup drill --gigabytes $(DRILL_GIGABYTES)

cluster-down: venv  ## End the lab's data services; the cluster and all data stay
	@$(BIN)/python -m infra.cluster down

cluster-schemas: venv  ## Collect the API schemas anew after the lab's versions changed
	@$(BIN)/python -m infra.cluster.schemas
