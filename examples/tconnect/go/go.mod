module kimbai/examples/tconnect

go 1.26.0
