package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/prometheus/procfs"

	"github.com/sluice-cache/sluice/operator/testing/chart"
	"github.com/sluice-cache/sluice/operator/testing/process"
)

// readyWithin is how long the operator may take to start.
const readyWithin = 5 * time.Minute

// operator is the program, as a process of its own.
type operator struct {
	*process.Process
	ports   ports
	started time.Time
}

// build makes the program, unless there is one already.
func (c *cluster) build(ctx context.Context, given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	program := filepath.Join(c.directory, "sluice-operator")
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "github.com/sluice-cache/sluice/operator/cmd/sluice-operator")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", command, err, output)
	}
	return program, nil
}

// startOperator returns when it says that it is ready. It is started as the chart does it, but for its ports.
func (c *cluster) startOperator(ctx context.Context, program string) (*operator, error) {
	started := time.Now()
	running, err := process.Start("sluice-operator", filepath.Join(c.directory, "operator.log"), []string{"KUBECONFIG=" + c.kubeconfig}, program,
		"controller", "--image=sluice", "--namespace="+chart.Namespace, "--service="+chart.Name, fmt.Sprintf("--webhook-port=%d", c.ports.webhooks),
		"--metrics="+at(c.ports.metrics), "--health="+at(c.ports.health), "--profiles="+at(c.ports.profiles))
	if err != nil {
		return nil, err
	}
	o := &operator{Process: running, ports: c.ports, started: started}
	err = poll(ctx, 20*time.Millisecond, readyWithin, func() error {
		if o.Ended() {
			return fmt.Errorf("it ended by itself")
		}
		_, err := o.get(ctx, c.ports.health, "/readyz")
		return err
	})
	if err != nil {
		o.Kill()
		return nil, fmt.Errorf("sluice-operator is not ready: %w\n%s", err, o.LastWords())
	}
	return o, nil
}

// use is what a process has taken so far.
type use struct {
	cpu       time.Duration
	rss, peak uint64 // bytes: now, and the most since it was started
}

func useOf(id int) (use, error) {
	entry, err := procfs.NewProc(id)
	if err != nil {
		return use{}, err
	}
	stat, err := entry.Stat()
	if err != nil {
		return use{}, err
	}
	status, err := entry.NewStatus()
	if err != nil {
		return use{}, err
	}
	return use{cpu: time.Duration(stat.CPUTime() * float64(time.Second)), rss: status.VmRSS, peak: status.VmHWM}, nil
}

// total of a metric of the operator over all series that have these labels; 0: there is none.
func (o *operator) total(ctx context.Context, name string, labels map[string]string) (float64, error) {
	text, err := o.get(ctx, o.ports.metrics, "/metrics")
	if err != nil {
		return 0, err
	}
	defer text.Close()
	return totalOf(text, name, labels)
}

func (o *operator) get(ctx context.Context, port int, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at(port)+path, nil)
	if err != nil {
		return nil, err
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if reply.StatusCode != http.StatusOK {
		reply.Body.Close()
		return nil, fmt.Errorf("%s%s: %s", at(port), path, reply.Status)
	}
	return reply.Body, nil
}

func at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// poll returns nil once the check does, or its last error when it is too late.
func poll(ctx context.Context, every, limit time.Duration, check func() error) error {
	end := time.Now().Add(limit)
	for {
		err := check()
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(every)
	}
}
