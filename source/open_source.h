// From a volume's parameters to a Source: the one place that knows every kind.
//
// Threads:   on the loop.
// Errors:    INVALID_ARGUMENT for a URI or option that fits no kind, with what would be right; FileSource's.
#pragma once

#include <memory>

#include "io/file_io.h"
#include "source/credential_store.h"
#include "source/retry.h"
#include "source/source.h"

namespace sluice::source {

class HttpClient;

struct SourceOptions {
  std::string uri;       // s3://BUCKET/PREFIX, http(s)://HOST/PATH[#manifest], file:///DIRECTORY
  std::string endpoint;  // S3 only
  std::string region;    // S3 only
  std::optional<bool> path_style;
  std::shared_ptr<const CredentialStore> credentials = std::make_shared<CredentialStore>();  // S3 only
  RetryOptions retry;
};

// What sources are built on; outlives them.
struct SourceContext {
  io::Loop& loop;
  io::FileIo& io;
  io::BlockingPool& pool;
  std::shared_ptr<HttpClient> http;
  SourceMetrics& metrics;
};

StatusOr<std::unique_ptr<Source>> OpenSource(const SourceOptions& options, const SourceContext& context);

}  // namespace sluice::source
