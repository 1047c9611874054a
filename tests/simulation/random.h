// The one source of chance of a simulation: SplitMix64, the same on every machine.
//
// Threads:  one.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::simulation {

// A bijection of 64 bits that leaves no pattern.
inline uint64_t Mix(uint64_t word) {
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
  word = (word ^ word >> 27) * 0x94d049bb133111ebu;
  return word ^ word >> 31;
}

class Random {
 public:
  // Streams of one seed are independent: what one part draws changes nothing for the others.
  Random(uint64_t seed, std::string_view stream) : state_(Mix(seed)) {
    for (const char c : stream) state_ = Mix(state_ + static_cast<unsigned char>(c));
  }

  uint64_t Next() { return Mix(state_ += 0x9e3779b97f4a7c15u); }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  uint64_t Between(uint64_t least, uint64_t most) { return least + Below(most - least + 1); }
  bool OneIn(uint64_t count) { return Below(count) == 0; }
  // `per_10000` of 10,000 times.
  bool Chance(uint32_t per_10000) { return Below(10'000) < per_10000; }

 private:
  uint64_t state_;
};

}  // namespace sluice::simulation
