# SPDX-License-Identifier: Apache-2.0
#
# Configures and builds the preset mingw-arm64 where there is all that it needs, for Maven, whose profiles can't ask for
# more than one file. Where something is missing it says what, and builds nothing. JOBS is how many compilers may run.
set(headers /usr/share/mingw-w64/include)
foreach(tool clang ld.lld llvm-dlltool llvm-objcopy)
  find_program(found_${tool} ${tool})
  if(NOT found_${tool})
    list(APPEND missing ${tool})
  endif()
endforeach()
if(NOT EXISTS ${headers}/windows.h)
  list(APPEND missing ${headers})
endif()
if(missing)
  list(JOIN missing ", " missing)
  message(STATUS "Nothing is built for Windows on 64-bit ARM: there is no ${missing}")
  return()
endif()
execute_process(COMMAND ${CMAKE_COMMAND} --preset mingw-arm64 --log-level=NOTICE COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build --preset mingw-arm64 --parallel ${JOBS} COMMAND_ERROR_IS_FATAL ANY)
