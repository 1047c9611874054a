// Package process runs programs for tests and measurements: each with a log of its own, none longer than the test.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
)

// Process is one program that was started. It ends with the process that started it, however that ends.
//
// Threads: any.
type Process struct {
	// Name is for messages, and is not interpreted.
	Name string

	log     string
	command *exec.Cmd
	done    chan struct{} // closed when it has ended
	asked   atomic.Bool   // to end
}

// Start runs a program with its output in the file `log`, which is made anew. `environment` is beside this process' own:
// "KEY=VALUE".
func Start(name, log string, environment []string, program string, arguments ...string) (*Process, error) {
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	p := &Process{Name: name, log: log, command: exec.Command(program, arguments...), done: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = output, output
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread that started the process ends: so it is kept until the process has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer output.Close()
		err := p.command.Start()
		started <- err
		if err == nil {
			_ = p.command.Wait() // what it says is in the log
		}
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	return p, nil
}

// ID is the process' own, also after it has ended.
func (p *Process) ID() int { return p.command.Process.Pid }

// Ended says whether it has.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// WasAsked says whether Kill or Terminate was called: otherwise it ended by itself, if it has.
func (p *Process) WasAsked() bool { return p.asked.Load() }

// Kill ends it at once, and returns when it has ended.
func (p *Process) Kill() {
	p.asked.Store(true)
	_ = p.command.Process.Kill() // it may have ended by itself
	<-p.done
}

// Terminate asks it to end, and returns when it has.
func (p *Process) Terminate() {
	p.asked.Store(true)
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	<-p.done
}

// LastWords is the end of its log, 4 KiB at most.
func (p *Process) LastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}
