# sluice_library(NAME SOURCES a.cc ... DEPS x y): one folder is one static library.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sluice_${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(sluice_${name} PUBLIC ${ARG_DEPS})
endfunction()

# sluice_program(NAME SOURCES main.cc DEPS x y): a binary in build/bin.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE SLUICE_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  # A program and its libraries may be moved together, as in the image: the daemon's environment names no directories.
  set_target_properties(${name} PROPERTIES BUILD_RPATH "\$ORIGIN/../lib")
  target_link_options(${name} PRIVATE "-Wl,--disable-new-dtags")  # the libraries' own libraries, too
endfunction()
