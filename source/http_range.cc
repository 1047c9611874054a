#include "source/http_range.h"

#include <charconv>

namespace sluice::source {

std::string RangeHeader(ByteRange range) {
  return fmt::format("Range: bytes={}-{}", range.offset, range.end() - 1);
}

std::string Unquote(const std::string& etag) {
  std::string_view view = etag;
  if (view.size() >= 2 && view.front() == '"' && view.back() == '"') view = view.substr(1, view.size() - 2);
  return std::string(view);
}

std::function<Status(const HttpReply&)> RangeGuard(ByteRange range, std::string etag, std::string what) {
  return [range, etag = std::move(etag), what = std::move(what)](const HttpReply& reply) -> Status {
    const std::string& got = reply.header("etag");
    if (!etag.empty() && !got.empty() && Unquote(got) != etag) {
      return Aborted("{} has changed: its ETag was {} and is {} now", what, etag, got);
    }
    if (reply.status == 200) {  // the server does not do ranges: good only when the whole object was asked for
      const std::string& length = reply.header("content-length");
      if (range.offset == 0 && length == std::to_string(range.length)) return absl::OkStatus();
      return DataLoss("{}: the server ignores range requests", what);
    }
    const std::string expected = fmt::format("bytes {}-{}/", range.offset, range.end() - 1);
    if (!reply.header("content-range").starts_with(expected)) {
      return DataLoss("{}: asked for {} and got Content-Range '{}'", what, expected, reply.header("content-range"));
    }
    return absl::OkStatus();
  };
}

}  // namespace sluice::source
