# Targets of the lab cluster; the Makefile includes this file. KUBECONFIG names the cluster, the lab's own place else.

.PHONY: image cluster-deploy cluster-test cluster-measure cluster-disturb cluster-down cluster-schemas

# lab runs groups as production does, lab-functions every function by itself.
OVERLAY ?= lab
CLUSTER_PATIENTS ?= 40
COLD_STARTS ?= 10

image: venv  ## Build the image and look at it with its own Python (Debian 12; elsewhere infra/image/Dockerfile)
	@$(BIN)/python -m infra.image build
	$(BIN)/python -m infra.image check

cluster-deploy: venv system  ## Put this checkout on the lab cluster: image, data services, schema, realm, functions
	@$(BIN)/python -m infra.cluster deploy --overlay $(OVERLAY)

cluster-test: venv  ## Refusals, a clinic morning and events, through the gateway and the Broker of the lab cluster
	@$(BIN)/python -m infra.cluster test --patients $(CLUSTER_PATIENTS)

cluster-measure: venv  ## Cold starts, memory, scaling out and to zero on the lab cluster; prints a table
	@$(BIN)/python -m infra.cluster measure --starts $(COLD_STARTS)

cluster-disturb: venv  ## A new release and dying instances under 50 requests a second; fails when a caller noticed
	@$(BIN)/python -m infra.cluster disturb

cluster-down: venv  ## End the lab's data services; the cluster and all data stay
	@$(BIN)/python -m infra.cluster down

cluster-schemas: venv  ## Collect the API schemas anew after the lab's versions changed
	@$(BIN)/python -m infra.cluster.schemas
