# make run     build porthole and open the workstation
# make test    formatting, lints and every test
# make lint    formatting and lints only
# make bench   the table of figures, beside the engines that are installed here
# Each first installs what the host lacks, and says so.

BINARY := target/release/porthole
# Containers and captures need root.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=PORTHOLE_ROOT,TERM,COLORTERM,NO_COLOR)

.PHONY: run test lint bench build

build:
	@tools/install build
	cargo build --release --locked --package porthole

run: build
	@tools/install run
	$(SUDO) $(BINARY)

lint:
	@tools/install build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

test: lint
	@tools/install run
	@tools/install test
	cargo build --locked --package porthole
	$(TEST_SUDO) cargo test --workspace --locked

bench: build
	@tools/install run
	@tools/install bench
	$(SUDO) tools/bench

# The tests make namespaces; under sudo the toolchain must still be found.
TEST_SUDO := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=PATH,HOME,CARGO_HOME,RUSTUP_HOME)
