// What every command shares: the connection, the output format, and how an error becomes an exit code.
//
// Threads:  one.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/status.h"
#include "proto/admin.grpc.pb.h"

namespace sluice::cli {

// docs/admin-api.md, "Exit codes".
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // the daemon refused, or the work failed
  kUsage = 2,        // the command line is wrong
  kUnreachable = 3,  // no daemon answers on the socket
  kNotFound = 4,     // no such dataset, job or file
};

struct Globals {
  std::string socket = "/var/lib/sluice/pools/default/admin.sock";
  std::string output = "text";  // or json
  bool json() const { return output == "json"; }
};

std::unique_ptr<admin::v1::Admin::Stub> Connect(const Globals& globals);

// Prints the error to stderr and gives its exit code.
int Report(const Globals& globals, const grpc::Status& status);
// Of the command line, for Report.
grpc::Status Mistake(const Status& status);

// The plugin's socket, by default. Who speaks to it connects and reports by path.
inline constexpr const char* kCsiSocket = "/var/lib/sluice/csi.sock";
std::shared_ptr<grpc::Channel> ConnectTo(const std::string& socket);
int ReportFrom(const std::string& socket, const grpc::Status& status);

// One JSON object, a line.
void PrintJson(const google::protobuf::Message& message);

// Left-aligned columns with a header line.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice::cli
