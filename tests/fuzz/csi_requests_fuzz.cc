// CSI requests: a CreateVolumeRequest in protobuf's text format, with its capabilities, mount flags and parameters, and
// its name once more as the id, the token and the path of other calls. What has to be mounted is left out.
//
// Properties: a cluster's controller makes of what it takes the volume of that name, which can be validated and made
// again as it says; nothing succeeds without a name and capabilities; a request is refused with a code that CSI knows;
// what ListVolumes shows in pages is what there is; a path is opened below the kubelet's directory, or not at all.
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include "csi/capabilities.h"
#include "csi/cluster_controller.h"
#include "csi/controller_service.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_dir.h"

namespace sluice::csi {
namespace {

namespace v1 = ::csi::v1;
using fuzz::Expect;

struct Plugin {
  TempDir directory{"/dev/shm"};
  std::unique_ptr<VolumeRecords> records = *VolumeRecords::Open(directory / "volumes");
  Pools pools;  // none: a volume that is made gets no further than to its pool
  ControllerService service{*records, pools};
  Mounter mounter{directory / "kubelet"};

  Plugin() {
    for (const char* id : {"a", "b", "c"}) (void)records->Create({id, 1, {{"source", "s3://b"}}});
    std::filesystem::create_directories(directory / "kubelet/pods");
    std::filesystem::create_directory_symlink("/etc", directory / "kubelet/out");
    std::filesystem::create_directory_symlink("pods", directory / "kubelet/in");
  }
};

void CheckPath(const Plugin& plugin, const std::string& path) {
  for (const std::string& asked : {path, plugin.directory / ("kubelet/" + path)}) {
    const auto fd = plugin.mounter.Open(asked);
    if (!fd.ok()) continue;
    const std::string opened = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd->get()));
    Expect(opened.starts_with(plugin.directory / "kubelet"), "a path is below the kubelet's directory");
  }
}

// What it makes of the context that it answers with is the same volume.
void CheckClusterController(const v1::CreateVolumeRequest& request) {
  ClusterController controller;
  v1::CreateVolumeResponse made;
  if (!controller.CreateVolume(nullptr, &request, &made).ok()) return;
  Expect(made.volume().volume_id() == request.name(), "a volume's id is its name");
  v1::CreateVolumeRequest again = request;
  *again.mutable_parameters() = made.volume().volume_context();
  v1::CreateVolumeResponse same;
  Expect(controller.CreateVolume(nullptr, &again, &same).ok(), "what was made can be made again");
  Expect(google::protobuf::util::MessageDifferencer::Equals(made, same), "and is the same");
  v1::ValidateVolumeCapabilitiesRequest validate;
  validate.set_volume_id(request.name());
  *validate.mutable_volume_capabilities() = request.volume_capabilities();
  *validate.mutable_volume_context() = made.volume().volume_context();
  v1::ValidateVolumeCapabilitiesResponse validated;
  Expect(controller.ValidateVolumeCapabilities(nullptr, &validate, &validated).ok() && validated.has_confirmed(),
         "what was made is valid");
}

void CheckList(Plugin& plugin, const std::string& token, int32_t entries_max) {
  v1::ListVolumesRequest request;
  request.set_starting_token(token);
  request.set_max_entries(entries_max);
  v1::ListVolumesResponse reply;
  const auto status = plugin.service.ListVolumes(nullptr, &request, &reply);
  if (!status.ok()) return Expect(!token.empty() || entries_max < 0, "the first page can be had");
  Expect(reply.entries_size() <= 3, "no more than there is");
  Expect(entries_max <= 0 || reply.entries_size() <= entries_max, "no more than was asked for");
  if (!reply.next_token().empty()) CheckList(plugin, reply.next_token(), entries_max);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Plugin plugin;
  v1::CreateVolumeRequest text;
  if (!google::protobuf::TextFormat::ParseFromString(std::string(fuzz::TextOf(data, size)), &text)) return -1;
  v1::CreateVolumeRequest request;  // as it comes over a socket: what is no UTF-8 does not
  if (!request.ParseFromString(text.SerializeAsString())) return -1;

  CheckClusterController(request);
  v1::CreateVolumeResponse created;
  const auto status = plugin.service.CreateVolume(nullptr, &request, &created);
  Expect(!status.ok(), "no volume without a pool");
  Expect(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT, "a mistake is INVALID_ARGUMENT");
  for (const auto& capability : request.volume_capabilities()) {
    if (!CheckCapability(capability).ok()) continue;
    Expect(capability.has_mount() && !capability.has_block(), "volumes are mounted");
    Expect(ParseMountFlags(capability).ok(), "what was checked can be used");
  }
  v1::ValidateVolumeCapabilitiesRequest validate;
  validate.set_volume_id(request.name());
  *validate.mutable_volume_capabilities() = request.volume_capabilities();
  v1::ValidateVolumeCapabilitiesResponse validated;
  if (plugin.service.ValidateVolumeCapabilities(nullptr, &validate, &validated).ok()) {
    const bool good = CheckCapabilities(request.volume_capabilities()).ok();
    Expect(good == validated.has_confirmed(), "what is confirmed is possible");
  }
  CheckList(plugin, request.name(), static_cast<int32_t>(request.capacity_range().required_bytes()));
  CheckPath(plugin, request.name());
  return 0;
}

}  // namespace sluice::csi
