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

# What everything costs, beside what one would write by hand: the table of PERFORMANCE.md, in some minutes
bench:
    python3 .ci/bench.py

# Its counts of instructions, which CI keeps
bench-quick:
    python3 .ci/bench.py --quick

# The picture of PERFORMANCE.md: what things cost against how much there is
bench-plot:
    python3 .ci/bench.py --plot pocketping-mock-server/docs/costs.svg

# Figures to read: how long a server takes from nothing to its first answer
bench-start:
    cargo bench -p pocketping-mock-server --features cli,memory --bench start

# The pictures of the server's page: all of them below target/screenshots, those that are kept in its docs
screenshots:
    POCKETPING_SCREENSHOTS=1 POCKETPING_REQUIRE_BROWSER=1 cargo test -p pocketping-mock-server --test browser page_looks::it_fits
    cp target/screenshots/page-desktop-light.png pocketping-mock-server/docs/page-desktop.png
    cp target/screenshots/page-phone-light.png pocketping-mock-server/docs/page-phone.png
    python3 .ci/pack_png.py pocketping-mock-server/docs/page-desktop.png pocketping-mock-server/docs/page-phone.png
