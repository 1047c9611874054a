#include "daemon/access_stream.h"

#include <absl/cleanup/cleanup.h>

#include <algorithm>
#include <limits>
#include <span>
#include <thread>

#include "common/clock.h"

namespace sluice::daemon {
namespace {

using cache::AccessRecorder;

// How long accesses gather: with what AccessRecorder holds, five million a second are not too many.
constexpr Duration kGather = std::chrono::milliseconds(50);

bool Write(std::span<const AccessRecorder::Access> accesses, uint64_t lost,
           grpc::ServerWriter<admin::v1::Accesses>& writer) {
  do {
    const auto part = accesses.first(std::min<size_t>(accesses.size(), kAccessesPerMessage));
    admin::v1::Accesses message;
    message.set_lost(lost);
    for (const auto& access : part) {
      admin::v1::Access* out = message.add_accesses();
      out->set_object(access.key.object.Hex());
      out->set_block(access.key.block);
      out->set_bytes(access.bytes);
    }
    if (!writer.Write(message)) return false;
    accesses = accesses.subspan(part.size());
  } while (!accesses.empty());
  return true;
}

}  // namespace

Status StreamAccesses(AccessRecorder& recorder, const admin::v1::RecordAccessesRequest& request,
                      const grpc::ServerContext& context, grpc::ServerWriter<admin::v1::Accesses>& writer) {
  if (!(request.seconds() > 0 && request.seconds() <= kRecordSecondsMax)) {
    return InvalidArgument("accesses cannot be recorded for {} s; more than 0 and at most {} would be right",
                           request.seconds(), kRecordSecondsMax);
  }
  RETURN_IF_ERROR(recorder.Start());
  const absl::Cleanup stop = [&] { recorder.Stop(); };
  const auto end =
      Clock::System().Now() + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(request.seconds()));
  uint64_t left = request.accesses_max() > 0 ? request.accesses_max() : std::numeric_limits<uint64_t>::max();
  if (!Write({}, 0, writer)) return Cancelled("the client is gone");  // it knows now that recording has begun
  for (bool last = false; !last;) {
    const Duration until_end = end - Clock::System().Now();
    std::this_thread::sleep_for(std::min(kGather, until_end));
    const AccessRecorder::Batch batch = recorder.Take();
    const std::span accesses = std::span(batch.accesses).first(std::min<uint64_t>(batch.accesses.size(), left));
    left -= accesses.size();
    last = left == 0 || until_end <= kGather;
    if (accesses.empty() && !last && !context.IsCancelled()) continue;
    if (!Write(accesses, batch.lost, writer)) return Cancelled("the recording was ended early");
  }
  return absl::OkStatus();
}

}  // namespace sluice::daemon
