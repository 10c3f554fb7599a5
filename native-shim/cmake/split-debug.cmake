# SPDX-License-Identifier: Apache-2.0
#
# wskbridge_split_debug(TARGET) leaves TARGET's file without debug information, as it is shipped, and puts that beside
# it: FILE.debug, which gdb finds by the link in FILE. Only for GNU's tools, and LLVM's in their manner; others write a
# PDB by themselves. A build with a sanitizer, which isn't shipped, keeps all in one file for its reports. What a target
# does after its build with the finished file has to be added to it later than this.
function(wskbridge_split_debug target)
  if(WSKBRIDGE_SANITIZER OR NOT (MINGW OR CMAKE_SYSTEM_NAME STREQUAL Linux))
    return()
  endif()
  # LLVM's tools write something else in the place of a percent sign, so the path must not be in the names.
  set(file $<TARGET_FILE_NAME:${target}>)
  set(folder $<TARGET_FILE_DIR:${target}>)
  # Without SOURCE_DATE_EPOCH objcopy writes the time of the day into the headers. The checksum it computes anew.
  set(objcopy ${CMAKE_COMMAND} -E env SOURCE_DATE_EPOCH=0 ${CMAKE_OBJCOPY})
  add_custom_command(TARGET ${target} POST_BUILD
                     COMMAND ${objcopy} --only-keep-debug ${file} ${file}.debug
                     COMMAND ${objcopy} --strip-all --add-gnu-debuglink=${file}.debug ${file}
                     COMMENT "Debug information of ${file}" WORKING_DIRECTORY ${folder} VERBATIM)
  if(WSKBRIDGE_WINDOWS_ARM64)
    # LLVM's tools leave the checksum at 0, which a driver can't have.
    add_custom_command(TARGET ${target} POST_BUILD
                       COMMAND ${Java_JAVA_EXECUTABLE} ${WSKBRIDGE_CHECK_BINARY} seal ${file}
                       COMMENT "Checksum of ${file}" WORKING_DIRECTORY ${folder} VERBATIM)
  endif()
endfunction()
