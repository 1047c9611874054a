# Refuses a compiler that miscompiles coroutines (g++ 12 destroys some temporaries of a co_await expression twice).
try_run(SLUICE_COROUTINES_RUN SLUICE_COROUTINES_COMPILE
  "${CMAKE_BINARY_DIR}/canary" "${CMAKE_CURRENT_LIST_DIR}/coroutine_canary.cc"
  CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
  COMPILE_OUTPUT_VARIABLE SLUICE_COROUTINES_OUTPUT)
if(NOT SLUICE_COROUTINES_COMPILE)
  message(FATAL_ERROR "the coroutine canary does not compile with ${CMAKE_CXX_COMPILER}; use clang++-19.\n${SLUICE_COROUTINES_OUTPUT}")
elseif(NOT SLUICE_COROUTINES_RUN EQUAL 0)
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} (${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}) miscompiles coroutines: "
    "cmake/coroutine_canary.cc counts objects destroyed twice. Use clang++-19: cmake -DCMAKE_CXX_COMPILER=clang++-19")
endif()
