// URIs of sources, and percent-encoding as S3's signatures and RFC 3986 want it.
//
// Threads:  pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/status.h"

namespace sluice::source {

struct Uri {
  std::string scheme;     // lower case: s3, http, https, file
  std::string authority;  // "host[:port]", or the bucket of s3://
  std::string path;       // as written, begins with '/' or is empty
  std::string query;      // without '?'
  std::string fragment;   // without '#'
};

// Error: INVALID_ARGUMENT that shows the right form.
StatusOr<Uri> ParseUri(std::string_view text);

// RFC 3986: everything but letters, digits and -._~ becomes %XX; '/' stays when `keep_slash`.
std::string PercentEncode(std::string_view text, bool keep_slash);
// Bytes of %XX; a '%' that begins no such triple stays as it is.
std::string PercentDecode(std::string_view text);

// `reference` (absolute, "/path" or "path") against the http(s) URL `base`.
std::string ResolveUrl(std::string_view base, std::string_view reference);

// Seconds since 1970 of an HTTP date or an ISO 8601 one; 0 when it is neither, and when nanoseconds since 1970 do not
// reach it (before 1678, after 2262).
int64_t ParseHttpDate(const std::string& text);
int64_t ParseIsoDate(const std::string& text);

}  // namespace sluice::source
