// sluice mount, unmount: the plugin's CSI calls, for machines without Kubernetes.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "cli/commands.h"
#include "common/yaml.h"
#include "proto/csi.grpc.pb.h"

namespace sluice::cli {
namespace {

namespace v1 = ::csi::v1;

grpc::Status Invalid(std::string message) { return {grpc::StatusCode::INVALID_ARGUMENT, std::move(message)}; }

// A name for the volume: the directory, with nothing in it that a path could not have.
std::string NameOf(const MountFlags& flags) {
  if (!flags.name.empty()) return flags.name;
  std::string name = std::filesystem::absolute(flags.directory).lexically_normal().string();
  for (char& c : name) c = c == '/' ? '-' : c;
  while (name.starts_with('-')) name.erase(0, 1);
  while (name.ends_with('-')) name.pop_back();
  return name;
}

std::string StagingPath(const MountFlags& flags) {
  return fmt::format("{}/staging-{}", std::filesystem::path(flags.csi_socket).parent_path().string(), NameOf(flags));
}

grpc::Status ReadSecrets(const std::string& file, google::protobuf::Map<std::string, std::string>* secrets) {
  if (file.empty()) return grpc::Status::OK;
  struct stat st{};
  if (::stat(file.c_str(), &st) != 0) return Invalid(fmt::format("--secret-file {}: the file cannot be read", file));
  if ((st.st_mode & 077) != 0) return Invalid(fmt::format("--secret-file {}: others may read it; chmod 600 it", file));
  const auto yaml = LoadYaml(file);
  if (!yaml.ok()) return Invalid(std::string(Message(yaml.status())));
  if (!yaml->IsMap())
    return Invalid(fmt::format("--secret-file {}: write accessKeyId: … and secretAccessKey: …", file));
  for (const auto& entry : *yaml) (*secrets)[entry.first.Scalar()] = entry.second.Scalar();
  return grpc::Status::OK;
}

grpc::Status FillContext(const MountFlags& flags, google::protobuf::Map<std::string, std::string>* context) {
  (*context)["source"] = flags.source;
  for (const std::string& parameter : flags.parameters) {
    const size_t equals = parameter.find('=');
    if (equals == std::string::npos) return Invalid(fmt::format("-o {}: write KEY=VALUE", parameter));
    (*context)[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  return grpc::Status::OK;
}

std::unique_ptr<v1::Node::Stub> ConnectNode(const MountFlags& flags) {
  return v1::Node::NewStub(ConnectTo(flags.csi_socket));
}

void SetCapability(v1::VolumeCapability* capability) {
  capability->mutable_mount();
  capability->mutable_access_mode()->set_mode(v1::VolumeCapability::AccessMode::MULTI_NODE_READER_ONLY);
}

}  // namespace

int Mount(const Globals& globals, const MountFlags& flags) {
  std::error_code error;
  if (!std::filesystem::is_directory(flags.directory, error)) {
    return Report(globals, Invalid(fmt::format("{} is no directory; create it first", flags.directory)));
  }
  v1::NodeStageVolumeRequest stage;
  stage.set_volume_id(NameOf(flags));
  stage.set_staging_target_path(StagingPath(flags));
  SetCapability(stage.mutable_volume_capability());
  grpc::Status status = FillContext(flags, stage.mutable_volume_context());
  if (status.ok()) status = ReadSecrets(flags.secret_file, stage.mutable_secrets());
  if (!status.ok()) return Report(globals, status);

  const auto node = ConnectNode(flags);
  grpc::ClientContext stage_context;
  v1::NodeStageVolumeResponse staged;
  status = node->NodeStageVolume(&stage_context, stage, &staged);
  if (!status.ok()) return ReportFrom(flags.csi_socket, status);
  v1::NodePublishVolumeRequest publish;
  publish.set_volume_id(stage.volume_id());
  publish.set_staging_target_path(stage.staging_target_path());
  publish.set_target_path(std::filesystem::absolute(flags.directory).lexically_normal().string());
  publish.set_readonly(true);
  *publish.mutable_volume_capability() = stage.volume_capability();
  *publish.mutable_volume_context() = stage.volume_context();
  grpc::ClientContext publish_context;
  v1::NodePublishVolumeResponse published;
  status = node->NodePublishVolume(&publish_context, publish, &published);
  if (!status.ok()) return ReportFrom(flags.csi_socket, status);
  fmt::print("{} is mounted at {} as dataset {}\n", flags.source, flags.directory, stage.volume_id());
  return kOk;
}

int Unmount(const Globals& globals, const MountFlags& flags) {
  const auto node = ConnectNode(flags);
  v1::NodeUnpublishVolumeRequest unpublish;
  unpublish.set_volume_id(NameOf(flags));
  unpublish.set_target_path(std::filesystem::absolute(flags.directory).lexically_normal().string());
  grpc::ClientContext unpublish_context;
  v1::NodeUnpublishVolumeResponse unpublished;
  grpc::Status status = node->NodeUnpublishVolume(&unpublish_context, unpublish, &unpublished);
  if (!status.ok()) return ReportFrom(flags.csi_socket, status);
  v1::NodeUnstageVolumeRequest unstage;
  unstage.set_volume_id(unpublish.volume_id());
  unstage.set_staging_target_path(StagingPath(flags));
  grpc::ClientContext unstage_context;
  v1::NodeUnstageVolumeResponse unstaged;
  status = node->NodeUnstageVolume(&unstage_context, unstage, &unstaged);
  if (!status.ok()) return ReportFrom(flags.csi_socket, status);
  // Unpublishing removes the directory, as Kubernetes wants it; here it was there before.
  std::error_code ignored;
  std::filesystem::create_directory(flags.directory, ignored);
  std::filesystem::remove(StagingPath(flags), ignored);
  fmt::print("{} is unmounted\n", flags.directory);
  return kOk;
}

}  // namespace sluice::cli
