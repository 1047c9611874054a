#include "common/digest.h"

#include <absl/strings/escaping.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <cctype>

namespace sluice {
namespace {

const EVP_MD* FunctionOf(Digest::Algorithm algorithm) {
  switch (algorithm) {
    case Digest::Algorithm::kMd5:
      return EVP_md5();
    case Digest::Algorithm::kSha1:
      return EVP_sha1();
    case Digest::Algorithm::kSha256:
      return EVP_sha256();
    case Digest::Algorithm::kCrc32:
      return nullptr;
  }
  return nullptr;
}

size_t LengthOf(Digest::Algorithm algorithm) {
  const EVP_MD* const function = FunctionOf(algorithm);
  return function == nullptr ? sizeof(uint32_t) : static_cast<size_t>(EVP_MD_get_size(function));
}

}  // namespace

std::string_view NameOf(Digest::Algorithm algorithm) {
  constexpr std::string_view kNames[] = {"MD5", "SHA-1", "SHA-256", "CRC32"};
  return kNames[static_cast<size_t>(algorithm)];
}

std::optional<Digest> DigestOfHex(Digest::Algorithm algorithm, std::string_view text) {
  const bool is_hex = std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (!is_hex || text.size() != 2 * LengthOf(algorithm)) return std::nullopt;
  return Digest{algorithm, absl::HexStringToBytes({text.data(), text.size()})};
}

std::optional<Digest> DigestOfBase64(Digest::Algorithm algorithm, std::string_view text) {
  Digest digest{algorithm, ""};
  const bool is_base64 = absl::Base64Unescape({text.data(), text.size()}, &digest.value);
  if (!is_base64 || digest.value.size() != LengthOf(algorithm)) return std::nullopt;
  return digest;
}

std::string Hex(std::string_view bytes) { return absl::BytesToHexString({bytes.data(), bytes.size()}); }

void DigestStream::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

DigestStream::DigestStream(Digest::Algorithm algorithm) {
  const EVP_MD* const function = FunctionOf(algorithm);
  if (function == nullptr) return;
  context_.reset(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context_.get(), function, nullptr);
}

void DigestStream::Add(std::span<const std::byte> bytes) {
  if (context_ != nullptr) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  } else {
    crc_ = static_cast<uint32_t>(crc32_z(crc_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
  }
}

std::string DigestStream::Finish() {
  if (context_ == nullptr) {
    std::string value;
    for (int shift = 24; shift >= 0; shift -= 8) value += static_cast<char>(crc_ >> shift);
    return value;
  }
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(context_.get(), value, &length);
  return {reinterpret_cast<const char*>(value), length};
}

}  // namespace sluice
