// A directory of an object store in memory: keys as given, hidden ones among them. It answers late, one request sooner
// than another, and may behave as no store should.
//
// Threads:  on one loop.
#pragma once

#include <algorithm>
#include <functional>
#include <random>

#include "io/loop.h"
#include "source/source.h"

namespace sluice {

class KeySource : public source::Source {
 public:
  KeySource(io::Loop& loop, uint32_t seed) : loop_(loop), random_(seed) {}

  std::vector<std::string> keys;  // ascending
  size_t page_keys_max = 10;
  bool page_sizes_vary = false;
  bool ignores_after = false;
  bool refuses_after = false;
  Status failure;  // of requests, from the failing_from-th on
  size_t failing_from = SIZE_MAX;
  size_t requests = 0;
  size_t running = 0;
  size_t running_max = 0;

  io::Task<StatusOr<source::Entry>> Stat(std::string path) override { co_return NotFound("{}", path); }
  io::Task<Status> Read(source::ReadRequest request) override { co_return NotFound("{}", request.path); }
  bool CanListAfter(std::string_view) const override { return true; }

  io::Task<StatusOr<source::Page>> List(std::string, std::string continuation) override {
    return PageFrom(continuation.empty() ? 0 : std::stoul(continuation));
  }
  io::Task<StatusOr<source::Page>> ListAfter(std::string, std::string key) override {
    if (refuses_after) return Fail(FailedPrecondition("no start-after here"));
    if (ignores_after) return PageFrom(0);
    // A server goes through its keys in its own order, and begins behind the key's place in that.
    const auto at = std::find_if(keys.begin(), keys.end(), [&](const std::string& k) { return Before(key, k); });
    return PageFrom(static_cast<size_t>(at - keys.begin()));
  }

  // How the server orders keys; by bytes unless told.
  std::function<bool(const std::string&, const std::string&)> Before = std::less<std::string>();

 private:
  static io::Task<StatusOr<source::Page>> Fail(Status status) { co_return status; }

  io::Task<StatusOr<source::Page>> PageFrom(size_t at) {
    running_max = std::max(running_max, ++running);
    const bool fails = requests++ >= failing_from;
    co_await loop_.Sleep(std::chrono::microseconds(random_() % 300));
    --running;
    if (fails) co_return failure;
    source::Page page;
    const size_t most = page_sizes_vary ? 1 + random_() % page_keys_max : page_keys_max;
    const size_t end = std::min(keys.size(), at + most);
    for (; at < end; ++at) Add(page, keys[at]);
    page.hidden = page.hidden_keys.size();
    std::sort(page.entries.begin(), page.entries.end(),
              [](const auto& a, const auto& b) { return source::KeyOf(a) < source::KeyOf(b); });
    if (end < keys.size()) page.next = std::to_string(end);
    co_return page;
  }
  static void Add(source::Page& page, std::string key) {
    if (key.starts_with("..")) return page.hidden_keys.push_back(key);
    source::Entry entry;
    if (key.ends_with('/')) {
      entry.kind = source::Entry::Kind::kDirectory;
      key.pop_back();
    }
    entry.name = key;
    page.entries.push_back(entry);
  }

  io::Loop& loop_;
  std::minstd_rand random_;
};

}  // namespace sluice
