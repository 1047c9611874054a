#include "common/message_socket.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/support/matchers.h"

namespace sluice {
namespace {

TEST(MessageSocket, CarriesWholeMessagesAndDescriptors) {
  ASSERT_OK_AND_ASSIGN(auto ends, MessageSocket::Pair());
  const int zero = ::open("/dev/zero", O_RDONLY);
  ASSERT_OK(ends.first.Send("one", {&zero, 1}));
  ASSERT_OK(ends.first.Send("two"));
  ::close(zero);
  ASSERT_OK_AND_ASSIGN(auto one, ends.second.Receive());
  EXPECT_EQ(one.bytes, "one");
  ASSERT_EQ(one.descriptors.size(), 1u);
  char byte = 1;
  EXPECT_EQ(::read(one.descriptors[0].get(), &byte, 1), 1);
  EXPECT_EQ(byte, 0);
  EXPECT_EQ(ends.second.Receive()->bytes, "two");
}

TEST(MessageSocket, AReceiveWaitsAsLongAsItIsTold) {
  ASSERT_OK_AND_ASSIGN(auto ends, MessageSocket::Pair());
  ends.second.SetReceiveDeadline(std::chrono::milliseconds(10));
  EXPECT_EQ(ends.second.Receive().status().code(), StatusCode::kDeadlineExceeded);
  ASSERT_OK(ends.first.Send("late"));
  EXPECT_EQ(ends.second.Receive()->bytes, "late");
}

TEST(MessageSocket, APeerThatGoesIsUnavailable) {
  ASSERT_OK_AND_ASSIGN(auto ends, MessageSocket::Pair());
  {
    const UniqueFd gone = ends.first.Release();
  }
  EXPECT_TRUE(Fails(ends.second.Receive().status(), StatusCode::kUnavailable, "gone"));
  EXPECT_TRUE(Fails(ends.second.Send("x"), StatusCode::kUnavailable, "gone"));
}

TEST(MessageSocket, WhatIsOverTheLimitsIsRefusedAndClosed) {
  ASSERT_OK_AND_ASSIGN(auto ends, MessageSocket::Pair());
  EXPECT_EQ(ends.first.Send(std::string(MessageSocket::kMessageBytesMax + 1, 'x')).code(),
            StatusCode::kInvalidArgument);
  // A hostile peer sends more descriptors than allowed.
  constexpr size_t kMany = 32;
  int fds[kMany];
  for (int& fd : fds) fd = ends.first.fd();
  char text[] = "many";
  iovec vector{text, 4};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fds)] = {};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  cmsghdr* message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_SOCKET;
  message->cmsg_type = SCM_RIGHTS;
  message->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(message), fds, sizeof fds);
  ASSERT_GT(::sendmsg(ends.first.fd(), &header, 0), 0);
  const int next_before = ::dup(0);
  ::close(next_before);
  EXPECT_EQ(ends.second.Receive().status().code(), StatusCode::kInvalidArgument);
  const int next_after = ::dup(0);
  ::close(next_after);
  EXPECT_EQ(next_after, next_before) << "descriptors leak";
}

TEST(MessageSocket, AnEmptyMessageIsTheEndAndClosesWhatItCarries) {
  ASSERT_OK_AND_ASSIGN(auto ends, MessageSocket::Pair());
  const int own = ends.first.fd();
  ASSERT_OK(ends.first.Send("", {&own, 1}));
  const int next_before = ::dup(0);
  ::close(next_before);
  EXPECT_EQ(ends.second.Receive().status().code(), StatusCode::kUnavailable);
  const int next_after = ::dup(0);
  ::close(next_after);
  EXPECT_EQ(next_after, next_before) << "descriptors leak";
}

}  // namespace
}  // namespace sluice
