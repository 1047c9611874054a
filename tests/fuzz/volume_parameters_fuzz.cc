// What a StorageClass, a PersistentVolume and a Secret say of a volume, and its mount flags.
//
// Lines are "KEY=VALUE" of a parameter, "secret KEY=VALUE" and "flag FLAG". Properties: numbers are within their
// limits; a sub-path stays in the volume; a source has no credentials; no message holds a secret; secrets are one word.
#include <set>

#include "csi/capabilities.h"
#include "csi/secrets.h"
#include "csi/volume_parameters.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::csi {
namespace {

using fuzz::Expect;

constexpr std::string_view kHush = "hUsH-4711";  // stands in every value of a Secret

void CheckMounts(const broker::v1::VolumeSpec& spec) {
  if (spec.mounts().empty()) return Expect(spec.source().find("://") != std::string::npos, "there is a source");
  Expect(spec.source().empty(), "each mount has its own source");
  std::set<std::string> paths;
  for (const broker::v1::VolumeMount& mount : spec.mounts()) {
    Expect(mount.source().find("://") != std::string::npos, "each mount has a source");
    Expect(paths.insert(mount.path()).second, "each mount has its own path");
    const std::string bounded = "/" + mount.path() + "/";
    Expect(mount.path().empty() || bounded.find("//") == std::string::npos, "a path has no empty names");
    Expect(bounded.find("/../") == std::string::npos && bounded.find("/./") == std::string::npos, "a path is plain");
    Expect(mount.endpoint().find_first_of("\r\n") == std::string::npos, "what becomes a header is one line");
    Expect(mount.access_key_id_key().empty() == mount.secret_access_key_key().empty(), "both keys or none");
  }
}

void Check(const VolumeParameters& parameters) {
  const broker::v1::VolumeSpec& spec = parameters.spec;
  const uint64_t block = spec.block_size_bytes();
  Expect(block >= 64 << 10 && block <= 16 << 20 && (block & (block - 1)) == 0, "a block size is a power of two");
  Expect(spec.file_mode() <= 0777 && spec.directory_mode() <= 0777, "modes");
  Expect(spec.metadata_ttl_ns() >= 0, "a time to live is none in the past");
  CheckMounts(spec);
  Expect(!spec.has_credentials(), "credentials come otherwise");
  for (const auto& [medium, limit] : spec.cache().media()) {
    Expect(medium == "dram" || medium == "ssd" || medium == "hdd", "a medium that there is");
    Expect(limit.quota_bytes() == 0 || limit.quota_bytes() >= 4 * block, "a quota holds some blocks");
    for (const double share : {limit.high_watermark(), limit.low_watermark()}) {
      Expect(share >= 0 && share <= 1, "watermarks are shares");
    }
  }
  Expect(!parameters.sub_path.starts_with('/'), "a sub-path is relative");
  const std::string bounded = "/" + parameters.sub_path + "/";
  Expect(bounded.find("/../") == std::string::npos, "a sub-path stays in the volume");
  for (const std::string* text : {&spec.region(), &spec.endpoint()}) {
    Expect(text->find_first_of("\r\n") == std::string::npos, "what becomes a header is one line");
  }
}

void CheckSecrets(const StringMap& secrets, const broker::v1::VolumeSpec& spec) {
  const auto credentials = ParseSecrets(secrets, spec);
  if (!credentials.ok()) {
    Expect(credentials.status().code() == StatusCode::kInvalidArgument, "a mistake is INVALID_ARGUMENT");
    return Expect(Message(credentials.status()).find(kHush) == std::string_view::npos, "no message holds a secret");
  }
  Expect(credentials->access_key_id().empty() == credentials->secret_access_key().empty(), "both or none");
  for (const std::string* text :
       {&credentials->access_key_id(), &credentials->secret_access_key(), &credentials->session_token()}) {
    Expect(text->find_first_of(" \t\r\n") == std::string::npos, "a secret is one word");
  }
  Expect(credentials->values().size() <= 3u * spec.mounts().size(), "what no mount names is not kept");
  for (const auto& [key, value] : credentials->values()) {
    Expect(value.find_first_of(" \t\r\n") == std::string::npos, "a secret is one word");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = fuzz::TextOf(data, size);
  StringMap parameters;
  StringMap secrets;
  ::csi::v1::VolumeCapability capability;
  while (!text.empty()) {
    std::string line(fuzz::TakeLine(text));
    for (char& c : line) c = c == '|' ? '\n' : c;  // a value may have line breaks
    const auto is_of = [&line](std::string_view kind) {
      return line.starts_with(kind) ? (line.erase(0, kind.size()), true) : false;
    };
    if (is_of("flag ")) {
      capability.mutable_mount()->add_mount_flags(line);
      continue;
    }
    if (line.find(kHush) != std::string::npos) continue;  // a key with it would be named
    const bool secret = is_of("secret ");
    const size_t equals = std::min(line.find('='), line.size());
    const std::string value = equals < line.size() ? line.substr(equals + 1) : "";
    (secret ? secrets : parameters)[line.substr(0, equals)] = secret ? value + std::string(kHush) : value;
  }
  const auto parsed = ParseVolumeParameters("v", parameters);
  if (parsed.ok()) Check(*parsed);
  Expect(parsed.ok() || parsed.status().code() == StatusCode::kInvalidArgument, "a mistake is INVALID_ARGUMENT");
  CheckSecrets(secrets, parsed.ok() ? parsed->spec : broker::v1::VolumeSpec());
  const auto flags = ParseMountFlags(capability);
  Expect(flags.ok() || Message(flags.status()).starts_with("mount flag '"), "a flag is named");
  return 0;
}

}  // namespace sluice::csi
