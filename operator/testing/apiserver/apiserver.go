// Package apiserver runs a real etcd and kube-apiserver on loopback for a test, without root: nothing schedules, and no
// node is there, so objects are what the test and the code under test make of them. Authorization is RBAC; the test is
// system:masters and can impersonate others. Webhooks are called by their url on loopback.
//
// The programs are `hyperkube` of tests/kubernetes/tools: $HYPERKUBE, or build/kubernetes/bin/hyperkube of the repository
// that the test runs in.
package apiserver

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/sluice-cache/sluice/operator/testing/process"
)

// readyTimeout is for both servers together; about five seconds is what they take on two idle cores.
const readyTimeout = 2 * time.Minute

// Server is a running pair of servers, with a directory of their own. They end with Stop, or with this process.
type Server struct {
	// Config is the administrator's; not limited in its rate.
	Config *rest.Config

	directory string
	hyperkube string
	processes []*process.Process
}

// Start is Launch for one test (or for one that has parts), which fails if the servers do not come up, and ends them.
func Start(t testing.TB, flags ...string) *rest.Config {
	t.Helper()
	server, err := Launch(flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server.Config
}

// Launch returns when the API server is ready. The flags are kube-apiserver's, beside or in place of those it has here.
// For tests that share one server from a TestMain, which calls Stop.
func Launch(flags ...string) (*Server, error) {
	hyperkube, err := findHyperkube()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "sluice-apiserver-")
	if err != nil {
		return nil, err
	}
	server := &Server{directory: directory, hyperkube: hyperkube}
	if err := server.launch(flags); err != nil {
		server.Stop()
		return nil, err
	}
	return server, nil
}

// Stop kills the servers and removes their data. It may be called again.
func (s *Server) Stop() {
	for i := len(s.processes) - 1; i >= 0; i-- {
		s.processes[i].Kill()
	}
	s.processes = nil
	os.RemoveAll(s.directory)
}

func (s *Server) launch(flags []string) error {
	ports, err := FreePorts(3)
	if err != nil {
		return err
	}
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	token, err := s.writeCredentials()
	if err != nil {
		return err
	}
	if err := s.run("etcd", "--data-dir", s.path("etcd"), "--unsafe-no-fsync", "--log-level", "warn",
		"--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
		"--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer); err != nil {
		return err
	}
	if err := s.run(append([]string{"kube-apiserver", "--etcd-servers", client, "--bind-address", "127.0.0.1",
		"--secure-port", strconv.Itoa(ports[2]), "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
		"--cert-dir", s.path("certificates"), "--token-auth-file", s.path("tokens.csv"), "--authorization-mode", "RBAC",
		"--service-cluster-ip-range", "10.96.0.0/24", "--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", s.path("account.key"), "--service-account-signing-key-file", s.path("account.key"),
		// No controller makes the accounts that it would ask for.
		"--disable-admission-plugins", "ServiceAccount"}, flags...)...); err != nil {
		return err
	}
	return s.waitUntilReady(fmt.Sprintf("https://127.0.0.1:%d", ports[2]), token)
}

func (s *Server) path(name string) string { return filepath.Join(s.directory, name) }

// Processes are those that run, the API server's among them under the name kube-apiserver.
func (s *Server) Processes() []*process.Process { return s.processes }

func (s *Server) run(arguments ...string) error {
	started, err := process.Start(arguments[0], s.path(arguments[0]+".log"), nil, s.hyperkube, arguments...)
	if err != nil {
		return fmt.Errorf("apiserver: %w", err)
	}
	s.processes = append(s.processes, started)
	return nil
}

// writeCredentials makes the administrator's token, which it returns, and the key that signs service accounts' tokens.
func (s *Server) writeCredentials() (string, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	if err := os.WriteFile(s.path("tokens.csv"), []byte(token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return "", err
	}
	return token, writeSigningKey(s.path("account.key"))
}

// waitUntilReady sets Config once the server has written its certificate and says that it is ready.
func (s *Server) waitUntilReady(url, token string) error {
	for end := time.Now().Add(readyTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, process := range s.processes {
			if process.Ended() {
				return fmt.Errorf("apiserver: %s ended by itself:\n%s", process.Name, process.LastWords())
			}
		}
		authority, err := os.ReadFile(s.path("certificates/apiserver.crt"))
		if err == nil && isReady(url, token, authority) {
			s.Config = &rest.Config{Host: url, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: authority}}
			return nil
		}
	}
	last := s.processes[len(s.processes)-1]
	return fmt.Errorf("apiserver: not ready after %v:\n%s", readyTimeout, last.LastWords())
}

func isReady(url, token string, authority []byte) bool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest(http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	reply, err := (&http.Client{Transport: transport, Timeout: 2 * time.Second}).Do(request)
	if err != nil {
		return false
	}
	reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// FreePorts of loopback: different ones, since all are held until the last is known.
func FreePorts(count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
