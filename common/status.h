// Errors: absl::Status with formatted messages, and the one table between its codes and errno.
//
// A message says what went wrong, with which value, and what would be right. Debian's abseil is built with its own
// string_view, so messages are made here with fmt and not with absl's functions. Errors are values: this project
// throws nothing, and a cache miss is not an error.
//
// Threads:  every function is thread-safe.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

Status MakeStatus(StatusCode code, std::string_view message);

// The message as std::string_view (absl's own type is another one in Debian's build).
std::string_view Message(const Status& status);

// `status` with "CONTEXT: " in front of its message; OK stays OK.
Status Annotate(const Status& status, std::string_view context);

#define SLUICE_DEFINE_ERROR(Name, Code)                                        \
  template <typename... Args>                                                  \
  Status Name(fmt::format_string<Args...> format, Args&&... args) {            \
    return MakeStatus(Code, fmt::format(format, std::forward<Args>(args)...)); \
  }
SLUICE_DEFINE_ERROR(InvalidArgument, StatusCode::kInvalidArgument)
SLUICE_DEFINE_ERROR(NotFound, StatusCode::kNotFound)
SLUICE_DEFINE_ERROR(AlreadyExists, StatusCode::kAlreadyExists)
SLUICE_DEFINE_ERROR(PermissionDenied, StatusCode::kPermissionDenied)
SLUICE_DEFINE_ERROR(Unauthenticated, StatusCode::kUnauthenticated)
SLUICE_DEFINE_ERROR(FailedPrecondition, StatusCode::kFailedPrecondition)
SLUICE_DEFINE_ERROR(ResourceExhausted, StatusCode::kResourceExhausted)
SLUICE_DEFINE_ERROR(Aborted, StatusCode::kAborted)
SLUICE_DEFINE_ERROR(Cancelled, StatusCode::kCancelled)
SLUICE_DEFINE_ERROR(Unavailable, StatusCode::kUnavailable)
SLUICE_DEFINE_ERROR(DeadlineExceeded, StatusCode::kDeadlineExceeded)
SLUICE_DEFINE_ERROR(DataLoss, StatusCode::kDataLoss)
SLUICE_DEFINE_ERROR(Unimplemented, StatusCode::kUnimplemented)
SLUICE_DEFINE_ERROR(Internal, StatusCode::kInternal)
SLUICE_DEFINE_ERROR(OutOfRange, StatusCode::kOutOfRange)
#undef SLUICE_DEFINE_ERROR

// "WHAT: strerror(error)" under the code that matches `error` (an errno value, positive).
Status ErrnoStatus(int error, std::string_view what);

// The errno that a FUSE reply carries for `status`: ESTALE for kAborted (the object changed under an open file),
// ENOENT for kNotFound, EACCES for a refusal, EIO for what has no better name. Never ENOSYS: the kernel would
// take it as "do not ask again". 0 for OK.
int ToErrno(const Status& status);

}  // namespace sluice

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                           \
  do {                                                                        \
    if (::absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)
#define CO_RETURN_IF_ERROR(expression)                                           \
  do {                                                                           \
    if (::absl::Status status_ = (expression); !status_.ok()) co_return status_; \
  } while (false)
#define SLUICE_ASSIGN(ret, result, target, expression) \
  auto result = (expression);                          \
  if (!result.ok()) ret std::move(result).status();    \
  target = std::move(result).value()
#define ASSIGN_OR_RETURN(target, expression) SLUICE_ASSIGN(return, SLUICE_CONCAT(result_, __LINE__), target, expression)
#define CO_ASSIGN_OR_RETURN(target, expression) \
  SLUICE_ASSIGN(co_return, SLUICE_CONCAT(result_, __LINE__), target, expression)
