// sluice trace record.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/commands.h"

namespace sluice::cli {
namespace {

// Whole lines at a time, so that what is interrupted can be read as far as it goes.
bool Print(const admin::v1::Accesses& message) {
  std::string lines;
  for (const auto& access : message.accesses()) {
    fmt::format_to(std::back_inserter(lines), "{} {} {}\n", access.object(), access.block(), access.bytes());
  }
  return std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size() && std::fflush(stdout) == 0;
}

}  // namespace

int RecordTrace(const Globals& globals, double seconds, uint64_t accesses_max) {
  const auto stub = Connect(globals);
  grpc::ClientContext context;
  admin::v1::RecordAccessesRequest request;
  request.set_seconds(seconds);
  request.set_accesses_max(accesses_max);
  const auto reader = stub->RecordAccesses(&context, request);
  admin::v1::Accesses message;
  uint64_t count = 0;
  uint64_t lost = 0;
  for (bool first = true; reader->Read(&message); first = false) {
    if (first) fmt::print(stderr, "recording for {} s\n", seconds);
    count += static_cast<uint64_t>(message.accesses_size());
    lost = message.lost();
    if (globals.json()) {
      PrintJson(message);
    } else if (!Print(message)) {
      fmt::print(stderr, "sluice: standard output cannot be written: {}\n", std::strerror(errno));
      context.TryCancel();
      return kFailed;
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return Report(globals, status);
  fmt::print(stderr, "recorded {} accesses\n", count);
  if (lost > 0) {
    fmt::print(stderr, "warning: {} accesses are missing: there were more than could be written in time\n", lost);
  }
  return kOk;
}

}  // namespace sluice::cli
