# Every word that people and CI use. `make` lists them.
CARGO ?= cargo
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help build check test sim demo up bench bench-pure bench-normalizer bench-enricher bench-ingest bench-store bench-latency chaos golden ci clean

help: ## list these words
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## compile everything that `up`, `demo` and the tests start
	$(CARGO) build --workspace --bins

check: ## format and lints, warnings are errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

test: build ## every tier: unit, property, golden, simulation, and the pipeline on real parts
	$(CARGO) test --workspace

sim: ## the enricher under crashes and rebalances, by seed; SEED=7 runs one, SEEDS=100000 so many
	$(if $(SEED),WAYBILL_SIM_SEED=$(SEED)) $(if $(SEEDS),WAYBILL_SIM_SEEDS=$(SEEDS)) \
	$(CARGO) test -p enricher --lib simulation

demo: build ## the documented webhooks through the real pipeline; prints the tables and stays up
	target/debug/waybill demo $(ARGS)

up: build ## Kafka, registry, ClickHouse and the four services on loopback, until Ctrl-C
	target/debug/waybill up $(ARGS)

bench: bench-pure bench-normalizer bench-enricher bench-ingest bench-store bench-latency ## each stage beside its floor and its peers

bench-pure:
	$(CARGO) bench -p normalizer --bench normalize
	$(CARGO) bench -p enricher --bench core --bench state

bench-normalizer:
	$(CARGO) build --release -p local-stack --bins
	mvn -B -q -f tests/peers/streams/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/target/peers
	WAYBILL_PEER_JARS=$(CURDIR)/target/peers $(CARGO) bench -p normalizer --bench end_to_end -- $(or $(ARGS),500000)

bench-enricher:
	$(CARGO) build --release -p local-stack --bins
	mvn -B -q -f tests/peers/streams/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/target/peers
	WAYBILL_PEER_JARS=$(CURDIR)/target/peers $(CARGO) bench -p enricher --bench end_to_end -- $(or $(ARGS),500000 1000000)

bench-ingest:
	$(CARGO) build --release -p ingest -p waybill -p local-stack -p pipeline-bench
	mvn -B -q -f tests/peers/camel/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/target/peers/camel
	WAYBILL_CAMEL_JARS=$(CURDIR)/target/peers/camel target/release/bench-ingest $(ARGS)
	target/release/bench-tenants

bench-store:
	$(CARGO) build --release -p sink -p local-stack --bins --examples
	target/release/examples/views
	target/release/examples/load

bench-latency:
	$(CARGO) build --release --workspace --bins
	target/release/bench-latency

chaos: build ## kills of services, Kafka and ClickHouse under load, with an oracle; ARGS="SEED ORDERS"
	$(CARGO) run --quiet -p pipeline-tests --example chaos -- $(ARGS)

golden: ## rewrite the golden files; read the difference before committing
	UPDATE_GOLDEN=1 $(CARGO) test -p normalizer golden

ci: check test ## what lands

clean: ## remove what was built here, and the local stack's data
	$(CARGO) clean
	rm -rf .waybill
