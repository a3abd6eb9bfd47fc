# shellcheck shell=bash
# Where things go that are built, downloaded or installed: never the checkout. Sourced by ./test and the tools.

kimbai_cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/kimbai
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$kimbai_cache/target}
export KIMBAI_TOOLS=${KIMBAI_TOOLS:-$kimbai_cache/tools}
export KIMBAI_BIN=${KIMBAI_BIN:-$CARGO_TARGET_DIR/release/kimbai}
export npm_config_cache=$kimbai_cache/npm
export PIP_CACHE_DIR=$kimbai_cache/pip
export GOMODCACHE=$kimbai_cache/go/mod GOCACHE=$kimbai_cache/go/build
export PATH=$KIMBAI_TOOLS/bin:$PATH
