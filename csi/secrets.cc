#include "csi/secrets.h"

#include <fmt/ranges.h>

#include <vector>

#include "common/suggest.h"
#include "csi/mount_parameters.h"

namespace sluice::csi {
namespace {

constexpr std::string_view kKeys[] = {"accessKeyId", "secretAccessKey", "sessionToken"};

Status CheckValue(const std::string& key, const std::string& value) {
  if (value.size() > kSecretBytesMax) {
    return InvalidArgument("secret key '{}' has {} bytes; at most {} are possible", key, value.size(), kSecretBytesMax);
  }
  // A line break at the end is what `echo key | base64` leaves.
  if (IsOneWord(value)) return absl::OkStatus();
  return InvalidArgument("secret key '{}' holds a blank or a line break; write it without, as with printf", key);
}

StatusOr<broker::v1::Credentials> OfOneSource(const StringMap& secrets) {
  broker::v1::Credentials credentials;
  for (const auto& [key, value] : secrets) {
    RETURN_IF_ERROR(CheckValue(key, value));
    if (key == kKeys[0]) {
      credentials.set_access_key_id(value);
    } else if (key == kKeys[1]) {
      credentials.set_secret_access_key(value);
    } else if (key == kKeys[2]) {
      credentials.set_session_token(value);
    } else {
      return InvalidArgument("secret key '{}' is not known{}", key, DidYouMean(key, kKeys));
    }
  }
  if (credentials.access_key_id().empty() != credentials.secret_access_key().empty()) {
    return InvalidArgument("the Secret has one of accessKeyId and secretAccessKey; both are needed, or none");
  }
  return credentials;
}

Status Take(const StringMap& secrets, const broker::v1::VolumeMount& mount, broker::v1::Credentials* out) {
  for (const std::string& key : {mount.access_key_id_key(), mount.secret_access_key_key(), mount.session_token_key()}) {
    if (key.empty()) continue;
    const auto found = secrets.find(key);
    if (found == secrets.end() || found->second.empty()) {
      std::vector<std::string_view> keys;
      for (const auto& [other, value] : secrets) keys.push_back(other);
      return InvalidArgument("mount '/{}': the Secret has no key '{}'; it has {}", mount.path(), key,
                             keys.empty() ? "none" : fmt::format("{}", fmt::join(keys, ", ")));
    }
    RETURN_IF_ERROR(CheckValue(key, found->second));
    (*out->mutable_values())[key] = found->second;
  }
  return absl::OkStatus();
}

}  // namespace

StatusOr<broker::v1::Credentials> ParseSecrets(const StringMap& secrets, const broker::v1::VolumeSpec& spec) {
  if (spec.mounts().empty()) return OfOneSource(secrets);
  broker::v1::Credentials credentials;
  for (const broker::v1::VolumeMount& mount : spec.mounts()) RETURN_IF_ERROR(Take(secrets, mount, &credentials));
  size_t bytes = 0;
  for (const auto& [key, value] : credentials.values()) bytes += key.size() + value.size();
  if (bytes <= kSecretsBytesMax) return credentials;
  return InvalidArgument("the keys of the Secret that the mounts name have {} bytes; at most {} are possible", bytes,
                         kSecretsBytesMax);
}

bool HasCredentials(const broker::v1::Credentials& credentials) {
  return !credentials.access_key_id().empty() || !credentials.values().empty();
}

}  // namespace sluice::csi
