// The checks that make a range GET trustworthy, for S3 and plain HTTP alike.
//
// Threads:  pure functions; the result of RangeGuard may run on any thread.
#pragma once

#include <functional>

#include "common/bytes.h"
#include "source/http_client.h"

namespace sluice::source {

// "Range: bytes=FIRST-LAST".
std::string RangeHeader(ByteRange range);

// The ETag without quotes.
std::string Unquote(const std::string& etag);

// What a version is made of: the strong ETag; where the server gives none "~" and Last-Modified as it was sent.
std::string VersionOf(const std::string& etag, const std::string& last_modified);

// The header that makes a GET conditional on `version`, one line whatever that holds; empty when there is none for it.
std::string ConditionHeader(const std::string& version);

// Accepts a reply only when it holds exactly `range` of `version`, whether the server honours conditions or not.
// Errors: ABORTED when it is another version; DATA_LOSS when the range is not the one asked for.
std::function<Status(const HttpReply&)> RangeGuard(ByteRange range, std::string version, std::string what);

}  // namespace sluice::source
