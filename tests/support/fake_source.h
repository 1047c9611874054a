// A source in memory that counts, waits and fails on command.
//
// Threads:  on one loop.
#pragma once

#include <cstring>
#include <deque>
#include <map>

#include "io/sync.h"
#include "source/source.h"

namespace sluice {

class FakeSource : public source::Source {
 public:
  explicit FakeSource(io::Loop& loop) : loop_(loop), released_(loop) {}

  // Files by path; the version is made from the text.
  std::map<std::string, std::string> files;
  size_t reads = 0;
  size_t lists = 0;
  size_t lists_running = 0;
  size_t lists_running_max = 0;  // the most at a time
  size_t stats = 0;
  uint64_t bytes_read = 0;
  bool hold = false;                 // reads wait until Release
  std::deque<Status> read_failures;  // the next reads fail so
  std::deque<Status> list_failures;  // the next listings fail so
  size_t entries_per_page = 3;
  std::map<std::string, Digest> digests;  // by path; it gives none while there are none
  size_t digests_asked = 0;
  std::deque<Status> digest_failures;  // the next questions for one fail so
  std::deque<char> flips;              // the first byte of the next reads has these bits flipped

  void Release() {
    hold = false;
    released_.Notify();
  }
  static std::string VersionOf(const std::string& text) { return std::to_string(std::hash<std::string>{}(text)); }

  io::Task<StatusOr<source::Entry>> Stat(std::string path) override {
    ++stats;
    co_await loop_.Sleep(std::chrono::microseconds(1));
    if (const auto file = files.find(path); file != files.end()) co_return EntryOf(path, file->second);
    for (const auto& [name, text] : files) {
      if (path.empty() || name.starts_with(path + "/")) co_return Directory(path);
    }
    co_return NotFound("no {}", path);
  }

  io::Task<StatusOr<source::Page>> List(std::string directory, std::string continuation) override {
    ++lists;
    lists_running_max = std::max(lists_running_max, ++lists_running);
    co_await loop_.Sleep(std::chrono::microseconds(1));
    --lists_running;
    if (!list_failures.empty()) {
      const Status failure = list_failures.front();
      list_failures.pop_front();
      co_return failure;
    }
    std::map<std::string, source::Entry> entries;
    const std::string prefix = directory.empty() ? "" : directory + "/";
    for (const auto& [path, text] : files) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      const size_t slash = rest.find('/');
      const std::string name = rest.substr(0, slash);
      entries[name] = slash == std::string::npos ? EntryOf(path, text) : Directory(name);
    }
    source::Page page;
    for (auto at = entries.upper_bound(continuation); at != entries.end(); ++at) {
      if (page.entries.size() == entries_per_page) {
        page.next = page.entries.back().name;
        break;
      }
      page.entries.push_back(at->second);
    }
    co_return page;
  }

  io::Task<Status> Read(source::ReadRequest request) override {
    ++reads;
    co_await loop_.Sleep(std::chrono::microseconds(1));
    while (hold) co_await released_.Wait();
    if (!read_failures.empty()) {
      const Status failure = read_failures.front();
      read_failures.pop_front();
      if (!failure.ok()) co_return failure;
    }
    const auto file = files.find(request.path);
    if (file == files.end()) co_return NotFound("no {}", request.path);
    if (VersionOf(file->second) != request.version) co_return Aborted("{} has changed", request.path);
    std::memcpy(request.target.data(), file->second.data() + request.offset_bytes, request.target.size());
    if (!flips.empty()) {
      request.target[0] ^= static_cast<std::byte>(flips.front());
      flips.pop_front();
    }
    if (const auto digest = digests.find(request.path); digest != digests.end() && request.digest != nullptr)
      *request.digest = digest->second;
    bytes_read += request.target.size();
    if (request.on_progress) request.on_progress(request.target.size());
    co_return absl::OkStatus();
  }

  bool GivesDigests() const override { return !digests.empty(); }
  io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string path, std::string) override {
    ++digests_asked;
    co_await loop_.Sleep(std::chrono::microseconds(1));
    if (!digest_failures.empty()) {
      const Status failure = digest_failures.front();
      digest_failures.pop_front();
      co_return failure;
    }
    const auto digest = digests.find(path);
    co_return digest == digests.end() ? std::nullopt : std::optional(digest->second);
  }

 private:
  static source::Entry EntryOf(const std::string& path, const std::string& text) {
    source::Entry entry;
    entry.name = path.substr(path.rfind('/') + 1);
    entry.size_bytes = text.size();
    entry.version = VersionOf(text);
    return entry;
  }
  static source::Entry Directory(const std::string& path) {
    source::Entry entry;
    entry.name = path.substr(path.rfind('/') + 1);
    entry.kind = source::Entry::Kind::kDirectory;
    return entry;
  }

  io::Loop& loop_;
  io::Event released_;
};

}  // namespace sluice
