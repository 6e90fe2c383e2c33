# Verbs, one line each; what they do lies in .ci/ and in the crates.
.PHONY: bench binary bundle check demo demo-down fix gen lab screenshots test test-full

bench: ; @.ci/bench $(PART)
binary: ; @.ci/binary
bundle: ; @.ci/bundle
check: ; cargo clippy --workspace --all-targets
demo: ; @.ci/demo
demo-down: ; @.ci/demo-down
fix: ; cargo fmt --all && cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
gen: ; UPDATE_GOLDEN=1 cargo test -q -p installer-plan -p installer-import -p installer-model
lab: ; @cargo run -q -p lab -- $(or $(ARGS),ls)
screenshots: ; @.ci/browser screenshots
test: ; @.ci/test
test-full: ; @.ci/test-full $(PART)
