#include "source/http_range.h"

#include <algorithm>

namespace sluice::source {

std::string RangeHeader(ByteRange range) { return fmt::format("Range: bytes={}-{}", range.offset, range.end() - 1); }

std::string Unquote(const std::string& etag) {
  std::string_view view = etag;
  if (view.size() >= 2 && view.front() == '"' && view.back() == '"') view = view.substr(1, view.size() - 2);
  return std::string(view);
}

std::string VersionOf(const std::string& etag, const std::string& last_modified) {
  const bool weak = etag.starts_with("W/");  // says nothing of the bytes
  return etag.empty() || weak ? "~" + last_modified : Unquote(etag);
}

std::string ConditionHeader(const std::string& version) {
  // If-Unmodified-Since would not do: servers that keep fractions of a second refuse their own Last-Modified.
  if (version.empty() || version.starts_with('~')) return "";
  // What a manifest or XML calls an ETag may hold anything, and a line break would end the header: such a version is
  // left to RangeGuard alone.
  if (std::any_of(version.begin(), version.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; })) return "";
  return fmt::format("If-Match: \"{}\"", version);
}

std::function<Status(const HttpReply&)> RangeGuard(ByteRange range, std::string version, std::string what) {
  return [range, version = std::move(version), what = std::move(what)](const HttpReply& reply) -> Status {
    const std::string got = version.empty() ? "" : VersionOf(reply.header("etag"), reply.header("last-modified"));
    if (got != version) return Aborted("{} has changed: it was version {} and is {} now", what, version, got);
    if (reply.status == 200) {  // the server does not do ranges: good only when the whole object was asked for
      const std::string& length = reply.header("content-length");
      if (range.offset == 0 && length == std::to_string(range.length)) return absl::OkStatus();
      return DataLoss("{}: the server ignores range requests", what);
    }
    if (const std::string& length = reply.header("content-length");
        !length.empty() && length != std::to_string(range.length)) {
      return DataLoss("{}: asked for {} bytes and got {}", what, range.length, length);
    }
    const std::string expected = fmt::format("bytes {}-{}/", range.offset, range.end() - 1);
    if (!reply.header("content-range").starts_with(expected)) {
      return DataLoss("{}: asked for {} and got Content-Range '{}'", what, expected, reply.header("content-range"));
    }
    return absl::OkStatus();
  };
}

}  // namespace sluice::source
