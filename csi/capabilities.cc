#include "csi/capabilities.h"

#include "common/suggest.h"

namespace sluice::csi {

Status CheckCapability(const ::csi::v1::VolumeCapability& capability) {
  if (capability.has_block()) return InvalidArgument("volumes are file systems; a raw block volume is not possible");
  if (!capability.has_mount()) return InvalidArgument("a volume capability has no access type 'mount'");
  if (capability.access_mode().mode() == ::csi::v1::VolumeCapability::AccessMode::UNKNOWN) {
    return InvalidArgument("a volume capability has no access mode");
  }
  return ParseMountFlags(capability).status();
}

Status CheckCapabilities(const google::protobuf::RepeatedPtrField<::csi::v1::VolumeCapability>& capabilities) {
  if (capabilities.empty()) return InvalidArgument("'volume_capabilities' is missing");
  for (const auto& capability : capabilities) RETURN_IF_ERROR(CheckCapability(capability));
  return absl::OkStatus();
}

StatusOr<Mounter::BindOptions> ParseMountFlags(const ::csi::v1::VolumeCapability& capability) {
  // Those of the second row are so anyway.
  constexpr std::string_view kKnown[] = {"noexec", "noatime",  "exec",       "ro",      "nosuid",
                                         "nodev",  "relatime", "nodiratime", "noasync", "async"};
  Mounter::BindOptions options;
  for (const std::string& flag : capability.mount().mount_flags()) {
    if (flag == "noexec") {
      options.no_exec = true;
    } else if (flag == "noatime") {
      options.no_atime = true;
    } else if (flag == "rw") {
      return InvalidArgument("mount flag 'rw': volumes are read-only");
    } else if (std::find(std::begin(kKnown), std::end(kKnown), flag) == std::end(kKnown)) {
      return InvalidArgument("mount flag '{}' is not known{}", flag, DidYouMean(flag, kKnown));
    }
  }
  return options;
}

}  // namespace sluice::csi
