// sluice volume set, reset.
#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/commands.h"

namespace sluice::cli {
namespace {

int Send(const Globals& globals, const admin::v1::SetVolumeRequest& request) {
  grpc::ClientContext context;
  admin::v1::SetVolumeResponse reply;
  const grpc::Status status = Connect(globals)->SetVolume(&context, request, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
    return kOk;
  }
  const bool at_once = reply.mounted() && !request.parameters().empty();
  fmt::print("{}\n", at_once ? "in force" : "in force from its next mount on");
  for (const std::string& key : reply.unchanged()) fmt::print("{} is in force from its next mount on\n", key);
  return kOk;
}

}  // namespace

int SetVolume(const Globals& globals, const VolumeFlags& flags) {
  const auto parameters = ParsePairs(flags.parameters, "source=s3://BUCKET/PREFIX");
  if (!parameters.ok()) return Report(globals, Mistake(parameters.status()));
  admin::v1::SetVolumeRequest request;
  request.set_volume_id(flags.volume);
  request.mutable_parameters()->insert(parameters->begin(), parameters->end());
  return Send(globals, request);
}

int ResetVolume(const Globals& globals, const VolumeFlags& flags) {
  admin::v1::SetVolumeRequest request;
  request.set_volume_id(flags.volume);
  return Send(globals, request);
}

}  // namespace sluice::cli
