# shellcheck shell=bash
# How each of the programs is started, here and outside of a checkout where their packages lie. Sourced by run-all and
# rotation; `$@` are the program's arguments.
# shellcheck source-path=SCRIPTDIR source=../../tools/environment.sh
. ../../tools/environment.sh
../../tools/install examples
export KIMBAI_STANDARD_URL=${KIMBAI_STANDARD_URL:-http://localhost:4600} PYTHONDONTWRITEBYTECODE=1

programs=(python javascript go rust browser)

python() { "$KIMBAI_TOOLS/openid-python/bin/python" python/run.py "$@"; }

# Node looks for packages beside the script.
javascript() {
  cp javascript/*.js "$KIMBAI_TOOLS/openid-javascript/"
  node "$KIMBAI_TOOLS/openid-javascript/run.js" "$@"
}

browser() {
  cp -r browser/*.js browser/app "$KIMBAI_TOOLS/openid-browser/"
  node "$KIMBAI_TOOLS/openid-browser/run.js" "$@"
}

go() { command go run -C go -buildvcs=false . "$@"; }

rust() {
  CARGO_TARGET_DIR=$KIMBAI_TOOLS/openid-rust cargo run -q --locked --manifest-path rust/Cargo.toml -- "$@"
}
