#include "fuse/request.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstring>

namespace sluice::fuse {

void ReplyError(fuse_req_t request, const Status& status) {
  if (status.code() == StatusCode::kCancelled && Of(request).stopped()) return fuse_reply_none(request);
  const int error = ToErrno(status);
  if (error != ENOENT) {
    Of(request).metrics().errors.Add();
    spdlog::warn("volume {}: a request fails with {}: {}", Of(request).dataset().options().name, std::strerror(error),
                 Message(status));
  }
  fuse_reply_err(request, error);
}

}  // namespace sluice::fuse
