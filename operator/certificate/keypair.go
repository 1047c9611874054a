package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// keyPair is a certificate with its key, both in PEM.
type keyPair struct {
	certificatePEM []byte
	keyPEM         []byte
}

// newAuthority makes a self-signed certificate that may sign others.
func newAuthority(now time.Time) (keyPair, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "sluice-operator authority"},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(authorityLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	return sign(template, template, key, key)
}

// newServing makes a certificate for a server of these host names.
func newServing(authority keyPair, hosts []string, now time.Time) (keyPair, error) {
	parent, err := tls.X509KeyPair(authority.certificatePEM, authority.keyPEM)
	if err != nil {
		return keyPair{}, fmt.Errorf("the authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: hosts[0]},
		DNSNames:    hosts,
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    now.Add(servingLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	return sign(template, parent.Leaf, key, parent.PrivateKey)
}

func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer any) (keyPair, error) {
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return keyPair{}, err
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return keyPair{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return keyPair{}, err
	}
	return keyPair{
		certificatePEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		keyPEM:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// parseFirst is the first certificate of a bundle.
func parseFirst(bundle []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(bundle)
	if block == nil {
		return nil, fmt.Errorf("no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// unexpired are the bundle's certificates that are still good at `now`.
func unexpired(bundle []byte, now time.Time) []byte {
	var kept []byte
	for {
		block, rest := pem.Decode(bundle)
		if block == nil {
			return kept
		}
		if certificate, err := x509.ParseCertificate(block.Bytes); err == nil && now.Before(certificate.NotAfter) {
			kept = append(kept, pem.EncodeToMemory(block)...)
		}
		bundle = rest
	}
}
