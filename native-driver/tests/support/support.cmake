# SPDX-License-Identifier: Apache-2.0
#
# Shared by the tests of several layers, which include this file and link test_support.
include_guard(GLOBAL)
set(support ${CMAKE_CURRENT_LIST_DIR})
add_library(test_support STATIC ${support}/await.cc ${support}/peer.cc ${support}/status.cc)
target_include_directories(test_support PUBLIC ${support})
target_link_libraries(test_support PUBLIC GTest::gtest)
# The kernel's headers for this one file: windows.h, which others include, would find a bcrypt.h among them.
set_source_files_properties(${support}/status.cc PROPERTIES INCLUDE_DIRECTORIES
                            "${support}/../../host/include;${CMAKE_CURRENT_BINARY_DIR}")
if(WIN32)
  target_sources(test_support PRIVATE ${support}/await_win32.cc ${support}/peer_winsock.cc)
  target_link_libraries(test_support PUBLIC ws2_32)
else()
  target_sources(test_support PRIVATE ${support}/await_linux.cc ${support}/informed_peer.cc ${support}/peer_posix.cc)
  # For drivers on the embedded host.
  add_library(test_host STATIC ${support}/host.cc)
  target_link_libraries(test_host PUBLIC host_wdm test_support)
endif()

# The names of the statuses that the host has.
set(status_header ${support}/../../host/include/nt/status.h)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${status_header})
file(STRINGS ${status_header} status_names REGEX "^#define STATUS_[A-Z0-9_]+ ")
list(TRANSFORM status_names REPLACE "^#define (STATUS_[A-Z0-9_]+) .*" "STATUS_NAME(\\1)")
list(JOIN status_names "\n" status_names)
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/status_names.inc CONTENT "${status_names}\n" @ONLY)
