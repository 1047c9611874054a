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

// Accepts a reply only when it holds exactly `range` of the version `etag` (empty: not checked).
// Errors: ABORTED when the ETag is another one; DATA_LOSS when the range is not the one asked for.
std::function<Status(const HttpReply&)> RangeGuard(ByteRange range, std::string etag, std::string what);

}  // namespace sluice::source
