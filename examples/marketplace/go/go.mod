module kimbai/examples/marketplace

go 1.26.0

require (
	golang.org/x/net v0.62.0
	golang.org/x/oauth2 v0.37.0
)
