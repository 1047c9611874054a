package dataset

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

var begin = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func name(i int) types.NamespacedName {
	return types.NamespacedName{Namespace: "ml", Name: fmt.Sprintf("dataset-%d", i)}
}

// A few Datasets are written every statusEvery.
func TestAFewDoNotWaitForEachOther(t *testing.T) {
	p := newPace(func() { t.Error("one was delayed") })
	for i := range statusesAtOnceMost {
		if wait := p.wait(name(i), begin); wait != 0 {
			t.Errorf("number %d waits for %s", i, wait)
		}
		p.written(name(i), begin)
		if wait := p.wait(name(i), begin.Add(time.Second)); wait != statusEvery-time.Second {
			t.Errorf("once written, number %d waits for %s", i, wait)
		}
	}
}

// Many take turns: no more than statusesPerSecond are written, and nobody is left out.
func TestManyTakeTurns(t *testing.T) {
	const datasets, span = 2000, 200 * time.Second
	delayed := 0
	p := newPace(func() { delayed++ })
	writes := map[int]int{}
	total := 0
	for now := begin; now.Before(begin.Add(span)); now = now.Add(100 * time.Millisecond) {
		for i := range datasets {
			if p.wait(name(i), now) == 0 {
				p.written(name(i), now)
				writes[i]++
				total++
			}
		}
	}
	most := statusesPerSecond*int(span/time.Second) + statusesAtOnceMost
	if total > most || total < most*9/10 {
		t.Errorf("%d were written in %s; %d is most", total, span, most)
	}
	for i := range datasets {
		if writes[i] < 1 || writes[i] > 3 {
			t.Errorf("number %d was written %d times", i, writes[i])
		}
	}
	if delayed == 0 {
		t.Error("nobody was delayed")
	}
}

// What is written meanwhile for another reason gives its turn up; one that is forgotten begins anew.
func TestATurnThatIsNotTaken(t *testing.T) {
	p := newPace(func() {})
	for i := range 2 * statusesAtOnceMost {
		p.wait(name(i), begin)
	}
	waiting := name(2*statusesAtOnceMost - 1)
	if wait := p.wait(waiting, begin); wait <= 0 || wait > 2*time.Second {
		t.Fatalf("the last one waits for %s", wait)
	}
	p.written(waiting, begin)
	if wait := p.wait(waiting, begin.Add(2*time.Second)); wait != statusEvery-2*time.Second {
		t.Errorf("written meanwhile, it waits for %s", wait)
	}
	p.forget(waiting)
	if len(p.turns) != 2*statusesAtOnceMost-1 {
		t.Errorf("%d are remembered", len(p.turns))
	}
}
