#include "csi/volume_change.h"

#include "csi/mount_parameters.h"
#include "csi/secrets.h"

namespace sluice::csi {
namespace {

using broker::v1::VolumeMount;
using broker::v1::VolumeSpec;

bool IsSameSource(const VolumeSpec& a, const VolumeSpec& b) {
  return a.source() == b.source() && a.endpoint() == b.endpoint() && a.region() == b.region() &&
         a.has_path_style() == b.has_path_style() && a.path_style() == b.path_style();
}

// One source at the root, which is not the one that the volume was made for.
VolumeMount MountOf(const VolumeSpec& wanted, const StringMap& secret) {
  VolumeMount mount;
  mount.set_source(wanted.source());
  mount.set_endpoint(wanted.endpoint());
  mount.set_region(wanted.region());
  if (wanted.has_path_style()) mount.set_path_style(wanted.path_style());
  if (secret.contains("accessKeyId")) {
    mount.set_access_key_id_key("accessKeyId");
    mount.set_secret_access_key_key("secretAccessKey");
  }
  if (secret.contains("sessionToken")) mount.set_session_token_key("sessionToken");
  return mount;
}

VolumeMounts MountsOf(const VolumeSpec& now, const VolumeSpec& wanted, const StringMap& secret) {
  VolumeMounts mounts = wanted.mounts();
  if (mounts.empty() && !IsSameSource(now, wanted)) *mounts.Add() = MountOf(wanted, secret);
  return mounts;
}

// The kernel keeps the listings of an immutable volume by itself, and does not ask again while it is mounted.
bool StaysImmutable(const VolumeSpec& now, const VolumeSpec& wanted) {
  return now.consistency() == "immutable" && wanted.consistency() != "immutable";
}

std::vector<std::string> Unchanged(const VolumeSpec& now, const VolumeSpec& wanted) {
  std::vector<std::string> keys;
  if (StaysImmutable(now, wanted)) keys.emplace_back("consistency");
  const auto compare = [&](const char* key, const auto& a, const auto& b) {
    if (a != b) keys.emplace_back(key);
  };
  compare("access", now.access(), wanted.access());
  compare("blockSize", now.block_size_bytes(), wanted.block_size_bytes());
  compare("dirMode", now.directory_mode(), wanted.directory_mode());
  compare("fileMode", now.file_mode(), wanted.file_mode());
  compare("gid", now.gid(), wanted.gid());
  compare("transport", now.ring(), wanted.ring());
  compare("uid", now.uid(), wanted.uid());
  return keys;
}

}  // namespace

StringMap SecretOf(const broker::v1::Credentials& credentials) {
  StringMap secret(credentials.values().begin(), credentials.values().end());
  if (!credentials.access_key_id().empty()) secret["accessKeyId"] = credentials.access_key_id();
  if (!credentials.secret_access_key().empty()) secret["secretAccessKey"] = credentials.secret_access_key();
  if (!credentials.session_token().empty()) secret["sessionToken"] = credentials.session_token();
  return secret;
}

StatusOr<VolumeChange> ChangeOf(const VolumeSpec& now, const StringMap& parameters, const StringMap& secret) {
  ASSIGN_OR_RETURN(const VolumeParameters parsed, ParseVolumeParameters(now.volume_id(), parameters));
  const VolumeSpec& wanted = parsed.spec;
  VolumeChange change{now, Unchanged(now, wanted)};
  VolumeSpec& spec = change.spec;
  if (!StaysImmutable(now, wanted)) spec.set_consistency(wanted.consistency());
  spec.set_metadata_ttl_ns(wanted.metadata_ttl_ns());
  spec.clear_cache();
  if (wanted.has_cache()) *spec.mutable_cache() = wanted.cache();
  *spec.mutable_mounts() = MountsOf(now, wanted, secret);
  ASSIGN_OR_RETURN(*spec.mutable_credentials(), ParseSecrets(secret, spec));
  return change;
}

StatusOr<VolumeSpec> SpecWith(const VolumeSpec& made, const StringMap& parameters, const StringMap& secret) {
  ASSIGN_OR_RETURN(VolumeParameters parsed, ParseVolumeParameters(made.volume_id(), parameters));
  VolumeSpec& spec = parsed.spec;
  *spec.mutable_mounts() = MountsOf(made, spec, secret);
  spec.set_source(made.source());
  spec.set_endpoint(made.endpoint());
  spec.set_region(made.region());
  spec.clear_path_style();
  if (made.has_path_style()) spec.set_path_style(made.path_style());
  ASSIGN_OR_RETURN(*spec.mutable_credentials(), ParseSecrets(secret, spec));
  return std::move(spec);
}

}  // namespace sluice::csi
