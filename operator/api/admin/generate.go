// Package admin is the cache daemon's admin API (proto/admin.proto), for Go.
//
//go:generate go run ./generate
package admin
