// Assertions for Status and StatusOr.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/status.h"

#define ASSERT_OK(expression)                                                  \
  do {                                                                         \
    const ::sluice::Status assert_ok_status = (expression);                    \
    ASSERT_TRUE(assert_ok_status.ok()) << ::sluice::Message(assert_ok_status); \
  } while (false)
#define ASSERT_OK_AND_ASSIGN_INNER(result, target, expression)    \
  auto result = (expression);                                     \
  ASSERT_TRUE(result.ok()) << ::sluice::Message(result.status()); \
  target = std::move(result).value()
#define ASSERT_OK_AND_ASSIGN(target, expression) \
  ASSERT_OK_AND_ASSIGN_INNER(SLUICE_CONCAT(assert_result_, __LINE__), target, expression)

namespace sluice {

// The Status has this code, and its message has this text.
inline testing::AssertionResult Fails(const Status& status, StatusCode code, std::string_view text) {
  if (status.code() == code && Message(status).find(text) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "got " << status.ToString() << ", wanted '" << std::string(text) << "'";
}

}  // namespace sluice
