// An S3 bucket, or a prefix of one, shown as a tree.
//
// Listings go by directory (delimiter "/"); reads are range GETs with If-Match, so that a replaced object is an
// ABORTED read and never a mixture. Path-style and virtual-host addressing; signed, or anonymous without credentials.
// A request that is refused is sent once more when there is reason to: it was this node's wrong time, and is signed
// with the server's now (ServerClock); or newer credentials came while it was under way.
//
// Threads, Suspends, Errors:  as source/source.h. Credentials stay in their CredentialStore and in request headers.
#pragma once

#include <memory>
#include <optional>

#include "source/credential_store.h"
#include "source/http_client.h"
#include "source/server_clock.h"
#include "source/source.h"
#include "source/uri.h"

namespace sluice::source {

struct S3Options {
  std::string bucket;
  std::string prefix;    // without leading or trailing '/'
  std::string endpoint;  // "https://host[:port]"; empty for AWS' own of the region
  std::string region = "us-east-1";
  std::optional<bool> path_style;  // default: see AddressOf
  std::shared_ptr<const CredentialStore> credentials = std::make_shared<CredentialStore>();
};

// Where a bucket is.
struct S3Address {
  std::string host;  // Host header and signature: without the scheme's own port, as HTTP clients send it
  std::string path;  // what every request's path begins with: the endpoint's own path and, in path style, the bucket
};

// The host holds the bucket's name where that is asked for, and by default on AWS; a name with dots has no certificate.
S3Address AddressOf(const S3Options& options, const Uri& endpoint);

class S3Source : public Source {
 public:
  static constexpr int kPageEntriesMax = 1000;  // S3's own limit

  // `clock_corrections` counts what was learnt of the server's time; it may be null.
  static StatusOr<std::unique_ptr<S3Source>> Create(S3Options options, std::shared_ptr<HttpClient> http,
                                                    const Clock& clock, Counter* clock_corrections);

  io::Task<StatusOr<Entry>> Stat(std::string path) override;
  io::Task<StatusOr<Page>> List(std::string directory, std::string continuation) override;
  bool CanListAfter(std::string_view) const override { return true; }
  io::Task<StatusOr<Page>> ListAfter(std::string directory, std::string key) override;
  io::Task<Status> Read(ReadRequest request) override;
  bool GivesDigests() const override { return true; }
  io::Task<StatusOr<std::optional<Digest>>> DigestOf(std::string path, std::string version) override;

 private:
  S3Source(S3Options options, Uri endpoint, std::shared_ptr<HttpClient> http, const Clock& clock,
           Counter* clock_corrections);

  // The object at `path`, and what the keys of the directory `path` begin with.
  std::string Key(std::string_view path) const;
  std::string KeysBelow(std::string_view path) const;
  using Query = std::map<std::string, std::string>;
  // `request` with its address, and signed if there are credentials; the reply to it. `checksums`: with those of the
  // whole object, if the server has any.
  io::Task<StatusOr<HttpReply>> Send(HttpRequest request, std::string key, Query query, bool checksums = false);
  Status Explain(const HttpReply& reply, std::string_view what) const;
  io::Task<StatusOr<Entry>> Head(std::string path);
  // Where a listing begins, as a parameter of the request.
  using Begin = std::pair<std::string, std::string>;
  io::Task<StatusOr<Page>> ListPrefix(std::string prefix, Begin begin, int entries_max);

  const S3Options options_;
  const Uri endpoint_;
  const S3Address address_;
  std::shared_ptr<HttpClient> http_;
  ServerClock time_;
};

}  // namespace sluice::source
