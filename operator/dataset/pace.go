package dataset

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
)

// A status that differs in counters only is written this often: each one, and all together. Where more than 300 Datasets
// are read at a time they take turns, so that what the API server has to do for counters does not grow with their number:
// a runtime's status, and what conversion there is, come on top of each write.
const (
	statusEvery        = 15 * time.Second
	statusesPerSecond  = 20
	statusesAtOnceMost = 20
)

// pace says when a status is written that differs in counters only.
//
// Threads: any.
type pace struct {
	delayed func() // called for each that has to wait for others

	mutex sync.Mutex
	all   *rate.Limiter
	turns map[types.NamespacedName]turn
}

func newPace(delayed func()) *pace {
	return &pace{
		delayed: delayed, all: rate.NewLimiter(statusesPerSecond, statusesAtOnceMost), turns: map[types.NamespacedName]turn{},
	}
}

// turn of a Dataset: when it was last written by this process, and when it may be next, if it waits for others.
type turn struct{ written, next time.Time }

// wait is how long it has to wait still; 0: it is to be written now.
func (p *pace) wait(key types.NamespacedName, now time.Time) time.Duration {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	mine := p.turns[key]
	if left := statusEvery - now.Sub(mine.written); left > 0 {
		return left
	}
	if mine.next.IsZero() {
		left := p.all.ReserveN(now, 1).DelayFrom(now)
		mine.next = now.Add(left)
		p.turns[key] = mine
		if left > 0 {
			p.delayed()
		}
	}
	return max(0, mine.next.Sub(now))
}

// written now, for whatever reason.
func (p *pace) written(key types.NamespacedName, now time.Time) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.turns[key] = turn{written: now}
}

func (p *pace) forget(key types.NamespacedName) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.turns, key)
}
