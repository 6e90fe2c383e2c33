# Verbs, one line each; what they do lies in .ci/ and in the crates.
.PHONY: binary check fix test

binary: ; @.ci/binary
check: ; cargo clippy --workspace --all-targets
fix: ; cargo fmt --all && cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
test: ; @.ci/test
