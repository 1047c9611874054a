#include "common/digest.h"

#include <absl/strings/escaping.h>
#include <openssl/evp.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cctype>

namespace sluice {
namespace {

size_t LengthOf(Digest::Algorithm algorithm) {
  constexpr size_t kLengths[] = {16, 20, 32, 4, 4, 8};
  return kLengths[static_cast<size_t>(algorithm)];
}

// https://reveng.sourceforge.io/crc-catalogue: CRC-32/ISCSI and CRC-64/NVME.
using Crc32c = boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true>;
using Crc64Nvme = boost::crc_optimal<64, 0xAD93D23594C93659, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, true, true>;

}  // namespace

std::string_view NameOf(Digest::Algorithm algorithm) {
  constexpr std::string_view kNames[] = {"MD5", "SHA-1", "SHA-256", "CRC32", "CRC32C", "CRC64NVME"};
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

class DigestStream::Function {
 public:
  virtual ~Function() = default;
  virtual void Add(std::span<const std::byte> bytes) = 0;
  virtual std::string Finish() = 0;
};

class DigestStream::EvpFunction final : public Function {
 public:
  explicit EvpFunction(const EVP_MD* function) { EVP_DigestInit_ex(context_, function, nullptr); }
  ~EvpFunction() override { EVP_MD_CTX_free(context_); }
  void Add(std::span<const std::byte> bytes) override { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string Finish() override {
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(context_, value, &length);
    return {reinterpret_cast<const char*>(value), length};
  }

 private:
  EVP_MD_CTX* const context_ = EVP_MD_CTX_new();
};

template <typename Crc>
class DigestStream::CrcFunction final : public Function {
 public:
  void Add(std::span<const std::byte> bytes) override { crc_.process_bytes(bytes.data(), bytes.size()); }
  std::string Finish() override {
    std::string value;
    for (int shift = Crc::bit_count - 8; shift >= 0; shift -= 8) value += static_cast<char>(crc_.checksum() >> shift);
    return value;
  }

 private:
  Crc crc_;
};

std::unique_ptr<DigestStream::Function> DigestStream::Make(Digest::Algorithm algorithm) {
  switch (algorithm) {
    case Digest::Algorithm::kMd5:
      return std::make_unique<EvpFunction>(EVP_md5());
    case Digest::Algorithm::kSha1:
      return std::make_unique<EvpFunction>(EVP_sha1());
    case Digest::Algorithm::kSha256:
      return std::make_unique<EvpFunction>(EVP_sha256());
    case Digest::Algorithm::kCrc32:
      return std::make_unique<CrcFunction<boost::crc_32_type>>();
    case Digest::Algorithm::kCrc32c:
      return std::make_unique<CrcFunction<Crc32c>>();
    case Digest::Algorithm::kCrc64Nvme:
      return std::make_unique<CrcFunction<Crc64Nvme>>();
  }
  return nullptr;
}

DigestStream::DigestStream(Digest::Algorithm algorithm) : function_(Make(algorithm)) {}

DigestStream::~DigestStream() = default;

void DigestStream::Add(std::span<const std::byte> bytes) { function_->Add(bytes); }

std::string DigestStream::Finish() { return function_->Finish(); }

}  // namespace sluice
