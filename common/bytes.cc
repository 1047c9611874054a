#include "common/bytes.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace sluice {
namespace {

// The power of 1024 that a unit stands for; -1 when it is none.
int UnitExponent(std::string_view unit) {
  if (unit.ends_with('B') || unit.ends_with('b')) unit.remove_suffix(1);
  if (unit.ends_with('i')) unit.remove_suffix(1);
  if (unit.empty()) return 0;
  if (unit.size() != 1) return -1;
  constexpr std::string_view kUnits = "KMGTP";
  const size_t at = kUnits.find(static_cast<char>(std::toupper(static_cast<unsigned char>(unit[0]))));
  return at == std::string_view::npos ? -1 : static_cast<int>(at) + 1;
}

}  // namespace

StatusOr<uint64_t> ParseBytes(std::string_view text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit(rest, text.data() + text.size() - rest);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const int exponent = UnitExponent(unit);
  const double bytes = number * std::pow(1024.0, std::max(exponent, 0));
  // 2^63 and not 2^64: file offsets are signed.
  if (error != std::errc{} || exponent < 0 || !(number >= 0) || !(bytes < 9.2e18)) {
    return InvalidArgument("'{}' is not a size; write a number with a unit, such as 512MiB or 1.5GiB", text);
  }
  return static_cast<uint64_t>(std::llround(bytes));
}

StatusOr<uint64_t> ParseRate(std::string_view text) {
  if (text == "none" || text == "unlimited") return uint64_t{0};
  std::string_view size = text;
  if (size.ends_with("/s")) size.remove_suffix(2);
  auto bytes = ParseBytes(size);
  if (!bytes.ok())
    return InvalidArgument("'{}' is not a rate; write bytes per second such as 200MiB/s, or 'none'", text);
  return bytes;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : (value < 100 ? 1 : 0), kUnits[unit]);
}

}  // namespace sluice
