// The requests about directories. Listings are answered from the dataset's catalog; a directory that it does not know
// yet is listed on the loop.
//
// Threads:  the session's.
#pragma once

#include "fuse/fuse_api.h"

namespace sluice::fuse {

void OpenDirectory(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file);
void ReadDirectory(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info* file);
void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t ino, size_t size, off_t position, fuse_file_info* file);

}  // namespace sluice::fuse
