// The admin API (proto/admin.proto) over the daemon's parts.
//
// Threads:  gRPC's; what touches the cache is run on the loop.
// Errors:   Status codes as they are; the messages are for administrators.
#pragma once

#include "daemon/live_config.h"
#include "daemon/mounts.h"
#include "daemon/prewarm.h"
#include "daemon/volume_changer.h"
#include "proto/admin.grpc.pb.h"

namespace sluice::daemon {

struct AdminContext {
  LiveConfig& config;
  std::function<void()> restart;  // the daemon ends in order, and is started again by who started it
  Mounts& mounts;
  Prewarmer& prewarmer;
  cache::Cache& cache;
  VolumeChanger& changer;
  cache::PublishedTrees& trees;
  cache::ReadLimits& node_limits;
  io::Loop& loop;
  const Registry& metrics;
  std::string file_io;
  std::string version;
  std::string confinement;
  Instant started;
};

class AdminService final : public admin::v1::Admin::Service {
 public:
  explicit AdminService(AdminContext context) : context_(std::move(context)) {}

#define SLUICE_ADMIN_CALL(Name, Request, Reply) \
  grpc::Status Name(grpc::ServerContext*, const admin::v1::Request* request, admin::v1::Reply* reply) override
  SLUICE_ADMIN_CALL(GetStatus, GetStatusRequest, Status);
  SLUICE_ADMIN_CALL(ListMounts, ListMountsRequest, ListMountsResponse);
  SLUICE_ADMIN_CALL(GetStats, GetStatsRequest, Stats);
  SLUICE_ADMIN_CALL(GetMetrics, GetMetricsRequest, Metrics);
  SLUICE_ADMIN_CALL(GetConfig, GetConfigRequest, Config);
  SLUICE_ADMIN_CALL(SetConfig, SetConfigRequest, Config);
  SLUICE_ADMIN_CALL(SetVolume, SetVolumeRequest, SetVolumeResponse);
  SLUICE_ADMIN_CALL(StartPrewarm, StartPrewarmRequest, Job);
  SLUICE_ADMIN_CALL(ListJobs, ListJobsRequest, ListJobsResponse);
  SLUICE_ADMIN_CALL(CancelJob, JobRequest, Job);
  SLUICE_ADMIN_CALL(ForgetJob, JobRequest, Job);
  SLUICE_ADMIN_CALL(SetJobLimit, SetJobLimitRequest, Job);
  SLUICE_ADMIN_CALL(SetThrottle, SetThrottleRequest, Throttle);
  SLUICE_ADMIN_CALL(Evict, FilesRequest, FilesResult);
  SLUICE_ADMIN_CALL(Pin, FilesRequest, FilesResult);
  SLUICE_ADMIN_CALL(Unpin, FilesRequest, FilesResult);
  SLUICE_ADMIN_CALL(Verify, FilesRequest, FilesResult);
#undef SLUICE_ADMIN_CALL
  grpc::Status WatchJob(grpc::ServerContext* context, const admin::v1::JobRequest* request,
                        grpc::ServerWriter<admin::v1::Job>* writer) override;
  grpc::Status RecordAccesses(grpc::ServerContext* context, const admin::v1::RecordAccessesRequest* request,
                              grpc::ServerWriter<admin::v1::Accesses>* writer) override;

 private:
  using Objects = std::vector<std::shared_ptr<cache::Object>>;
  // Cached objects of the dataset that match.
  StatusOr<Objects> CachedObjects(const admin::v1::FilesRequest& request) const;
  io::Task<sluice::Status> EvictAll(Objects objects, admin::v1::FilesResult* result);
  io::Task<sluice::Status> VerifyAll(Objects objects, admin::v1::FilesResult* result);
  io::Task<sluice::Status> PinAll(std::shared_ptr<Mount> mount, Patterns patterns, bool pinned,
                                  admin::v1::FilesResult* result);
  grpc::Status SetPinned(const admin::v1::FilesRequest& request, bool pinned, admin::v1::FilesResult* result);
  void ShowConfig(const OverriddenConfig& config, admin::v1::Config* out) const;
  void FillTiers(google::protobuf::RepeatedPtrField<admin::v1::Tier>* tiers) const;

  const AdminContext context_;
};

}  // namespace sluice::daemon
