// Package tests runs the whole operator, as the program puts it together, against a real API server: conversion,
// admission, controllers. Nodes are played: their agents' reports are written by the test.
package tests

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
	"github.com/sluice-cache/sluice/operator/certificate"
	"github.com/sluice-cache/sluice/operator/ownership"
	"github.com/sluice-cache/sluice/operator/policy"
	"github.com/sluice-cache/sluice/operator/testing/apiserver"
	"github.com/sluice-cache/sluice/operator/testing/chart"
	"github.com/sluice-cache/sluice/operator/wiring"
)

// api is the administrator's client of the one server that all tests share. Each test has a namespace of its own.
var api client.Client

// administrator is who may do everything; others are impersonated.
var administrator *rest.Config

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr), zap.Level(zapcore.ErrorLevel)))
	directory, err := os.MkdirTemp("", "sluice-operator-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(directory)
	server, err := apiserver.Launch(audited(directory)...)
	if err != nil {
		return 1, err
	}
	defer server.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	administrator = server.Config
	if api, err = client.New(administrator, client.Options{Scheme: wiring.Scheme()}); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	if err := begin(ctx, as(operatorAccount, administrator), ended); err != nil {
		return 1, err
	}
	code := m.Run()
	cancel()
	if err := <-ended; err != nil {
		return 1, err
	}
	// What was granted and not needed, all the tests together; a part of them needs less.
	if code == 0 && flag.Lookup("test.run").Value.String() == "" {
		err = checkRights(filepath.Join(directory, "audit.log"))
	}
	return code, err
}

// begin installs deploy/'s objects, and starts the operator.
func begin(ctx context.Context, config *rest.Config, ended chan<- error) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	if err := install(ctx, port); err != nil {
		return err
	}
	direct, err := client.New(config, client.Options{Scheme: wiring.Scheme()})
	if err != nil {
		return err
	}
	if err := ownership.Check(ctx, direct, wiring.OwnedCRDs()); err != nil {
		return err
	}
	keeper := &certificate.Keeper{
		Client: direct, Secret: client.ObjectKey{Namespace: "sluice-system", Name: "sluice-operator-certificate"},
		Hosts: []string{chart.Host}, Trust: wiring.Trust(direct), Now: time.Now,
	}
	if err := keeper.Refresh(ctx); err != nil {
		return err
	}
	if err := rotate(ctx, keeper); err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		LeaderElection: true, LeaderElectionID: "sluice-operator", LeaderElectionNamespace: "sluice-system", LeaderElectionReleaseOnCancel: true,
		Scheme: wiring.Scheme(), Cache: wiring.Caches(), Metrics: metricsserver.Options{BindAddress: "0"},
		WebhookServer: webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, TLSOpts: []func(*tls.Config){
			func(c *tls.Config) { c.GetCertificate = keeper.GetCertificate },
		}}),
	})
	if err != nil {
		return err
	}
	allowed := policy.Policy{Namespaces: map[string]policy.Quotas{"quota": {"MEM": "1Gi"}}, LocalPaths: []string{"/data"}}
	if err := wiring.Setup(ctx, manager, wiring.Settings{Image: "sluice", Policy: allowed, Now: time.Now}); err != nil {
		return err
	}
	go func() { ended <- manager.Start(ctx) }()
	return until(30*time.Second, func() error {
		connection, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true}) // whether it listens
		if err == nil {
			connection.Close()
		}
		return err
	})
}

func install(ctx context.Context, port int) error {
	deploy := chart.Chart{API: api, WebhookPort: port}
	if err := deploy.InstallKinds(ctx); err != nil {
		return err
	}
	early := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(junk), early); err != nil {
		return err
	}
	if err := create(ctx, early); err != nil {
		return err
	}
	return deploy.InstallOperator(ctx)
}

func create(ctx context.Context, object client.Object) error {
	if err := api.Create(ctx, object); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("%T %s: %w", object, object.GetName(), err)
	}
	return nil
}

// until polls, and returns the last error when it is too late.
func until(limit time.Duration, check func() error) error {
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return nil
		}
	}
	return err
}

// node plays a node with a cache that is ready.
func node(t *testing.T, name string, volumes ...nodev1.Volume) {
	t.Helper()
	ctx := t.Context()
	must(t, create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}))
	untaint(t, name)
	cache := &nodev1.NodeCache{ObjectMeta: metav1.ObjectMeta{Name: name}}
	must(t, create(ctx, cache))
	report(t, name, func(status *nodev1.NodeCacheStatus) {
		status.Tiers = []nodev1.Tier{{Medium: "ssd", QuotaBytes: 100 << 30, InService: true}}
		status.Volumes = volumes
		status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Serving", LastTransitionTime: metav1.Now()}}
	})
	t.Cleanup(func() {
		_ = api.Delete(context.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
		_ = api.Delete(context.Background(), cache)
	})
}

// untaint: the API server keeps pods from a node that has just been made.
func untaint(t *testing.T, name string) {
	t.Helper()
	must(t, until(limit, func() error {
		object := &corev1.Node{}
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, object); err != nil {
			return err
		}
		object.Spec.Taints = nil
		return api.Update(t.Context(), object)
	}))
}

// report is what the node's agent would write.
func report(t *testing.T, name string, change func(*nodev1.NodeCacheStatus)) {
	t.Helper()
	must(t, until(10*time.Second, func() error {
		cache := &nodev1.NodeCache{}
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, cache); err != nil {
			return err
		}
		change(&cache.Status)
		cache.Status.Reported = ptr.To(metav1.Now())
		return api.Status().Update(t.Context(), cache)
	}))
}

func gone(ctx context.Context, object client.Object) error {
	err := api.Get(ctx, client.ObjectKeyFromObject(object), object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%T %s is still there (%v)", object, object.GetName(), err)
}

func namespace(t *testing.T, name string) string {
	t.Helper()
	must(t, create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	return name
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
