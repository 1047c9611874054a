package certificate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// What the Secret holds. authorities is all that are to be trusted, the present one first.
const (
	authoritiesKey  = "ca.crt"
	authorityKeyKey = "ca.key"
)

// Keeper keeps the certificate in a Secret that all replicas share, replaces it in time, and has the present one for a
// server. Every replica runs one: whoever comes first makes the next, the others find it.
//
// Threads: GetCertificate from any.
type Keeper struct {
	Client    client.Client // not cached: the right to read one Secret is all there is
	Secret    client.ObjectKey
	Hosts     []string
	Trust     Trust
	Now       func() time.Time
	presented atomic.Pointer[tls.Certificate]
}

// NeedLeaderElection says that every replica runs a keeper.
func (k *Keeper) NeedLeaderElection() bool { return false }

// Start keeps the certificate until the context ends.
func (k *Keeper) Start(ctx context.Context) error {
	const retryEvery = 5 * time.Second
	for {
		wait := checkEvery
		if err := k.Refresh(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "the webhooks' certificate; it is tried again", "every", retryEvery)
			wait = retryEvery
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// Refresh makes what is missing or due, presents it, and has it trusted.
func (k *Keeper) Refresh(ctx context.Context) error {
	secret, err := k.ensure(ctx)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return fmt.Errorf("secret %s: %w", k.Secret, err)
	}
	// First trusted, then presented: the API server never meets a certificate that it does not know.
	if err := k.Trust.Install(ctx, secret.Data[authoritiesKey]); err != nil {
		return err
	}
	k.presented.Store(&pair)
	return nil
}

// GetCertificate is for tls.Config.
func (k *Keeper) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if pair := k.presented.Load(); pair != nil {
		return pair, nil
	}
	return nil, fmt.Errorf("the certificate has not been made yet")
}

// IsReady is for a readiness probe: whether there is a certificate, and it has not expired.
func (k *Keeper) IsReady() error {
	pair := k.presented.Load()
	if pair == nil {
		return fmt.Errorf("the webhooks' certificate has not been made yet")
	}
	if k.Now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("the webhooks' certificate expired at %s", pair.Leaf.NotAfter)
	}
	return nil
}

// Expiry is until when the present certificate is good; zero: there is none yet.
func (k *Keeper) Expiry() time.Time {
	if pair := k.presented.Load(); pair != nil {
		return pair.Leaf.NotAfter
	}
	return time.Time{}
}

// ensure returns the Secret with nothing in it that is due. Another replica may be about to do the same: its work counts.
func (k *Keeper) ensure(ctx context.Context) (*corev1.Secret, error) {
	const triesMax = 5
	var err error
	for range triesMax {
		secret := &corev1.Secret{}
		err = k.Client.Get(ctx, k.Secret, secret)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return nil, err
		}
		changed, renewErr := renew(secret, k.Hosts, k.Now())
		if renewErr != nil {
			return nil, renewErr
		}
		switch {
		case missing:
			secret.ObjectMeta = metav1.ObjectMeta{Namespace: k.Secret.Namespace, Name: k.Secret.Name}
			secret.Type = corev1.SecretTypeTLS
			err = k.Client.Create(ctx, secret)
		case changed:
			err = k.Client.Update(ctx, secret)
		}
		if err == nil {
			return secret, nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("secret %s changed %d times while it was written: %w", k.Secret, triesMax, err)
}

// renew makes what the Secret lacks, what is due, and what is not for these hosts.
func renew(secret *corev1.Secret, hosts []string, now time.Time) (changed bool, err error) {
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	authority := keyPair{certificatePEM: secret.Data[authoritiesKey], keyPEM: secret.Data[authorityKeyKey]}
	present, parseErr := parseFirst(authority.certificatePEM)
	if _, pairErr := tls.X509KeyPair(authority.certificatePEM, authority.keyPEM); parseErr != nil || pairErr != nil ||
		isDue(present.NotBefore, present.NotAfter, now) {
		last := unexpired(secret.Data[authoritiesKey], now)
		if authority, err = newAuthority(now); err != nil {
			return false, err
		}
		secret.Data[authoritiesKey] = append(append([]byte{}, authority.certificatePEM...), last...)
		secret.Data[authorityKeyKey] = authority.keyPEM
		changed = true
	}
	if !changed && serves(secret, hosts, now) {
		return false, nil
	}
	serving, err := newServing(authority, hosts, now)
	if err != nil {
		return false, err
	}
	secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey] = serving.certificatePEM, serving.keyPEM
	return true, nil
}

// serves says whether the Secret's serving certificate is whole, in time, for the hosts, and of a trusted authority.
func serves(secret *corev1.Secret, hosts []string, now time.Time) bool {
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil || isDue(pair.Leaf.NotBefore, pair.Leaf.NotAfter, now) {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(secret.Data[authoritiesKey])
	for _, host := range hosts {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, CurrentTime: now}); err != nil {
			return false
		}
	}
	return true
}
