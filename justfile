# What a developer runs; `.ci/run` is what CI runs.

default: check

# Formatting, lints, tests, docs
check: fmt lint test doc

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# The whole of CI
ci:
    .ci/run

demo:
    cargo run -p pocketping-cli -- demo

# Ten thousand chaos plans in each contract; CHAOS_SEED=N runs one
chaos:
    CHAOS_SEEDS=10000 cargo test -p pocketping-sdk --test chaos
