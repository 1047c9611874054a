// The headers of a web server's reply to a range request, and the texts that URLs, dates and versions are read from.
//
// The first line is "OFFSET LENGTH VERSION" of what was asked for, the second the status; headers follow.
// Properties: a reply that is accepted is of that version, and its Content-Range, read by other means, is that range;
// a digest has its algorithm's length; no header that is made from a version is more than one line; what is
// percent-encoded is read back.
#include <cinttypes>

#include "source/http_range.h"
#include "source/source_digest.h"
#include "source/uri.h"
#include "tests/fuzz/fuzz.h"

namespace sluice::source {
namespace {

using fuzz::Expect;

void CheckAccepted(const HttpReply& reply, ByteRange range, const std::string& version) {
  const std::string& etag = reply.header("etag");
  Expect(version.empty() || VersionOf(etag, reply.header("last-modified")) == version, "it is of the version");
  const std::string& length = reply.header("content-length");
  Expect(length.empty() || std::strtoull(length.c_str(), nullptr, 10) == range.length, "it is as long");
  if (reply.status == 200) return Expect(range.offset == 0, "all of it is a range that begins at 0");
  uint64_t first = 0;
  uint64_t last = 0;
  const int read = std::sscanf(reply.header("content-range").c_str(), "bytes %" SCNu64 "-%" SCNu64, &first, &last);
  Expect(read == 2 && first == range.offset && last == range.end() - 1, "it is the range");
}

void CheckTexts(const std::string& text) {
  Expect(PercentDecode(PercentEncode(text, false)) == text, "what is encoded is read back");
  Expect(PercentDecode(text).size() <= text.size(), "decoding makes nothing longer");
  for (const int64_t seconds : {ParseHttpDate(text), ParseIsoDate(text)}) {
    int64_t ns = 0;
    Expect(!__builtin_mul_overflow(seconds, int64_t{1'000'000'000}, &ns), "a date has nanoseconds");
  }
  const auto uri = ParseUri(text);
  if (!uri.ok()) return Expect(uri.status().code() == StatusCode::kInvalidArgument, "what is no URI is refused");
  Expect(uri->authority.find('/') == std::string::npos && uri->authority.find('@') == std::string::npos, "a host");
  Expect(uri->path.empty() || uri->path.front() == '/', "a path begins with '/'");
  Expect(ResolveUrl("https://h/d/list.json", text) == text, "a whole URL is not changed");
}

}  // namespace
}  // namespace sluice::source

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  std::string_view text = fuzz::TextOf(data, size);
  const std::string asked(fuzz::TakeLine(text));
  uint32_t offset = 0;
  uint32_t length = 0;
  int read = 0;
  std::sscanf(asked.c_str(), "%" SCNu32 " %" SCNu32 " %n", &offset, &length, &read);
  const ByteRange range{offset, uint64_t{length} + 1};
  const std::string version = asked.substr(static_cast<size_t>(read));

  source::HttpReply reply;
  reply.status = std::atoi(std::string(fuzz::TakeLine(text)).c_str());
  while (!text.empty()) {
    const std::string line(fuzz::TakeLine(text));
    source::TakeHeaderLine(line, &reply);
    source::CheckTexts(line);
  }
  for (const auto& [name, value] : reply.headers) source::CheckTexts(value);
  for (const auto& digest : {source::DigestOfS3(reply), source::DigestOfHttp(reply)}) {
    if (!digest) continue;
    fuzz::Expect(digest->value.size() == DigestStream(digest->algorithm).Finish().size(), "a digest is as long as one");
  }
  const Status accepted = source::RangeGuard(range, version, "object")(reply);
  if (accepted.ok()) source::CheckAccepted(reply, range, version);
  // A version may be of a manifest, or of XML, and hold anything: here a line break, too.
  for (std::string made : {asked, version}) {
    for (char& c : made) c = c == '|' ? '\r' : c;
    const std::string header = source::ConditionHeader(source::Unquote(made));
    fuzz::Expect(header.find_first_of("\r\n") == std::string::npos, "a header is one line");
  }
  return 0;
}
