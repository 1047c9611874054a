#include "source/uri.h"

#include <time.h>

#include <algorithm>
#include <cctype>
#include <cstdint>

namespace sluice::source {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int64_t ParseDate(const std::string& text, const char* format) {
  tm parts{};
  if (::strptime(text.c_str(), format, &parts) == nullptr) return 0;
  constexpr int64_t kSecondsMax = INT64_MAX / 1'000'000'000;
  const int64_t seconds = ::timegm(&parts);
  return seconds < -kSecondsMax || seconds > kSecondsMax ? 0 : seconds;
}

}  // namespace

StatusOr<Uri> ParseUri(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) {
    return InvalidArgument("'{}' is not a URI; write s3://BUCKET/PREFIX, https://HOST/PATH or file:///DIRECTORY", text);
  }
  Uri uri;
  uri.scheme = text.substr(0, colon);
  std::transform(uri.scheme.begin(), uri.scheme.end(), uri.scheme.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  std::string_view rest = text.substr(colon + 3);
  // An S3 prefix and a directory may hold '?' and '#'; only web addresses give them a meaning.
  if (uri.scheme.starts_with("http")) {
    if (const size_t at = rest.find('#'); at != std::string_view::npos) {
      uri.fragment = rest.substr(at + 1);
      rest = rest.substr(0, at);
    }
    if (const size_t at = rest.find('?'); at != std::string_view::npos) {
      uri.query = rest.substr(at + 1);
      rest = rest.substr(0, at);
    }
  }
  const size_t slash = rest.find('/');
  uri.authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) uri.path = rest.substr(slash);
  if (uri.authority.find('@') != std::string::npos) {
    return InvalidArgument("a source URI carries no credentials: give them as CSI secrets");
  }
  return uri;
}

std::string PercentEncode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (byte < 0x80 && std::isalnum(byte) != 0) || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      out += static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string ResolveUrl(std::string_view base, std::string_view reference) {
  if (reference.find("://") != std::string_view::npos) return std::string(reference);
  const std::string_view plain = base.substr(0, base.find_first_of("?#"));
  const size_t authority = plain.find("://") + 3;
  const size_t path = std::min(plain.find('/', authority), plain.size());
  if (reference.starts_with('/')) return fmt::format("{}{}", plain.substr(0, path), reference);
  const size_t last = plain.rfind('/');
  if (last < authority) return fmt::format("{}/{}", plain, reference);
  return fmt::format("{}{}", plain.substr(0, last + 1), reference);
}

int64_t ParseHttpDate(const std::string& text) { return ParseDate(text, "%a, %d %b %Y %H:%M:%S"); }
int64_t ParseIsoDate(const std::string& text) { return ParseDate(text, "%Y-%m-%dT%H:%M:%S"); }

}  // namespace sluice::source
