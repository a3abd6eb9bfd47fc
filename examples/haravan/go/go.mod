module kimbai/examples/haravan

go 1.26.0
