.DEFAULT_GOAL := help
.PHONY: help run test deploy-test lint fmt bench check-template ci

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run stint on this machine, with everything it needs
	cargo run --package stint-local

# The functions are wiring and have no tests: `lint` compiles them, and the suite `tidy` counts them.
test: ## Run every test (with nextest where it is installed)
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --no-fail-fast; \
	else \
		cargo test --no-fail-fast; \
	fi

deploy-test: target/deploy_test/venv/installed ## Deploy the template on this machine, and do with it what customers do
	cargo build --workspace --bins
	target/deploy_test/venv/bin/python -m infra.deploy_test

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

bench: ## Measure decisions: ours beside plain Cedar's
	cargo bench --package stint

check-template: ## Check the template (with cfn-lint where it is installed)
	@if command -v cfn-lint >/dev/null; then cfn-lint template.yaml; else echo "cfn-lint is not installed: skipped"; fi

ci: ## What every change has to pass
	.ci/run
