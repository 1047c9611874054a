// How far apart the keys of a directory lie: guesses which key stands so many pages further on.
//
// Keys are taken as numbers. Their digits are the bytes that differ within a page, so that a directory of decimal
// numbers is counted in tens and one of hashes in sixteens. A guess may be wrong by any amount; it is for whoever uses
// it to go on without.
//
// Threads:     pure functions.
// Limits:      kDigits digits behind what all keys of the page begin with.
// Invariants:  a guess is greater than the key it begins with, and what it has of its own are bytes from '0' to '~':
//              never '/' or less, never half a character. So it parts keys in the same way whether a server compares
//              whole keys or one component after the other.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::cache {

class KeyStride {
 public:
  static constexpr size_t kDigits = 6;

  // Of a page's keys, ascending; nullopt when they tell nothing.
  static std::optional<KeyStride> Of(const std::vector<std::string>& keys);

  // A key about `pages` pages behind `key`; nullopt when there is no telling.
  std::optional<std::string> Ahead(std::string_view key, size_t pages) const;

 private:
  using Number = std::vector<size_t>;  // the most significant digit first

  Number ToNumber(std::string_view key) const;

  std::string prefix_;  // of all keys that can be told about
  std::string digits_;  // ascending
  size_t length_ = 0;   // of a number
  Number step_;         // a page
};

}  // namespace sluice::cache
