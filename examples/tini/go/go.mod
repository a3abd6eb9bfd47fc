module kimbai/examples/tini

go 1.26.0
