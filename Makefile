.DEFAULT_GOAL := help
.PHONY: help run build package measure test soak crash-test verifier-test deploy-test schemathesis lint fmt generate bench check-template ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not `--package`: what it shares with the tests would be built again, with other features.
run: ## Run stint on this machine, with everything it needs
	cargo run --bin stint-local

# What Lambda runs them on: arm64, or x86_64 with `make build ARCHITECTURE=x86_64`.
ARCHITECTURE ?= arm64
target_of_arm64 := aarch64-unknown-linux-gnu
target_of_x86_64 := x86_64-unknown-linux-gnu
# Where `sam build` runs it, too: the settings of `functions/.cargo` are read there.
CARGO_LAMBDA := cd functions && PATH="$(CURDIR)/target/build/venv/bin:$$PATH" cargo lambda build --release

build: target/build/venv/installed ## Build the functions as Lambda runs them, and print their sizes
	@test -d "$$(rustc --print target-libdir --target $(target_of_$(ARCHITECTURE)))" || { \
		echo "Rust cannot build for $(ARCHITECTURE) here: rustup target add $(target_of_$(ARCHITECTURE))," \
			"or choose what Lambda runs the functions on with ARCHITECTURE=x86_64 (or arm64)." >&2; exit 1; }
	$(CARGO_LAMBDA) --target $(target_of_$(ARCHITECTURE))
	@python3 infra/build/check.py

package: build ## Build, and lay it out for `sam deploy`, as `sam build` does
	target/build/venv/bin/python -m infra.build.package

MEASURED ?= list_grants ensure_access provision_grant publish_events
MEASURE := $(CARGO_LAMBDA) --target $(shell uname -m)-unknown-linux-gnu --lambda-dir $(CURDIR)/target/measured

measure: target/build/venv/installed ## Measure some functions beside the least one: size, start, memory, first call
	$(MEASURE) $(addprefix --bin ,$(MEASURED))
	$(MEASURE) --example hello
	@target/build/venv/bin/python -m infra.build.measure $(MEASURED)

# The functions are wiring and have no tests: `lint` compiles them, and the suite `tidy` counts them.
test: ## Run every test (with nextest where it is installed)
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --no-fail-fast; \
	else \
		cargo test --no-fail-fast; \
	fi

soak: ## Play new random histories for hours, or so many (HISTORIES=, STEPS=, SEED=)
	HISTORIES=$(or $(HISTORIES),1000000) STEPS=$(or $(STEPS),60) SEED=$(or $(SEED),$(shell date +%s)) \
		cargo test --test histories random -- --nocapture --test-threads=4

crash-test: ## Kill stint-local under load at random moments, fifty times (KILLS=, SEED=)
	cargo build --bin stint-local
	cargo test --test crash

verifier-test: ## Test the offline verifier of the audit log
	python3 -m unittest infra.audit.tests

deploy-test: target/deploy_test/venv/installed ## Deploy the template on this machine, and do with it what customers do
	cargo build --workspace --bins
	target/deploy_test/venv/bin/python -m infra.deploy_test

schemathesis: target/schemathesis/venv/installed ## Try every operation with what schemathesis makes of the OpenAPI document
	cargo build --bin stint-local
	target/schemathesis/venv/bin/python -m infra.schemathesis

# Python tools, each in an environment of its own below `target/`: they pin different versions of the same packages.
target/%/venv/installed: infra/%/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

lint: check-template ## Check format, lints, dependencies and the template
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "cargo-deny is not installed: skipped"; fi

fmt: ## Format the code
	cargo fmt --all

generate: ## Write what follows from operations, workers and the parts of the template
	cargo run --bin stint-dev -- generate

bench: ## Measure decisions: ours beside plain Cedar's
	cargo bench --package stint

check-template: target/sam/venv/installed target/checkov/venv/installed ## Check the template with cfn-lint, SAM and checkov, and what SAM makes of it
	target/sam/venv/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 target/sam/venv/bin/sam validate --lint --region us-east-1
	target/checkov/venv/bin/checkov --file template.yaml
	AWS_DEFAULT_REGION=us-east-1 target/sam/venv/bin/python -m infra.template_test

ci: ## What every change has to pass
	.ci/run
