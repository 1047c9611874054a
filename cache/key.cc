#include "cache/key.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

namespace sluice::cache {

ObjectId ObjectId::Of(const ObjectVersion& v) {
  // Lengths in front of the strings: no two versions share a text.
  const std::string text = fmt::format("{}:{}{}:{}{}:{}{}/{}", v.dataset.size(), v.dataset, v.path.size(), v.path,
                                       v.version.size(), v.version, v.size_bytes, v.block_size_bytes);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest, &length, EVP_sha256(), nullptr);
  ObjectId id;
  std::copy_n(digest, id.bytes.size(), id.bytes.begin());
  return id;
}

std::string ObjectId::Hex() const {
  std::string out;
  for (const uint8_t byte : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", byte);
  return out;
}

}  // namespace sluice::cache
