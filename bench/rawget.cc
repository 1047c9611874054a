// What the source itself can give: reads objects over HTTP with N connections and range requests, and throws them away.
// Cold reads and prewarms are compared with it.
//
//   rawget --parallel N [--part BYTES] [--first BYTES] < LIST      a line of LIST is "URL SIZE"; URLs are presigned
//
// Each connection stays open; each request asks for at most --part bytes, in order over all objects. With --first only
// the first bytes of every object are read. Prints JSON: seconds, bytes, requests, and how long a request took.
#include <curl/curl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

namespace {

struct Part {
  const std::string* url;
  uint64_t first, last;  // inclusive, as in a Range header
};

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Where a part's bytes go: a buffer that is used again, as a cache's would be.
struct Sink {
  std::vector<char> buffer;
  size_t filled = 0;

  static size_t Write(char* data, size_t size, size_t count, void* self) {
    auto& sink = *static_cast<Sink*>(self);
    if (sink.filled + size * count > sink.buffer.size()) return 0;
    std::memcpy(sink.buffer.data() + sink.filled, data, size * count);
    sink.filled += size * count;
    return size * count;
  }
};

class Reader {
 public:
  Reader(std::vector<Part> parts, size_t part_bytes) : parts_(std::move(parts)), part_bytes_(part_bytes) {}

  // One connection: takes parts until none is left.
  void Work(std::vector<double>& latencies_ms) {
    Sink sink{std::vector<char>(part_bytes_)};
    CURL* curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Sink::Write);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    for (size_t i = next_++; i < parts_.size(); i = next_++) {
      const Part& part = parts_[i];
      sink.filled = 0;
      const std::string range = std::to_string(part.first) + "-" + std::to_string(part.last);
      curl_easy_setopt(curl, CURLOPT_URL, part.url->c_str());
      curl_easy_setopt(curl, CURLOPT_RANGE, range.c_str());
      const double begin = Seconds();
      const CURLcode code = curl_easy_perform(curl);
      if (code != CURLE_OK || sink.filled != part.last - part.first + 1) {
        std::fprintf(stderr, "rawget: %s: %s, %zu bytes\n", part.url->c_str(), curl_easy_strerror(code), sink.filled);
        std::_Exit(1);
      }
      latencies_ms.push_back((Seconds() - begin) * 1e3);
      bytes_ += sink.filled;
    }
    curl_easy_cleanup(curl);
  }

  uint64_t bytes() const { return bytes_; }

 private:
  const std::vector<Part> parts_;
  const size_t part_bytes_;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  size_t parallel = 8;
  uint64_t part_bytes = 8 << 20;
  uint64_t first_bytes = UINT64_MAX;
  unsigned limit_seconds = 600;
  CLI::App app{"Reads presigned URLs with parallel range requests and throws the bytes away."};
  app.add_option("--parallel", parallel, "Connections")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--part", part_bytes, "Bytes of a request")->capture_default_str()->check(CLI::Range(1, 1 << 30));
  app.add_option("--first", first_bytes, "Read that many bytes of each object only");
  app.add_option("--limit", limit_seconds, "Seconds after which it is ended")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  alarm(limit_seconds);

  std::vector<std::unique_ptr<std::string>> urls;
  std::vector<Part> parts;
  std::string url;
  uint64_t size = 0;
  while (std::cin >> url >> size) {
    urls.push_back(std::make_unique<std::string>(url));
    size = std::min(size, first_bytes);
    for (uint64_t at = 0; at < size; at += part_bytes) {
      parts.push_back({urls.back().get(), at, std::min(at + part_bytes, size) - 1});
    }
  }
  curl_global_init(CURL_GLOBAL_ALL);
  const size_t requests = parts.size();
  Reader reader(std::move(parts), part_bytes);
  std::vector<std::vector<double>> latencies(parallel);
  const double begin = Seconds();
  {
    std::vector<std::jthread> threads;
    for (auto& mine : latencies) threads.emplace_back([&reader, &mine] { reader.Work(mine); });
  }
  const double seconds = Seconds() - begin;
  std::vector<double> all;
  for (const auto& part : latencies) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  nlohmann::json out = {
      {"seconds", seconds}, {"bytes", reader.bytes()}, {"requests", requests}, {"parallel", parallel}};
  if (!all.empty()) out["request_ms"] = {{"p50", all[all.size() / 2]}, {"p99", all[all.size() * 99 / 100]}};
  std::cout << out.dump(2) << std::endl;
  return 0;
}
