# SPDX-License-Identifier: Apache-2.0
#
# Shared by the tests of several layers, which include this file and link test_support.
include_guard(GLOBAL)
set(support ${CMAKE_CURRENT_LIST_DIR})
add_library(test_support STATIC ${support}/await.cc ${support}/peer.cc)
target_include_directories(test_support PUBLIC ${support})
if(WIN32)
  target_sources(test_support PRIVATE ${support}/await_win32.cc ${support}/peer_winsock.cc)
  target_link_libraries(test_support PUBLIC ws2_32)
else()
  target_sources(test_support PRIVATE ${support}/await_linux.cc ${support}/peer_posix.cc)
endif()
