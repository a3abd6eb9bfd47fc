# Short names for the plain commands; nothing here is needed to build or test.

# Formatting, lints, licences and sources.
check:
    ./test format clippy deny

# Everything that must hold.
test *GROUPS:
    ./test {{GROUPS}}

# The platforms on this machine, offline.
sandbox *ARGS:
    cargo run --release -- sandbox {{ARGS}}

# What a request costs.
bench *ARGS:
    cargo run --release -- bench {{ARGS}}
