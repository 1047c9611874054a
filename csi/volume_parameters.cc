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

namespace sluice::csi {
namespace {

constexpr std::string_view kKeys[] = {"source",    "endpoint", "region",    "pathStyle", "consistency", "metadataTtl",
                                      "blockSize", "access",   "uid",       "gid",       "fileMode",    "dirMode",
                                      "pool",      "subPath",  "transport", "cache"};
constexpr std::string_view kSecretKeys[] = {"accessKeyId", "secretAccessKey", "sessionToken"};
constexpr std::string_view kConsistencies[] = {"immutable", "eventual", "strong"};
constexpr std::string_view kTransports[] = {"device", "ring"};
constexpr std::string_view kAccesses[] = {"auto", "large-files", "small-files", "native"};
constexpr std::string_view kSchemes[] = {"s3", "http", "https", "file"};

constexpr size_t kSecretBytesMax = 8 * kKiB;  // servers take headers of that size, and the broker's packets hold them
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

// What becomes a part of HTTP headers.
bool IsOneWord(const std::string& value) {
  return std::none_of(value.begin(), value.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

Status CheckSource(const std::string& value) {
  const size_t colon = value.find("://");
  if (colon == std::string::npos) {
    return InvalidArgument("'{}' is not a URI; write s3://BUCKET/PREFIX, https://HOST/PATH or file:///DIRECTORY",
                           value);
  }
  if (value.find('@', colon) < value.find('/', colon + 3)) {
    return InvalidArgument("a source carries no credentials; give them in a Secret");
  }
  return Annotate(ParseChoice(value.substr(0, colon), kSchemes), "scheme");
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
    if (!value.starts_with("http://") && !value.starts_with("https://")) {
      return InvalidArgument("'{}' is not the URL of a server; write https://HOST[:PORT]", value);
    }
    if (!IsOneWord(value)) return InvalidArgument("'{}' holds a blank or a line break", value);
    spec.set_endpoint(value);
  } else if (key == "region") {
    if (!IsOneWord(value)) return InvalidArgument("'{}' holds a blank or a line break", value);
    spec.set_region(value);
  } else if (key == "pathStyle") {
    if (value != "true" && value != "false") return InvalidArgument("'{}' is neither true nor false", value);
    spec.set_path_style(value == "true");
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
  if (out.spec.source().empty()) {
    return InvalidArgument("volume parameter 'source' is missing; give a URI such as s3://BUCKET/PREFIX");
  }
  return out;
}

StatusOr<broker::v1::Credentials> ParseSecrets(const StringMap& secrets) {
  broker::v1::Credentials credentials;
  for (const auto& [key, value] : secrets) {
    if (value.size() > kSecretBytesMax) {
      return InvalidArgument("secret key '{}' has {} bytes; at most {} are possible", key, value.size(),
                             kSecretBytesMax);
    }
    // A line break at the end is what `echo key | base64` leaves.
    if (!IsOneWord(value)) {
      return InvalidArgument("secret key '{}' holds a blank or a line break; write it without, as with printf", key);
    }
    if (key == "accessKeyId") {
      credentials.set_access_key_id(value);
    } else if (key == "secretAccessKey") {
      credentials.set_secret_access_key(value);
    } else if (key == "sessionToken") {
      credentials.set_session_token(value);
    } else {
      return InvalidArgument("secret key '{}' is not known{}", key, DidYouMean(key, kSecretKeys));
    }
  }
  if (credentials.access_key_id().empty() != credentials.secret_access_key().empty()) {
    return InvalidArgument("the Secret has one of accessKeyId and secretAccessKey; both are needed, or none");
  }
  return credentials;
}

}  // namespace sluice::csi
