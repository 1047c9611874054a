#include "source/source_digest.h"

#include <absl/strings/ascii.h>

#include "source/http_range.h"

namespace sluice::source {
namespace {

using Algorithm = Digest::Algorithm;

std::string_view Trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// The member `name` of "NAME=VALUE, NAME=VALUE;PARAMETER, …"; empty when it is not there.
std::string_view Member(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    item = Trim(item.substr(0, item.find(';')));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    if (absl::AsciiStrToLower({item.data(), equals}) == name) return item.substr(equals + 1);
  }
  return "";
}

// RFC 9530: SHA-256 is a "byte sequence", base64 between colons.
std::string_view ByteSequence(std::string_view text) {
  if (text.size() < 2 || text.front() != ':' || text.back() != ':') return "";
  return text.substr(1, text.size() - 2);
}

}  // namespace

std::optional<Digest> DigestOfS3(const HttpReply& reply) {
  constexpr std::pair<Algorithm, const char*> kChecksums[] = {{Algorithm::kSha256, "x-amz-checksum-sha256"},
                                                              {Algorithm::kSha1, "x-amz-checksum-sha1"},
                                                              {Algorithm::kCrc64Nvme, "x-amz-checksum-crc64nvme"},
                                                              {Algorithm::kCrc32c, "x-amz-checksum-crc32c"},
                                                              {Algorithm::kCrc32, "x-amz-checksum-crc32"}};
  // One of the parts' checksums has "-N" behind it, and is of none of these forms.
  const std::string& type = reply.header("x-amz-checksum-type");
  for (const auto& [algorithm, header] : kChecksums) {
    auto digest = DigestOfBase64(algorithm, reply.header(header));
    if (digest && (type.empty() || type == "FULL_OBJECT")) return digest;
  }
  const std::string& encryption = reply.header("x-amz-server-side-encryption");
  const bool may_be_md5 = (encryption.empty() || encryption == "AES256") &&
                          reply.header("x-amz-server-side-encryption-customer-algorithm").empty();
  if (!may_be_md5 || reply.header("etag").starts_with("W/")) return std::nullopt;
  auto digest = DigestOfHex(Algorithm::kMd5, Unquote(reply.header("etag")));
  if (digest) digest->is_guess = true;
  return digest;
}

void KeepBetter(std::optional<Digest> found, std::optional<Digest>* kept) {
  if (kept == nullptr || !found) return;
  if (!*kept || (*kept)->is_guess || !found->is_guess) *kept = std::move(found);
}

std::optional<Digest> DigestOfHttp(const HttpReply& reply) {
  // These are of the content as it is sent, which would be compressed.
  if (const std::string& coding = reply.header("content-encoding"); !coding.empty() && coding != "identity")
    return std::nullopt;
  if (auto digest = DigestOfHex(Algorithm::kSha256, Unquote(reply.linked_etag))) return digest;
  if (auto digest = DigestOfBase64(Algorithm::kSha256, ByteSequence(Member(reply.header("repr-digest"), "sha-256")))) {
    return digest;
  }
  const std::string& list = reply.header("digest");
  if (auto digest = DigestOfBase64(Algorithm::kSha256, Member(list, "sha-256"))) return digest;
  if (auto digest = DigestOfBase64(Algorithm::kMd5, Member(list, "md5"))) return digest;
  // Of a part, where only that is sent.
  if (reply.status == 200) return DigestOfBase64(Algorithm::kMd5, Trim(reply.header("content-md5")));
  return std::nullopt;
}

}  // namespace sluice::source
