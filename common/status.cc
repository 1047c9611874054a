#include "common/status.h"

#include <cerrno>
#include <cstring>

namespace sluice {

Status MakeStatus(StatusCode code, std::string_view message) {
  return Status(code, absl::string_view(message.data(), message.size()));
}

std::string_view Message(const Status& status) { return {status.message().data(), status.message().size()}; }

Status Annotate(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return MakeStatus(status.code(), fmt::format("{}: {}", context, Message(status)));
}

namespace {

StatusCode CodeOfErrno(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
      return StatusCode::kPermissionDenied;
    case EROFS:
    case ENOTEMPTY:
    case EBUSY:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EXDEV:
      return StatusCode::kFailedPrecondition;
    case ENOSPC:
    case EDQUOT:
      return StatusCode::kResourceExhausted;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return StatusCode::kInternal;  // this process' limits: no fault of a disk
    case EINVAL:
    case ENAMETOOLONG:
      return StatusCode::kInvalidArgument;
    case ETIMEDOUT:
      return StatusCode::kDeadlineExceeded;
    case ESTALE:
      return StatusCode::kAborted;
    case ENOSYS:
    case EOPNOTSUPP:
      return StatusCode::kUnimplemented;
    case ECANCELED:
    case EINTR:
      return StatusCode::kCancelled;
    default:
      return StatusCode::kUnavailable;
  }
}

}  // namespace

Status ErrnoStatus(int error, std::string_view what) {
  if (error == 0) return absl::OkStatus();
  return MakeStatus(CodeOfErrno(error), fmt::format("{}: {}", what, std::strerror(error)));
}

int ToErrno(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kNotFound:
      return ENOENT;
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
      return EACCES;
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
      return EINVAL;
    case StatusCode::kFailedPrecondition:
      return EROFS;
    case StatusCode::kAborted:
      return ESTALE;
    case StatusCode::kDeadlineExceeded:
      return ETIMEDOUT;
    case StatusCode::kCancelled:
      return EINTR;
    case StatusCode::kResourceExhausted:
      return ENOMEM;
    case StatusCode::kUnimplemented:
      return EOPNOTSUPP;
    default:
      return EIO;
  }
}

}  // namespace sluice
