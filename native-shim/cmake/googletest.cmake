# SPDX-License-Identifier: Apache-2.0
#
# GoogleTest: the system's library; when cross-compiling one of our own, from the sources that Debian's package brings.
include(GoogleTest)
if(NOT CMAKE_CROSSCOMPILING)
  find_package(GTest REQUIRED)
  return()
endif()

set(WSKBRIDGE_GOOGLETEST "/usr/src/googletest/googletest" CACHE PATH "GoogleTest's sources, for cross-compiling")
if(NOT EXISTS ${WSKBRIDGE_GOOGLETEST}/src/gtest-all.cc)
  message(FATAL_ERROR "No GoogleTest in ${WSKBRIDGE_GOOGLETEST}: install libgtest-dev, or set WSKBRIDGE_GOOGLETEST to "
                      "the folder that has src/gtest-all.cc")
endif()
add_library(gtest STATIC ${WSKBRIDGE_GOOGLETEST}/src/gtest-all.cc)
target_include_directories(gtest SYSTEM PUBLIC ${WSKBRIDGE_GOOGLETEST}/include PRIVATE ${WSKBRIDGE_GOOGLETEST})
target_compile_options(gtest PRIVATE -w)
add_library(gtest_main STATIC ${WSKBRIDGE_GOOGLETEST}/src/gtest_main.cc)
target_link_libraries(gtest_main PUBLIC gtest)
add_library(GTest::gtest ALIAS gtest)
add_library(GTest::gtest_main ALIAS gtest_main)
