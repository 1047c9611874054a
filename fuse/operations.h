// What each FUSE request means: parse, ask the dataset, reply. The one place where a Status becomes an errno.
//
// What can be answered at once is answered on the session's thread; the rest goes on as a coroutine on the loop, which
// replies from there.
//
// Threads:  the functions run on the session's threads; fuse_req_t belongs to whoever is to reply.
#pragma once

#include "fuse/fuse_api.h"

namespace sluice::fuse {

// Filled for fuse_session_new; the user data of a request is its Session.
const fuse_lowlevel_ops& Operations();

}  // namespace sluice::fuse
