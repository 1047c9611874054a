#include "io/file_io.h"

#include "common/bytes.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::io {
namespace {

// The same contract on both.
class FileIoTest : public testing::TestWithParam<bool> {
 protected:
  Loop loop{GetParam()};
  BlockingPool pool{loop, 2};
  std::unique_ptr<FileIo> io = GetParam() ? MakeUringFileIo(loop) : MakeThreadFileIo(pool);
  TempDir directory;
};
INSTANTIATE_TEST_SUITE_P(RingAndThreads, FileIoTest, testing::Bool(),
                         [](const auto& info) { return std::string(info.param ? "io_uring" : "threads"); });

Task<Status> RoundTrip(FileIo& io, std::string path) {
  CO_ASSIGN_OR_RETURN(UniqueFd fd, co_await io.Open(AT_FDCWD, path, O_RDWR | O_CREAT));
  const AlignedBuffer out(100'000);
  for (size_t i = 0; i < out.size(); ++i) out.data()[i] = static_cast<std::byte>(i * 7);
  CO_RETURN_IF_ERROR(co_await io.Write(fd.get(), out.span(), 5000));
  const AlignedBuffer in(100'000);
  CO_RETURN_IF_ERROR(co_await io.Read(fd.get(), in.span(), 5000));
  if (std::memcmp(in.data(), out.data(), in.size()) != 0) co_return DataLoss("other bytes came back");
  CO_RETURN_IF_ERROR(co_await io.Punch(fd.get(), 8192, 4096));
  CO_RETURN_IF_ERROR(co_await io.Read(fd.get(), in.span().first(4096), 8192));
  for (const std::byte b : in.span().first(4096)) {
    if (b != std::byte{0}) co_return DataLoss("a hole is not zero");
  }
  co_await io.Close(std::move(fd));
  co_return co_await io.Unlink(AT_FDCWD, path);
}

TEST_P(FileIoTest, WritesReadsPunchesUnlinks) {
  ASSERT_OK(loop.Block(RoundTrip(*io, directory / "file")));
  EXPECT_FALSE(std::filesystem::exists(directory / "file"));
}

Task<Status> OpenMissing(FileIo& io, std::string path) {
  const auto fd = co_await io.Open(AT_FDCWD, path, O_RDONLY);
  co_return fd.status();
}
TEST_P(FileIoTest, AMissingFileIsNotFound) {
  EXPECT_TRUE(Fails(loop.Block(OpenMissing(*io, directory / "none")), StatusCode::kNotFound, "none"));
}

Task<Status> ReadPastTheEnd(FileIo& io, std::string path) {
  CO_ASSIGN_OR_RETURN(const UniqueFd fd, co_await io.Open(AT_FDCWD, path, O_RDWR | O_CREAT));
  const AlignedBuffer buffer(100);
  CO_RETURN_IF_ERROR(co_await io.Write(fd.get(), buffer.span().first(60), 0));
  co_return co_await io.Read(fd.get(), buffer.span(), 0);
}
TEST_P(FileIoTest, AShortFileIsOutOfRange) {
  EXPECT_TRUE(Fails(loop.Block(ReadPastTheEnd(*io, directory / "short")), StatusCode::kOutOfRange, "ended after 60"));
}

Task<Status> WriteToFull(FileIo& io) {
  CO_ASSIGN_OR_RETURN(const UniqueFd fd, co_await io.Open(AT_FDCWD, "/dev/full", O_WRONLY));
  const AlignedBuffer buffer(100);
  co_return co_await io.Write(fd.get(), buffer.span(), 0);
}
TEST_P(FileIoTest, AFullDiskIsResourceExhausted) {
  EXPECT_TRUE(Fails(loop.Block(WriteToFull(*io)), StatusCode::kResourceExhausted, "No space"));
}

}  // namespace
}  // namespace sluice::io
