package apiserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// findHyperkube looks in the directory that the test runs in and those above it.
func findHyperkube() (string, error) {
	if named := os.Getenv("HYPERKUBE"); named != "" {
		return named, nil
	}
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(directory, "build", "kubernetes", "bin", "hyperkube")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", fmt.Errorf("apiserver: there is no build/kubernetes/bin/hyperkube here or above: run tests/kubernetes/tools/build, or set $HYPERKUBE")
		}
		directory = parent
	}
}

func writeSigningKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
