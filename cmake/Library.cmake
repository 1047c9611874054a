# sluice_library(NAME SOURCES a.cc ... DEPS x y): one folder is one static library.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sluice_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(sluice_${name} PUBLIC ${ARG_DEPS})
endfunction()

# What a sanitizer needs to know in a program, as far as it is not a flag.
function(sluice_sanitizer_options name)
  if(SLUICE_SANITIZE STREQUAL "thread")
    target_sources(${name} PRIVATE "${CMAKE_SOURCE_DIR}/tests/support/tsan_options.cc")
    # Libraries share their copies of std:: templates, too: those that are not watched come first.
    target_link_options(${name} PRIVATE "-Wl,--version-script=${CMAKE_SOURCE_DIR}/tests/support/tsan_exports.map"
      -Wl,--as-needed "${ROCKSDB_LIBRARY}" -Wl,--no-as-needed)
  endif()
endfunction()

# sluice_program(NAME [WIPED_MEMORY] SOURCES main.cc DEPS x y): a binary in build/bin.
function(sluice_program name)
  cmake_parse_arguments(ARG "WIPED_MEMORY" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_WIPED_MEMORY AND NOT SLUICE_SANITIZE)  # a sanitizer has an allocator of its own
    target_sources(${name} PRIVATE "${CMAKE_SOURCE_DIR}/common/wiped_memory.cc")
  endif()
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE SLUICE_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  sluice_sanitizer_options(${name})
  # A program and its libraries may be moved together, as in the image: the daemon's environment names no directories.
  set_target_properties(${name} PROPERTIES BUILD_RPATH "\$ORIGIN/../lib")
  target_link_options(${name} PRIVATE "-Wl,--disable-new-dtags")  # the libraries' own libraries, too
endfunction()
