#include "daemon/prewarm_request.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "common/printable.h"
#include "daemon/job_records.h"

namespace sluice::daemon {

using admin::v1::StartPrewarmRequest;

Status CheckRequest(const StartPrewarmRequest& request) {
  if (!request.id().empty() && !IsClientJobId(request.id())) {
    return InvalidArgument(
        "'{}' cannot be a job's id: up to {} letters, digits, '-', '_' and '.' can, but not 'j' and a number",
        Printable(request.id(), kJobIdMax), kJobIdMax);
  }
  if (request.concurrency() > kJobConcurrencyMax) {
    return InvalidArgument("a concurrency of {} is too much; at most {} files at a time", request.concurrency(),
                           kJobConcurrencyMax);
  }
  if (request.publish_native() && request.patterns_size() > 0) {
    return InvalidArgument("only all of a volume can be published natively; leave the patterns out");
  }
  if (request.metadata_only() &&
      (request.publish_native() || !request.tier().empty() || request.limit_bytes_per_second() > 0)) {
    return InvalidArgument("metadata_only fetches no bytes: there is no tier, limit or native publish for it");
  }
  return absl::OkStatus();
}

Status CheckVolume(const StartPrewarmRequest& request, const broker::v1::VolumeSpec& volume) {
  if (request.publish_native() && volume.consistency() != "immutable") {
    return InvalidArgument("only a volume with 'consistency: immutable' can be published natively; {} is '{}'",
                           volume.volume_id(), volume.consistency());
  }
  return absl::OkStatus();
}

bool MayWaitForVolume(const StartPrewarmRequest& request) {
  constexpr size_t kVolumeIdMax = 128;  // CSI's
  const std::string& volume = request.dataset();
  return !request.id().empty() && !volume.empty() && volume.size() <= kVolumeIdMax &&
         volume.find("://") == std::string::npos;
}

std::string DifferenceOf(const StartPrewarmRequest& first, const StartPrewarmRequest& second) {
  constexpr size_t kShownMax = 256;
  std::string report;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(first, second)) return "";
  while (report.ends_with('\n')) report.pop_back();
  std::replace(report.begin(), report.end(), '\n', ';');
  return Printable(report, kShownMax);
}

}  // namespace sluice::daemon
