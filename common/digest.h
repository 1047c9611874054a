// A checksum of an object's whole content, as a source gives it, and the same of bytes at hand.
//
// Threads:  values; a DigestStream by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

struct Digest {
  enum class Algorithm : uint8_t { kMd5, kSha1, kSha256, kCrc32, kCrc32c, kCrc64Nvme };

  Algorithm algorithm = Algorithm::kSha256;
  std::string value;      // its bytes; of a CRC the highest first
  bool is_guess = false;  // it only looks like one: an ETag of 32 hexadecimal digits need be no MD5

  bool operator==(const Digest&) const = default;
};

// "MD5", "SHA-1", "SHA-256", "CRC32", "CRC32C", "CRC64NVME".
std::string_view NameOf(Digest::Algorithm algorithm);

// nullopt when the text is none of that algorithm.
std::optional<Digest> DigestOfHex(Digest::Algorithm algorithm, std::string_view text);
std::optional<Digest> DigestOfBase64(Digest::Algorithm algorithm, std::string_view text);

std::string Hex(std::string_view bytes);

// Bytes in order, and in the end what they come to.
class DigestStream {
 public:
  explicit DigestStream(Digest::Algorithm algorithm);
  ~DigestStream();

  void Add(std::span<const std::byte> bytes);
  std::string Finish();

 private:
  class Function;
  template <typename Crc>
  class CrcFunction;
  class EvpFunction;
  static std::unique_ptr<Function> Make(Digest::Algorithm algorithm);

  const std::unique_ptr<Function> function_;
};

}  // namespace sluice
