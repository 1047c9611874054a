// HTTP requests on one libcurl multi handle with a thread of its own: connections are reused, bodies go straight
// into the caller's memory, and the caller learns how much has arrived while the rest is under way.
//
// Threads:   Perform on the loop. The client's thread runs curl and `accept`, and posts to the loop.
// Suspends:  Perform.
// Owns:      its thread and connections. `target` is the caller's until Perform returns.
// Limits:    kConnectionsPerHost connections to one host, more requests queue; a reply body that has no target is cut
//            at kBodyBytesMax; connect, stall and redirect limits below. The caller sets the total deadline.
// Errors:    UNAVAILABLE (connect, reset, short body), DEADLINE_EXCEEDED (stall), INVALID_ARGUMENT (URL), and what
//            `accept` returned. A reply of any HTTP status is no error here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/status.h"
#include "io/loop.h"

namespace sluice::source {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // what did not go to the target
  std::string linked_etag = {};                // X-Linked-ETag, also of a redirect on the way: model hubs' SHA-256

  // Empty when the header is not there.
  const std::string& header(const std::string& name) const;
};

// Adds a line of a reply's header as the server sent it. A status line begins anew: a redirect or a 100 came before.
void TakeHeaderLine(std::string_view line, HttpReply* reply);

struct HttpRequest {
  std::string method = "GET";  // or HEAD
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  bool follow_redirects = false;
  // A 2xx body goes here when it is not empty; a body of another length is an error.
  std::span<std::byte> target;
  // Asked before the first byte of a 2xx body is taken; an error ends the transfer. Runs on the client's thread.
  std::function<Status(const HttpReply&)> accept;
  // On the loop: how many bytes of the target have arrived.
  std::function<void(size_t)> on_progress;
};

class HttpClient {
 public:
  static constexpr long kConnectionsPerHost = 64;
  static constexpr size_t kBodyBytesMax = 16 * 1024 * 1024;
  static constexpr Duration kConnectTimeout = std::chrono::seconds(5);
  static constexpr Duration kStallTimeout = std::chrono::seconds(10);  // no byte for so long
  static constexpr Duration kRequestTimeout = std::chrono::minutes(2);

  // `ca_file`: PEM certificates to trust instead of the system's; empty for the system's.
  explicit HttpClient(io::Loop& loop, std::string ca_file = "");
  ~HttpClient();  // ends transfers under way; nobody may await one any more

  io::Task<StatusOr<HttpReply>> Perform(HttpRequest request);

 private:
  class Engine;
  io::Loop& loop_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace sluice::source
