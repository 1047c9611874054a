#include "cache/key_stride.h"

#include <algorithm>
#include <set>

namespace sluice::cache {
namespace {

// The bytes at `position` and behind it in which `keys` differ.
std::string DifferingBytes(const std::vector<std::string>& keys, size_t position) {
  std::set<char> bytes;
  for (size_t i = position; i < position + KeyStride::kDigits; ++i) {
    std::set<char> here;
    for (const std::string& key : keys) {
      if (i < key.size() && key[i] >= '0' && key[i] <= '~') here.insert(key[i]);
    }
    if (here.size() > 1) bytes.merge(here);
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::optional<KeyStride> KeyStride::Of(const std::vector<std::string>& keys) {
  if (keys.size() < 2) return std::nullopt;
  const std::string& first = keys.front();
  const std::string& last = keys.back();
  const auto same =
      static_cast<size_t>(std::mismatch(first.begin(), first.end(), last.begin(), last.end()).first - first.begin());
  KeyStride stride;
  stride.digits_ = DifferingBytes(keys, same);
  if (stride.digits_.size() < 2) return std::nullopt;
  // Digits in front of those that differ are counted on, too.
  size_t begin = same;
  while (begin > 0 && stride.digits_.find(last[begin - 1]) != std::string::npos) --begin;
  stride.prefix_ = last.substr(0, begin);
  stride.length_ = same - begin + kDigits;
  const Number low = stride.ToNumber(first);
  stride.step_ = stride.ToNumber(last);
  const size_t base = stride.digits_.size();
  size_t borrow = 0;
  for (size_t i = stride.length_; i-- > 0;) {
    const size_t minus = low[i] + borrow;
    borrow = stride.step_[i] < minus ? 1 : 0;
    stride.step_[i] = stride.step_[i] + borrow * base - minus;
  }
  const bool nothing = std::all_of(stride.step_.begin(), stride.step_.end(), [](size_t digit) { return digit == 0; });
  if (borrow > 0 || nothing) return std::nullopt;
  return stride;
}

KeyStride::Number KeyStride::ToNumber(std::string_view key) const {
  Number number(length_);
  for (size_t i = 0; i < length_; ++i) {
    if (prefix_.size() + i >= key.size()) continue;
    const auto at = std::lower_bound(digits_.begin(), digits_.end(), key[prefix_.size() + i], [](char a, char b) {
      return static_cast<unsigned char>(a) < static_cast<unsigned char>(b);
    });
    number[i] = std::min(static_cast<size_t>(at - digits_.begin()), digits_.size() - 1);
  }
  return number;
}

std::optional<std::string> KeyStride::Ahead(std::string_view key, size_t pages) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  Number number = ToNumber(key);
  size_t carry = 0;
  for (size_t i = length_; i-- > 0;) {
    const size_t sum = number[i] + step_[i] * pages + carry;
    number[i] = sum % digits_.size();
    carry = sum / digits_.size();
  }
  if (carry > 0) return std::nullopt;
  std::string guess = prefix_;
  for (const size_t digit : number) guess += digits_[digit];
  if (guess <= key) return std::nullopt;
  return guess;
}

}  // namespace sluice::cache
