#include "source/sigv4.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "source/uri.h"

namespace sluice::source {
namespace {

constexpr std::string_view kEmptyPayloadSha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string Hmac(std::string_view key, std::string_view data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(data.data()),
       data.size(), digest, &length);
  return {reinterpret_cast<const char*>(digest), length};
}

}  // namespace

std::string Sha256(std::string_view data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(data.data(), data.size(), digest, &length, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest), length};
}

std::string EncodeQuery(const std::map<std::string, std::string>& query) {
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += '&';
    out += PercentEncode(name, false) + "=" + PercentEncode(value, false);
  }
  return out;
}

std::vector<std::string> Sign(const SigningRequest& request, const Credentials& credentials, std::string_view region,
                              WallTime now) {
  const std::tm utc = fmt::gmtime(std::chrono::system_clock::to_time_t(now));
  const std::string date = fmt::format("{:%Y%m%d}", utc);
  const std::string time = fmt::format("{:%Y%m%dT%H%M%SZ}", utc);

  std::map<std::string, std::string> signed_headers = {
      {"host", request.host}, {"x-amz-content-sha256", std::string(kEmptyPayloadSha256)}, {"x-amz-date", time}};
  signed_headers.insert(request.headers.begin(), request.headers.end());
  if (!credentials.session_token.empty()) signed_headers["x-amz-security-token"] = credentials.session_token;
  std::string canonical_headers;
  std::string names;
  for (const auto& [name, value] : signed_headers) {
    canonical_headers += fmt::format("{}:{}\n", name, value);
    names += (names.empty() ? "" : ";") + name;
  }
  const std::string canonical = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.encoded_path,
                                            EncodeQuery(request.query), canonical_headers, names, kEmptyPayloadSha256);
  const std::string scope = fmt::format("{}/{}/s3/aws4_request", date, region);
  const std::string to_sign = fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", time, scope, Hex(Sha256(canonical)));
  std::string key = Hmac("AWS4" + credentials.secret_access_key, date);
  for (const std::string_view part : {region, std::string_view("s3"), std::string_view("aws4_request")}) {
    key = Hmac(key, part);
  }
  const std::string signature = Hex(Hmac(key, to_sign));

  std::vector<std::string> headers;
  for (const auto& [name, value] : signed_headers) {
    if (name != "host") headers.push_back(fmt::format("{}: {}", name, value));
  }
  headers.push_back(fmt::format("Authorization: AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}",
                                credentials.access_key_id, scope, names, signature));
  return headers;
}

}  // namespace sluice::source
