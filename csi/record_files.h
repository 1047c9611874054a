// Records of volumes as files, one JSON text each, in a directory of their own.
//
// Threads:  one at a time per directory.
// Errors:   UNAVAILABLE when the directory cannot be read; what the kernel says when a file cannot be written.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <optional>
#include <string>

#include "common/status.h"

namespace sluice::csi {

// A file's name for a volume. Ids may hold any character and be 128 bytes long: it is a hash.
std::string RecordName(const std::string& volume_id);

// A record as JSON, for people to read, too; nullopt when a text in it is no UTF-8.
std::optional<std::string> RecordText(const google::protobuf::Message& record);

// Makes the directory, and gives each record's text to `take`. What that refuses is left alone, and logged.
Status ReadRecords(const std::string& directory, const std::function<bool(const std::string& text)>& take);

// Whole or not at all: written beside it and renamed. For root alone.
Status WriteRecord(const std::string& path, const std::string& text);

// "" when it cannot be read.
std::string ReadRecord(const std::string& path);

}  // namespace sluice::csi
