package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/testing/apiserver"
	"github.com/sluice-cache/sluice/operator/testing/chart"
	"github.com/sluice-cache/sluice/operator/wiring"
)

// binder are the controllers that the operator needs beside itself.
const binder = "persistentvolume-binder-controller,persistentvolumeclaim-protection-controller,persistentvolume-protection-controller"

// tokenFor is how long the operator's token is good: longer than anything here.
const tokenFor = 24 * time.Hour

// cluster is an API server with the chart in it, and no node.
type cluster struct {
	server     *apiserver.Server
	api        client.Client // the administrator's
	directory  string
	kubeconfig string // the operator's, with the chart's rights
	ports      ports
}

// ports of the operator, on loopback.
type ports struct{ webhooks, metrics, health, profiles int }

func startCluster(ctx context.Context) (*cluster, error) {
	// Service accounts' tokens are checked by their account, which no controller need make.
	server, err := apiserver.Launch("--max-requests-inflight=1000", "--max-mutating-requests-inflight=1000")
	if err != nil {
		return nil, err
	}
	c := &cluster{server: server}
	if err := c.install(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cluster) install(ctx context.Context) error {
	var err error
	if c.directory, err = os.MkdirTemp("", "sluice-scale-"); err != nil {
		return err
	}
	if c.api, err = client.New(c.server.Config, client.Options{Scheme: wiring.Scheme()}); err != nil {
		return err
	}
	free, err := apiserver.FreePorts(4)
	if err != nil {
		return err
	}
	c.ports = ports{webhooks: free[0], metrics: free[1], health: free[2], profiles: free[3]}
	deploy := chart.Chart{API: c.api, WebhookPort: c.ports.webhooks}
	if err := deploy.InstallKinds(ctx); err != nil {
		return err
	}
	if err := deploy.InstallOperator(ctx); err != nil {
		return err
	}
	token, err := c.token(ctx)
	if err != nil {
		return fmt.Errorf("a token for %s: %w", chart.Name, err)
	}
	c.kubeconfig = filepath.Join(c.directory, "kubeconfig")
	if err := c.server.WriteKubeconfig(c.kubeconfig, token); err != nil {
		return err
	}
	return c.server.RunControllers(binder)
}

// token of the chart's account.
func (c *cluster) token(ctx context.Context) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: chart.Name}}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To(int64(tokenFor.Seconds()))}}
	err := c.api.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}

// stored is how many bytes the API server's database has.
func (c *cluster) stored(ctx context.Context) (uint64, error) {
	text, err := c.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	defer text.Close()
	bytes, err := totalOf(text, "apiserver_storage_size_bytes", nil)
	return uint64(bytes), err
}

// get something of the API server's that is no object.
func (c *cluster) get(ctx context.Context, path string) (io.ReadCloser, error) {
	caller, err := kubernetes.NewForConfig(c.server.Config)
	if err != nil {
		return nil, err
	}
	return caller.RESTClient().Get().RequestURI(path).Stream(ctx)
}

func (c *cluster) stop() {
	c.server.Stop()
	os.RemoveAll(c.directory)
}
