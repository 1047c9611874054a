// sluice prewarm, jobs, job, throttle, evict, pin, unpin, verify.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "common/bytes.h"

namespace sluice::cli {
namespace {

using admin::v1::Job;

std::string StateOf(const Job& job) {
  std::string name = Job::State_Name(job.state());
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

std::string TimeLeft(double seconds) {
  if (seconds < 0) return "?";
  const auto whole = static_cast<uint64_t>(seconds + 0.5);
  return whole >= 3600 ? fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60)
                       : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

// "[#########-----]  64 %  1.2 GiB of 1.9 GiB  812/1203 files  640 MiB/s  0:01 left"
void PrintProgress(const Job& job, bool in_place) {
  constexpr size_t kWidth = 24;
  const double share = job.bytes_total() == 0
                           ? (job.listed() ? 1.0 : 0.0)
                           : static_cast<double>(job.bytes_done()) / static_cast<double>(job.bytes_total());
  const auto filled = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * kWidth);
  fmt::print("{}[{}{}] {:3.0f} %  {} of {}{}  {}/{} files  {}/s  {} left{}", in_place ? "\r\033[K" : "",
             std::string(filled, '#'), std::string(kWidth - filled, '-'), share * 100, FormatBytes(job.bytes_done()),
             job.listed() ? "" : "at least ", FormatBytes(job.bytes_total()), job.files_done(), job.files_total(),
             FormatBytes(static_cast<uint64_t>(job.bytes_per_second())), TimeLeft(job.seconds_left()),
             in_place ? "" : "\n");
  std::fflush(stdout);
}

void PrintEnd(const Job& job) {
  const double seconds = std::max(job.seconds_running(), 1e-3);
  fmt::print("job {} {}: {} files, {} ({} fetched) in {:.1f} s, {}/s{}\n", job.id(), StateOf(job), job.files_done(),
             FormatBytes(job.bytes_done()), FormatBytes(job.bytes_fetched()), seconds,
             FormatBytes(static_cast<uint64_t>(static_cast<double>(job.bytes_done()) / seconds)),
             job.files_failed() > 0   ? fmt::format(", {} files failed: {}", job.files_failed(), job.message())
             : !job.message().empty() ? ": " + job.message()
                                      : "");
}

grpc::Status ReadPatterns(const PrewarmFlags& flags, admin::v1::StartPrewarmRequest* request) {
  for (const std::string& pattern : flags.patterns) request->add_patterns(pattern);
  if (flags.from_file.empty()) return grpc::Status::OK;
  std::ifstream file;
  if (flags.from_file != "-") {
    file.open(flags.from_file);
    if (!file)
      return {grpc::StatusCode::INVALID_ARGUMENT, fmt::format("--from {}: the file cannot be read", flags.from_file)};
  }
  std::istream& lines = flags.from_file == "-" ? std::cin : file;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) request->add_patterns(line);
  }
  if (request->patterns().empty())
    return {grpc::StatusCode::INVALID_ARGUMENT, fmt::format("--from {}: the list is empty", flags.from_file)};
  return grpc::Status::OK;
}

}  // namespace

int WatchJob(const Globals& globals, const std::string& id) {
  const auto stub = Connect(globals);
  grpc::ClientContext context;
  admin::v1::JobRequest request;
  request.set_id(id);
  const auto reader = stub->WatchJob(&context, request);
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  Job job;
  bool first = true;
  while (reader->Read(&job)) {
    if (globals.json()) {
      PrintJson(job);
    } else if (terminal || first || job.state() != Job::RUNNING) {
      PrintProgress(job, terminal);
    }
    first = false;
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return Report(globals, status);
  if (!globals.json()) {
    if (terminal) fmt::print("\n");
    PrintEnd(job);
  }
  return job.state() == Job::SUCCEEDED ? kOk : kFailed;
}

int Prewarm(const Globals& globals, const PrewarmFlags& flags) {
  admin::v1::StartPrewarmRequest request;
  request.set_dataset(flags.dataset);
  if (const grpc::Status status = ReadPatterns(flags, &request); !status.ok()) return Report(globals, status);
  request.set_tier(flags.tier);
  request.set_concurrency(flags.concurrency);
  request.set_publish_native(flags.publish_native);
  request.set_id(flags.id);
  request.set_metadata_only(flags.metadata_only);
  request.set_refresh(flags.refresh);
  if (!flags.limit.empty()) {
    const auto rate = ParseRate(flags.limit);
    if (!rate.ok())
      return Report(globals, {grpc::StatusCode::INVALID_ARGUMENT, "--limit: " + std::string(Message(rate.status()))});
    request.set_limit_bytes_per_second(*rate);
  }
  grpc::ClientContext context;
  Job job;
  const grpc::Status status = Connect(globals)->StartPrewarm(&context, request, &job);
  if (!status.ok()) return Report(globals, status);
  if (flags.wait) return WatchJob(globals, job.id());
  if (globals.json()) {
    PrintJson(job);
  } else {
    fmt::print("job {} {}; 'sluice job watch {}' shows its progress\n", job.id(),
               job.state() == Job::RUNNING   ? "has begun"
               : job.state() == Job::WAITING ? fmt::format("waits until {} is mounted", flags.dataset)
                                             : StateOf(job) + " already",
               job.id());
  }
  return kOk;
}

int ShowJobs(const Globals& globals) {
  grpc::ClientContext context;
  admin::v1::ListJobsResponse reply;
  const grpc::Status status = Connect(globals)->ListJobs(&context, {}, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
    return kOk;
  }
  Table table({"JOB", "DATASET", "STATE", "FILES", "BYTES", "RATE", "LEFT", "MESSAGE"});
  for (const Job& job : reply.jobs()) {
    table.Add({job.id(), job.request().dataset(), StateOf(job),
               fmt::format("{}/{}", job.files_done(), job.files_total()),
               fmt::format("{}/{}", FormatBytes(job.bytes_done()), FormatBytes(job.bytes_total())),
               FormatBytes(static_cast<uint64_t>(job.bytes_per_second())) + "/s",
               job.state() == Job::RUNNING ? TimeLeft(job.seconds_left()) : "-", job.message()});
  }
  table.Print();
  return kOk;
}

int CancelJob(const Globals& globals, const std::string& id) {
  grpc::ClientContext context;
  admin::v1::JobRequest request;
  request.set_id(id);
  Job job;
  const grpc::Status status = Connect(globals)->CancelJob(&context, request, &job);
  if (!status.ok()) return Report(globals, status);
  globals.json() ? PrintJson(job) : fmt::print("job {} is cancelled; what it has cached stays\n", id);
  return kOk;
}

int ForgetJob(const Globals& globals, const std::string& id) {
  grpc::ClientContext context;
  admin::v1::JobRequest request;
  request.set_id(id);
  Job job;
  const grpc::Status status = Connect(globals)->ForgetJob(&context, request, &job);
  if (!status.ok()) return Report(globals, status);
  globals.json() ? PrintJson(job) : fmt::print("job {}, which {}, is forgotten\n", id, StateOf(job));
  return kOk;
}

int LimitJob(const Globals& globals, const std::string& id, const std::string& limit) {
  const auto rate = ParseRate(limit);
  if (!rate.ok())
    return Report(globals, {grpc::StatusCode::INVALID_ARGUMENT, "the rate: " + std::string(Message(rate.status()))});
  grpc::ClientContext context;
  admin::v1::SetJobLimitRequest request;
  request.set_id(id);
  request.set_limit_bytes_per_second(*rate);
  Job job;
  const grpc::Status status = Connect(globals)->SetJobLimit(&context, request, &job);
  if (!status.ok()) return Report(globals, status);
  globals.json() ? PrintJson(job) : fmt::print("job {}: {}\n", id, *rate == 0 ? "no limit" : FormatBytes(*rate) + "/s");
  return kOk;
}

int Throttle(const Globals& globals, const std::string& dataset, const std::string& read, uint64_t requests) {
  admin::v1::SetThrottleRequest request;
  request.set_dataset(dataset);
  const auto rate = ParseRate(read);
  if (!rate.ok())
    return Report(globals, {grpc::StatusCode::INVALID_ARGUMENT, "--read: " + std::string(Message(rate.status()))});
  request.mutable_throttle()->set_read_bytes_per_second(*rate);
  request.mutable_throttle()->set_requests_per_second(requests);
  grpc::ClientContext context;
  admin::v1::Throttle reply;
  const grpc::Status status = Connect(globals)->SetThrottle(&context, request, &reply);
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
  } else {
    fmt::print("{}: {}, {}\n", dataset, *rate == 0 ? "no limit on bytes" : FormatBytes(*rate) + "/s",
               requests == 0 ? "no limit on requests" : fmt::format("{} requests/s", requests));
  }
  return kOk;
}

int Files(const Globals& globals, FilesAction action, const std::string& dataset,
          const std::vector<std::string>& patterns) {
  const auto stub = Connect(globals);
  grpc::ClientContext context;
  admin::v1::FilesRequest request;
  request.set_dataset(dataset);
  for (const std::string& pattern : patterns) request.add_patterns(pattern);
  admin::v1::FilesResult reply;
  grpc::Status status;
  std::string_view done;
  switch (action) {
    case FilesAction::kEvict:
      status = stub->Evict(&context, request, &reply);
      done = "evicted";
      break;
    case FilesAction::kPin:
      status = stub->Pin(&context, request, &reply);
      done = "pinned";
      break;
    case FilesAction::kUnpin:
      status = stub->Unpin(&context, request, &reply);
      done = "unpinned";
      break;
    case FilesAction::kVerify:
      status = stub->Verify(&context, request, &reply);
      done = "verified";
      break;
  }
  if (!status.ok()) return Report(globals, status);
  if (globals.json()) {
    PrintJson(reply);
  } else {
    fmt::print("{} {} files, {}\n", done, reply.files(), FormatBytes(reply.bytes()));
    if (reply.files_in_use() > 0) fmt::print("{} files are in use and stay\n", reply.files_in_use());
    if (action == FilesAction::kVerify)
      fmt::print("{} bad blocks{}\n", reply.bad_blocks(), reply.bad_blocks() > 0 ? " were dropped" : "");
  }
  return reply.bad_blocks() > 0 ? kFailed : kOk;
}

}  // namespace sluice::cli
