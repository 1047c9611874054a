// How a node looks: struct stat, FUSE entries, and the extended attributes user.sluice.*.
//
// Threads:  thread-safe.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "cache/dataset.h"
#include "fuse/fuse_api.h"
#include "fuse/session.h"

namespace sluice::fuse {

// A node never changes, so what the kernel knows of it is good for as long as it likes.
inline constexpr double kAttributesValidSeconds = 365.0 * 86400;

inline double Seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

struct stat StatOf(const cache::Node& node, const SessionOptions& options);

void FillEntry(const cache::Node& node, const SessionOptions& options, Duration valid_for, fuse_entry_param* entry);

// user.sluice.source, .version, .tier (files: "dram", "ssd", "hdd", "dram+ssd", "none") and .cached ("3/8 blocks").
std::optional<std::string> ExtendedAttribute(Session& session, cache::Ino ino, std::string_view name);

}  // namespace sluice::fuse
