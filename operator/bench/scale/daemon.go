package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/sluice-cache/sluice/operator/api/admin"
)

// What a played volume is like, and how fast it is read.
const (
	volumeBytes  = 20 << 30
	volumeFiles  = 4000
	readEachTurn = 64 << 20 // bytes between two of the agent's questions
)

// daemon plays a node's cache daemon, as far as an agent asks it.
//
// Threads: any.
type daemon struct {
	admin.AdminClient // what an agent asks for only when there are DataLoads or a CachePool: there are none here
	read              *atomic.Int32
	started           time.Time

	mutex  sync.Mutex
	mounts []*admin.Mount
}

func (d *daemon) mount(handle string) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.mounts = append(d.mounts, &admin.Mount{
		VolumeId: handle, Path: "passthrough", Files: volumeFiles, Bytes: volumeBytes, Listed: true,
		CachedBytes: map[string]uint64{"dram": 256 << 20, "ssd": volumeBytes / 4}, HitBytes: volumeBytes, MissBytes: volumeBytes / 4,
	})
}

func (d *daemon) GetStatus(context.Context, *admin.GetStatusRequest, ...grpc.CallOption) (*admin.Status, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	dram, ssd := uint64(0), uint64(0)
	for _, mount := range d.mounts {
		dram, ssd = dram+mount.CachedBytes["dram"], ssd+mount.CachedBytes["ssd"]
	}
	return &admin.Status{
		Version: "1.0.0", UptimeSeconds: time.Since(d.started).Seconds(),
		Tiers: []*admin.Tier{
			{Medium: "dram", QuotaBytes: 64 << 30, UsedBytes: dram, InService: true},
			{Medium: "ssd", QuotaBytes: 4 << 40, UsedBytes: ssd, InService: true},
		},
	}, nil
}

// ListMounts lets some of the volumes have been read since it was asked last.
func (d *daemon) ListMounts(context.Context, *admin.ListMountsRequest, ...grpc.CallOption) (*admin.ListMountsResponse, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	answer := &admin.ListMountsResponse{}
	for i, mount := range d.mounts {
		if i < int(d.read.Load()) {
			mount.HitBytes += readEachTurn
			mount.MissBytes += readEachTurn / 8
			mount.CachedBytes["ssd"] = min(volumeBytes, mount.CachedBytes["ssd"]+readEachTurn/8)
		}
		answer.Mounts = append(answer.Mounts, &admin.Mount{
			VolumeId: mount.VolumeId, Path: mount.Path, Files: mount.Files, Bytes: mount.Bytes, Listed: mount.Listed,
			CachedBytes: map[string]uint64{"dram": mount.CachedBytes["dram"], "ssd": mount.CachedBytes["ssd"]},
			HitBytes:    mount.HitBytes, MissBytes: mount.MissBytes,
		})
	}
	return answer, nil
}

// SetVolume takes everything at once, as a plugin that only writes it down.
func (d *daemon) SetVolume(context.Context, *admin.SetVolumeRequest, ...grpc.CallOption) (*admin.SetVolumeResponse, error) {
	return &admin.SetVolumeResponse{}, nil
}

func (d *daemon) ListJobs(context.Context, *admin.ListJobsRequest, ...grpc.CallOption) (*admin.ListJobsResponse, error) {
	return &admin.ListJobsResponse{}, nil
}
