# Everything goes through here: `make run` serves a demo, `make test` runs every test.

SHELL := /bin/bash
.DEFAULT_GOAL := help

ROOT := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
# meson >= 1.2 comes from pip: scripts/deps puts it here where the system's is too old.
export PATH := $(ROOT).tools/venv/bin:$(PATH)
# An abseil that is new enough is found before third_party/absl-shim, which .cargo/config.toml names.
PKG_CONFIG_PATH := $(shell $(ROOT)scripts/abseil)
ifneq ($(PKG_CONFIG_PATH),)
export PKG_CONFIG_PATH
endif

CONFIG ?= hark.toml
WEB_BUILT := web/node_modules/.hark-built
CARGO ?= cargo

.NOTPARALLEL:
.PHONY: help release run test check fmt lint purity test-engine test-units test-web test-system bench fuzz deps deps-test web build

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: deps web ## Install what is missing, build, and serve the demo site
	$(CARGO) run --locked --bin hark -- serve --config $(CONFIG)

release: deps web ## The binary as it is meant to be installed: target/release/hark
	$(CARGO) build --release --locked --bin hark

test: deps-test check test-units test-web test-system ## Install what is missing and run every test

check: web fmt lint purity ## Formatting, lints and the engine's wall

fmt:
	$(CARGO) fmt --all -- --check

lint: web deps-test
	$(CARGO) clippy --workspace --all-targets --locked --features mic -- -D warnings
	$(CARGO) clippy --locked --workspace --bins -- -D warnings

purity: ## The engine depends on no runtime, socket, database or web crate; every dependency is defended
	scripts/purity
	scripts/defended

test-engine: ## The engine's tests alone: pure, virtual time
	$(CARGO) test --locked -p hark-engine

# The whole workspace is named in each of these, so that cargo resolves the same features every time
# and builds nothing twice.
test-units: web ## Every test of engine, actors and the binary
	$(CARGO) test --locked --workspace --lib --bins
	$(CARGO) test --locked --workspace --doc

test-web: web ## The web client's type check and tests
	cd web && npm run --if-present check && npm test --if-present

test-system: build ## The stories, with baresip, sipp and Chromium against the real server
	scripts/test-system

bench: deps web ## Benchmarks, in release
	$(CARGO) bench --locked -p hark-benches
	$(CARGO) run --release --locked -p hark-benches --bin calls -- --calls 100,500,1000,2000
	$(CARGO) run --release --locked -p hark-benches --bin store
	$(CARGO) run --release --locked -p hark-benches --bin store

# Five minutes in all, on one core; FUZZ_SECONDS=3600 for a night. What is found goes to fuzz/artifacts.
FUZZ_SECONDS ?= 100
fuzz: ## Fuzz the dialplan language: needs a nightly toolchain and cargo-fuzz
	@mkdir -p fuzz/corpus/compile fuzz/corpus/format fuzz/corpus/run
	cargo +nightly fuzz run -O compile fuzz/corpus/compile engine/tests/dialplan/right dialplans -- -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -timeout=10
	cargo +nightly fuzz run -O format fuzz/corpus/format engine/tests/dialplan/right dialplans -- -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -timeout=10
	cargo +nightly fuzz run -O run fuzz/corpus/run -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -len_control=0 -timeout=20

# With what is optional, for the tests of it.
build: web deps-test
	$(CARGO) build --locked --workspace --all-targets --features mic

web: $(WEB_BUILT) ## The web client, as it is embedded in the binary

# A stamp beside the modules, which goes with them: dist/ may hold the placeholder that a
# cargo build without the client leaves there.
$(WEB_BUILT): web/package-lock.json $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null) | deps
	cd web && npm run build
	@touch $@

deps: ## Install what building and running need
	@scripts/deps build

deps-test: ## Install what the tests need too
	@scripts/deps test
