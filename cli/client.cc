#include "cli/client.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>

namespace sluice::cli {

std::shared_ptr<grpc::Channel> ConnectTo(const std::string& socket) {
  return grpc::CreateChannel("unix://" + socket, grpc::InsecureChannelCredentials());
}

std::unique_ptr<admin::v1::Admin::Stub> Connect(const Globals& globals) {
  return admin::v1::Admin::NewStub(ConnectTo(globals.socket));
}

grpc::Status Mistake(const Status& status) {
  return {grpc::StatusCode::INVALID_ARGUMENT, std::string(Message(status))};
}

int Report(const Globals& globals, const grpc::Status& status) { return ReportFrom(globals.socket, status); }

int ReportFrom(const std::string& socket, const grpc::Status& status) {
  if (status.ok()) return kOk;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    fmt::print(stderr,
               "sluice: no daemon answers on {} ({}); is sluice-csi running, may you open the socket, and is "
               "--socket right?\n",
               socket, status.error_message());
    return kUnreachable;
  }
  fmt::print(stderr, "sluice: {}\n", status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::NOT_FOUND:
      return kNotFound;
    case grpc::StatusCode::INVALID_ARGUMENT:
      return kUsage;
    default:
      return kFailed;
  }
}

void PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  if (google::protobuf::util::MessageToJsonString(message, &text, options).ok()) fmt::print("{}\n", text);
  std::fflush(stdout);
}

void Table::Print() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += i + 1 < row.size() ? fmt::format("{:<{}}  ", row[i], widths[i]) : row[i];
    fmt::print("{}\n", line);
  }
}

}  // namespace sluice::cli
