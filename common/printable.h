// Text from somewhere else (a source, a file's name), made fit to be shown and to stand in a protobuf string: one that
// is no UTF-8 makes the whole message unreadable for who receives it.
//
// Threads:  pure functions.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// `text` with '?' for what is no UTF-8; what is beyond `bytes_max` is cut off between characters, and "…" stands there.
std::string Printable(std::string_view text, size_t bytes_max);

}  // namespace sluice
