#include "common/printable.h"

#include <boost/locale/utf.hpp>

namespace sluice {

std::string Printable(std::string_view text, size_t bytes_max) {
  using Utf8 = boost::locale::utf::utf_traits<char>;
  constexpr std::string_view kCut = "…";
  std::string shown;
  for (auto at = text.begin(); at != text.end();) {
    const auto begin = at;
    const bool valid = boost::locale::utf::is_valid_codepoint(Utf8::decode(at, text.end()));
    if (!valid) at = begin + 1;
    const std::string_view character = valid ? std::string_view(begin, at) : "?";
    if (shown.size() + character.size() > bytes_max) return shown.append(kCut);
    shown.append(character);
  }
  return shown;
}

}  // namespace sluice
