//go:build tools

// Package temporal pins the Temporal CLI, whose development server Holdfast runs: built from here when it is neither
// installed nor downloadable.
package temporal

import _ "github.com/temporalio/cli/cmd/temporal"
