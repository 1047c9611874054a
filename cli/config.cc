// sluice config show, set, unset.
#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "common/config_overrides.h"

namespace sluice::cli {
namespace {

int Change(const Globals& globals, const ConfigFlags& flags, admin::v1::SetConfigRequest request) {
  request.set_dry_run(flags.dry_run);
  request.set_restart(flags.restart);
  grpc::ClientContext context;
  admin::v1::Config reply;
  const grpc::Status status = Connect(globals)->SetConfig(&context, request, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
    return kOk;
  }
  fmt::print("{}{}\n", flags.dry_run ? "would be set:\n" : "set:\n",
             reply.overrides().empty() ? "nothing" : reply.overrides());
  for (const std::string& note : reply.notes()) fmt::print("note: {}\n", note);
  for (const std::string& key : reply.pending()) {
    fmt::print("{} takes effect {}\n", key,
               flags.restart && !flags.dry_run ? "now: the daemon is being started again"
                                               : "when the daemon is started again: 'sluice config set --restart'");
  }
  return kOk;
}

}  // namespace

int ShowConfig(const Globals& globals) {
  grpc::ClientContext context;
  admin::v1::Config reply;
  const grpc::Status status = Connect(globals)->GetConfig(&context, {}, &reply);
  if (status.ok()) globals.json() ? PrintJson(reply) : fmt::print("{}\n", reply.yaml());
  return Report(globals, status);
}

int SetConfig(const Globals& globals, const ConfigFlags& flags) {
  auto values = ParsePairs(flags.arguments, "tiers.ssd.quota=300GiB");
  if (!values.ok()) return Report(globals, Mistake(values.status()));
  const auto overrides = ConfigOverrides::Of(*std::move(values));
  if (!overrides.ok()) return Report(globals, Mistake(overrides.status()));
  admin::v1::SetConfigRequest request;
  if (!overrides->empty()) request.set_yaml(overrides->ToYaml());
  return Change(globals, flags, std::move(request));
}

int UnsetConfig(const Globals& globals, const ConfigFlags& flags) {
  admin::v1::SetConfigRequest request;
  for (const std::string& key : flags.arguments) request.add_unset(key);
  return Change(globals, flags, std::move(request));
}

}  // namespace sluice::cli
