package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

var now = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func trusts(t *testing.T, bundle []byte, secret *corev1.Secret, host string, at time.Time) error {
	t.Helper()
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	_, err = pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: at})
	return err
}

func TestRotation(t *testing.T) {
	secret := &corev1.Secret{}
	renewals, authorities := 0, 0
	last := []byte{}
	// Over six years, looked at once a week: there is always a good certificate, and who trusts the bundle of a week ago
	// trusts that of today.
	for at := now; at.Before(now.AddDate(6, 0, 0)); at = at.AddDate(0, 0, 7) {
		changed, err := renew(secret, []string{"operator.svc"}, at)
		if err != nil {
			t.Fatal(err)
		}
		if changed {
			renewals++
		}
		if !bytes.Equal(last, secret.Data[authoritiesKey]) {
			authorities++
		}
		if err := trusts(t, secret.Data[authoritiesKey], secret, "operator.svc", at); err != nil {
			t.Fatalf("at %s: %v", at, err)
		}
		if earlier, err := parseFirst(last); err == nil && at.Before(earlier.NotAfter) && !isInBundle(secret.Data[authoritiesKey], last) {
			t.Fatalf("at %s: the authority of a week ago is trusted no more", at)
		}
		last = secret.Data[authoritiesKey]
		if count := bytes.Count(last, []byte("BEGIN")); count > 2 {
			t.Fatalf("at %s: %d authorities are trusted", at, count)
		}
	}
	if renewals < 30 || renewals > 45 || authorities < 4 || authorities > 6 {
		t.Errorf("%d certificates of %d authorities in six years", renewals, authorities)
	}
}

func isInBundle(bundle, earlier []byte) bool {
	first, _ := pem.Decode(earlier)
	return first != nil && bytes.Contains(bundle, pem.EncodeToMemory(first))
}

func TestRenewalOfWhatIsSpoilt(t *testing.T) {
	for name, spoil := range map[string]func(*corev1.Secret){
		"no key":            func(s *corev1.Secret) { delete(s.Data, corev1.TLSPrivateKeyKey) },
		"no authority":      func(s *corev1.Secret) { delete(s.Data, authoritiesKey) },
		"a key of another":  func(s *corev1.Secret) { s.Data[authorityKeyKey] = s.Data[corev1.TLSPrivateKeyKey] },
		"not a certificate": func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("x") },
	} {
		secret := &corev1.Secret{}
		if _, err := renew(secret, []string{"operator.svc"}, now); err != nil {
			t.Fatal(err)
		}
		spoil(secret)
		if changed, err := renew(secret, []string{"operator.svc"}, now); err != nil || !changed {
			t.Errorf("%s: changed %t, %v", name, changed, err)
		}
		if err := trusts(t, secret.Data[authoritiesKey], secret, "operator.svc", now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if changed, _ := renew(secret, []string{"operator.svc"}, now); changed {
			t.Errorf("%s: it is made anew each time", name)
		}
		if changed, _ := renew(secret, []string{"another.svc"}, now); !changed {
			t.Errorf("%s: another host was taken for this one", name)
		}
	}
}
