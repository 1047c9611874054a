// "did you mean …": the nearest of a set of known words.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace sluice {

// The candidate nearest to `word` by edit distance, case ignored; empty when none is within a third of its
// length (or two, from five letters on).
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// " (did you mean 'x'?)" when there is a near candidate, else "; known: a, b, c".
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice
