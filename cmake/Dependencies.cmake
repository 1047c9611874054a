# Every third-party library, found once. third_party_notes/ says why each is here.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

# Debian 13's gRPC asks pkg-config for re2, which walks the whole of abseil for half a minute. Answer it first.
find_library(RE2_LIBRARY re2)
if(RE2_LIBRARY AND NOT TARGET re2::re2)
  add_library(re2::re2 INTERFACE IMPORTED)
  set_target_properties(re2::re2 PROPERTIES INTERFACE_LINK_LIBRARIES "${RE2_LIBRARY}")
  set(re2_FOUND TRUE)
endif()

find_package(absl CONFIG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(fmt CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(pugixml CONFIG REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
find_library(HTTPLIB_LIBRARY cpp-httplib REQUIRED)

if(NOT TARGET yaml-cpp::yaml-cpp)  # its name since 0.8; Debian 12 has 0.7
  add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
endif()

# libfuse: the system's where it is new enough and has the ring, else the one scripts/setup built.
find_library(FUSE_LIBRARY fuse3 PATHS "${SLUICE_DEPS}/fuse/lib" NO_DEFAULT_PATH REQUIRED)
add_library(fuse_kernel INTERFACE)  # the kernel's interface alone: fuse_kernel.h
target_include_directories(fuse_kernel SYSTEM INTERFACE "${SLUICE_DEPS}/fuse/include/fuse3")
add_library(fuse3 INTERFACE)
target_link_libraries(fuse3 INTERFACE fuse_kernel "${FUSE_LIBRARY}")
target_link_options(fuse3 INTERFACE "-Wl,-rpath,${SLUICE_DEPS}/fuse/lib" "-Wl,--disable-new-dtags")
