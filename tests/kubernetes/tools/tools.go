//go:build tools

// Package tools names the programs of others that this module builds.
package tools

import (
	_ "github.com/kubernetes-csi/external-provisioner/v6/cmd/csi-provisioner"
)
