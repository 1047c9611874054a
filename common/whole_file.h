// Small files that are there as a whole or not at all.
//
// Threads:  one writer at a time per path.
// Errors:   what the kernel says; NOT_FOUND for a file that is not there.
#pragma once

#include <string>

#include "common/status.h"

namespace sluice {

enum class Outlasts { kProcess, kPowerLoss };

// Written beside it (PATH.new) and renamed; for its owner alone.
Status WriteWholeFile(const std::string& path, const std::string& text, Outlasts outlasts);

// FAILED_PRECONDITION for more than `bytes_max`, and for a symbolic link.
StatusOr<std::string> ReadWholeFile(const std::string& path, size_t bytes_max);

}  // namespace sluice
