// Admin.RecordAccesses: what an AccessRecorder gets, as a stream of messages.
//
// Threads:  gRPC's; it blocks in the writer and between batches, the cache does not wait for it.
// Limits:   kRecordSecondsMax; kAccessesPerMessage.
// Errors:   INVALID_ARGUMENT for a time that cannot be, FAILED_PRECONDITION while another recording is under way,
//           CANCELLED when the client or the daemon goes.
#pragma once

#include <grpcpp/grpcpp.h>

#include "cache/access_recorder.h"
#include "proto/admin.grpc.pb.h"

namespace sluice::daemon {

inline constexpr double kRecordSecondsMax = 24 * 3600;
inline constexpr int kAccessesPerMessage = 8192;

Status StreamAccesses(cache::AccessRecorder& recorder, const admin::v1::RecordAccessesRequest& request,
                      const grpc::ServerContext& context, grpc::ServerWriter<admin::v1::Accesses>& writer);

}  // namespace sluice::daemon
