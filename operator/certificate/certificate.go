// Package certificate makes and rotates the certificate of the operator's webhooks, and tells the API server which
// authority to trust: nothing else is needed in the cluster for that.
//
//	keypair.go   an authority, and certificates that it signs: pure functions
//	keeper.go    the Secret that all replicas share, its rotation, and what serves now
//	trust.go     the authority's certificate, in webhook configurations and CRDs
package certificate

import "time"

// How long each lives, and when the next one is made: with two thirds of its life gone. The next authority is trusted
// beside the last one until that one has expired, so that no call fails while replicas change over at their own time.
const (
	authorityLife = 2 * 365 * 24 * time.Hour
	servingLife   = 90 * 24 * time.Hour
	checkEvery    = time.Minute // a reinstalled configuration has lost whom to trust
	// A clock of the API server's that is behind ours must not refuse a new certificate.
	clockSkew = 15 * time.Minute
)

// isDue says whether something that lives from then until then should be replaced now.
func isDue(from, until, now time.Time) bool {
	return now.After(from.Add(until.Sub(from) * 2 / 3))
}
