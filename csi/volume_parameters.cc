#include "csi/volume_parameters.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <vector>

#include "common/bytes.h"
#include "common/pool_config.h"
#include "common/suggest.h"
#include "common/yaml.h"
#include "csi/cache_limits.h"
#include "csi/mount_parameters.h"

namespace sluice::csi {
namespace {

constexpr std::string_view kKeys[] = {"source",    "endpoint", "region",    "pathStyle", "consistency", "metadataTtl",
                                      "blockSize", "access",   "uid",       "gid",       "fileMode",    "dirMode",
                                      "pool",      "subPath",  "transport", "cache",     "mounts"};
constexpr std::string_view kConsistencies[] = {"immutable", "eventual", "strong"};
constexpr std::string_view kTransports[] = {"device", "ring"};
constexpr std::string_view kAccesses[] = {"auto", "large-files", "small-files", "native"};

constexpr uint64_t kBlockSizeMin = 64 * kKiB;
constexpr uint64_t kBlockSizeMax = 16 * kMiB;

Status ParseChoice(const std::string& value, std::span<const std::string_view> choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return absl::OkStatus();
  return InvalidArgument("'{}' is not known{}", value, DidYouMean(value, choices));
}

StatusOr<uint32_t> ParseNumber(const std::string& value, int base, uint32_t max, std::string_view expected) {
  uint32_t number = 0;
  const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
  if (error != std::errc{} || rest != value.data() + value.size() || number > max) {
    return InvalidArgument("'{}' is not {}", value, expected);
  }
  return number;
}

StatusOr<uint64_t> ParseBlockSize(const std::string& value) {
  ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(value));
  if (!std::has_single_bit(bytes) || bytes < kBlockSizeMin || bytes > kBlockSizeMax) {
    return InvalidArgument("'{}' is not a power of two from 64KiB to 16MiB, such as 1MiB", value);
  }
  return bytes;
}

Status CheckSubPath(const std::string& value) {
  for (size_t start = 0; start <= value.size();) {
    const size_t end = std::min(value.find('/', start), value.size());
    if (value.substr(start, end - start) == "..")
      return InvalidArgument("'{}' leaves the volume; '..' is not possible", value);
    start = end + 1;
  }
  if (value.starts_with('/')) return InvalidArgument("'{}' is absolute; write it relative to the volume's root", value);
  return absl::OkStatus();
}

Status Apply(const std::string& key, const std::string& value, VolumeParameters* out) {
  broker::v1::VolumeSpec& spec = out->spec;
  if (key == "source") {
    RETURN_IF_ERROR(CheckSource(value));
    spec.set_source(value);
  } else if (key == "endpoint") {
    RETURN_IF_ERROR(CheckEndpoint(value));
    spec.set_endpoint(value);
  } else if (key == "region") {
    RETURN_IF_ERROR(CheckRegion(value));
    spec.set_region(value);
  } else if (key == "pathStyle") {
    ASSIGN_OR_RETURN(const bool path_style, ParsePathStyle(value));
    spec.set_path_style(path_style);
  } else if (key == "mounts") {
    ASSIGN_OR_RETURN(*spec.mutable_mounts(), ParseMounts(value));
  } else if (key == "consistency") {
    RETURN_IF_ERROR(ParseChoice(value, kConsistencies));
    spec.set_consistency(value);
  } else if (key == "metadataTtl") {
    ASSIGN_OR_RETURN(const Duration ttl, ParseDuration(value));
    spec.set_metadata_ttl_ns(ttl.count());
  } else if (key == "blockSize") {
    ASSIGN_OR_RETURN(const uint64_t bytes, ParseBlockSize(value));
    spec.set_block_size_bytes(bytes);
  } else if (key == "access") {
    RETURN_IF_ERROR(ParseChoice(value, kAccesses));
    spec.set_access(value);
  } else if (key == "transport") {
    RETURN_IF_ERROR(ParseChoice(value, kTransports));
    spec.set_ring(value == "ring");
  } else if (key == "cache") {
    ASSIGN_OR_RETURN(*spec.mutable_cache(), ParseCacheLimits(value));
  } else if (key == "uid" || key == "gid") {
    ASSIGN_OR_RETURN(const uint32_t id, ParseNumber(value, 10, 0xfffffffe, "a numeric user or group id"));
    key == "uid" ? spec.set_uid(id) : spec.set_gid(id);
  } else if (key == "fileMode" || key == "dirMode") {
    ASSIGN_OR_RETURN(const uint32_t mode, ParseNumber(value, 8, 0777, "an octal mode such as 0444"));
    key == "fileMode" ? spec.set_file_mode(mode) : spec.set_directory_mode(mode);
  } else if (key == "pool") {
    RETURN_IF_ERROR(CheckPoolName(value));
    out->pool = value;
  } else if (key == "subPath") {
    RETURN_IF_ERROR(CheckSubPath(value));
    out->sub_path = value;
  } else {
    return InvalidArgument("is no volume parameter{}", DidYouMean(key, kKeys));
  }
  return absl::OkStatus();
}

// One source, or mounts that have theirs.
Status CheckHasSource(const broker::v1::VolumeSpec& spec) {
  if (spec.mounts().empty()) {
    if (!spec.source().empty()) return absl::OkStatus();
    return InvalidArgument("volume parameter 'source' is missing; give a URI such as s3://BUCKET/PREFIX, or 'mounts'");
  }
  const bool has_own =
      !spec.source().empty() || !spec.endpoint().empty() || !spec.region().empty() || spec.has_path_style();
  if (!has_own) return absl::OkStatus();
  return InvalidArgument(
      "volume parameter 'mounts': 'source', 'endpoint', 'region' and 'pathStyle' stand in each mount then, not beside "
      "them");
}

}  // namespace

StatusOr<VolumeParameters> ParseVolumeParameters(const std::string& volume_id, const StringMap& parameters) {
  VolumeParameters out;
  out.spec.set_volume_id(volume_id);
  out.spec.set_consistency("eventual");
  out.spec.set_metadata_ttl_ns(Duration(std::chrono::seconds(60)).count());
  out.spec.set_block_size_bytes(1 * kMiB);
  out.spec.set_access("auto");
  out.spec.set_file_mode(0444);
  out.spec.set_directory_mode(0555);
  for (const auto& [key, value] : parameters) {
    if (key.find("kubernetes.io/") != std::string::npos || key.starts_with("csi.storage.k8s.io/")) continue;
    if (const Status status = Apply(key, value, &out); !status.ok()) {
      return Annotate(status, fmt::format("volume parameter '{}'", key));
    }
  }
  if (out.spec.access() == "native" && out.spec.consistency() != "immutable") {
    return InvalidArgument("volume parameter 'access': native needs 'consistency: immutable', not '{}'",
                           out.spec.consistency());
  }
  RETURN_IF_ERROR(
      Annotate(CheckCacheLimits(out.spec.cache(), out.spec.block_size_bytes()), "volume parameter 'cache'"));
  RETURN_IF_ERROR(CheckHasSource(out.spec));
  return out;
}

}  // namespace sluice::csi
