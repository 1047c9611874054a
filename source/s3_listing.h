// S3's XML replies: listings and errors. Input from a server that may be hostile.
//
// Threads:  pure functions.
// Limits:   a reply is at most HttpClient::kBodyBytesMax long; pugixml expands no entities of its own making.
// Errors:   DATA_LOSS when the text is no listing.
#pragma once

#include <string>
#include <string_view>

#include "common/status.h"
#include "source/source.h"

namespace sluice::source {

// A ListObjectsV2 reply (with encoding-type=url) to a request with prefix `prefix` and delimiter "/".
// Files and directories come in one order, that of their keys, if each are in order. Keys that cannot be shown as one
// component below `prefix` are Page::hidden; the key that equals the prefix marks the directory itself and is not
// shown. docs/semantics.md has the rules.
StatusOr<Page> ParseListing(std::string_view xml, std::string_view prefix);

struct S3Error {
  std::string code;  // "NoSuchBucket", "SignatureDoesNotMatch", …; empty when the reply has none
  std::string message;
};
S3Error ParseS3Error(std::string_view xml);

// Whether the server does not know who asks; not that it knows and refuses.
bool RefusesCredentials(const S3Error& error);

}  // namespace sluice::source
