package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/status"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-cache/sluice/operator/api/admin"
	nodev1 "github.com/sluice-cache/sluice/operator/api/node/v1alpha1"
)

// What one turn gives the daemon, so that loads and reports do not wait for thousands of volumes, nor for sources that do
// not answer. Five thousand volumes are given within 40 s, a turn each askEvery.
const (
	deliveriesMax  = 256
	deliveriesTime = answerTimeout // none begins later in the turn
)

// applyParameters gives the daemon each VolumeParameters object that is new to it, whether the volume is mounted here or
// not: a pod that comes later shall find what is wanted now. Of an object that is gone it is given none. What fails is in
// the status, and is tried again.
func (a *Agent) applyParameters(ctx context.Context, reported []nodev1.Volume) error {
	list := &nodev1.VolumeParametersList{}
	if err := a.Client.List(ctx, list, client.UnsafeDisableDeepCopyOption(true)); err != nil { // many, and only read
		return err
	}
	objects := make(map[string]*nodev1.VolumeParameters, len(list.Items))
	for i := range list.Items {
		objects[list.Items[i].Name] = &list.Items[i]
	}
	if a.applied.parameters == nil {
		a.applied.parameters = remembered(reported)
	}
	a.applied.parameters.want(objects, a.Now())
	return a.deliver(ctx, objects)
}

// deliver what is due, as much as one turn may. Error: the agent is about to end.
func (a *Agent) deliver(ctx context.Context, objects map[string]*nodev1.VolumeParameters) error {
	begun := a.Now()
	for _, volume := range a.applied.parameters.dueBy(begun, deliveriesMax) {
		if a.Now().Sub(begun) >= deliveriesTime {
			break
		}
		var parameters map[string]string
		if object := objects[volume]; object != nil {
			parameters = object.Spec.Parameters
		}
		response, err := a.setVolume(ctx, volume, parameters)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			a.applied.parameters.failed(volume, err.Error(), a.Now())
		default:
			a.applied.parameters.took(volume, response.Unchanged, a.Now())
		}
	}
	return nil
}

// setVolume is one call. Error: in the daemon's words.
func (a *Agent) setVolume(ctx context.Context, volume string, parameters map[string]string) (*admin.SetVolumeResponse, error) {
	limited, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	response, err := a.Daemon.SetVolume(limited, &admin.SetVolumeRequest{VolumeId: volume, Parameters: parameters})
	switch {
	case err == nil:
		return response, nil
	case limited.Err() != nil:
		return nil, fmt.Errorf("the cache daemon has not answered within %s", answerTimeout)
	}
	return nil, errors.New(cmp.Or(status.Convert(err).Message(), status.Code(err).String()))
}

// shortened is a text of at most failureMax bytes and an ellipsis.
func shortened(text string) string {
	if len(text) <= failureMax {
		return text
	}
	return strings.ToValidUTF8(text[:failureMax], "") + "…"
}
