# SPDX-License-Identifier: Apache-2.0
#
# wskbridge_link_imports(TARGET LIST) links TARGET with import libraries that offer what LIST, one of
# native-driver/tests/binaries, lets it import, and nothing else. A function that isn't in the list doesn't link.
function(wskbridge_link_imports target list)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
  file(STRINGS ${list} imports REGEX "^import ")
  set(libraries)
  foreach(import IN LISTS imports)
    string(REGEX MATCH "^import ([^ ]+) ([^ ]+)$" import "${import}")
    list(APPEND libraries ${CMAKE_MATCH_1})
    list(APPEND functions_of_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
  endforeach()
  list(REMOVE_DUPLICATES libraries)
  foreach(library IN LISTS libraries)
    set(base ${CMAKE_CURRENT_BINARY_DIR}/imports/${target}-${library})
    list(JOIN functions_of_${library} "\n" functions)
    file(CONFIGURE OUTPUT ${base}.def CONTENT "LIBRARY ${library}\nEXPORTS\n${functions}\n" @ONLY)
    # LLVM's tool writes something else in the place of a percent sign, so the output has a relative name.
    add_custom_command(OUTPUT ${base}.a
                       COMMAND ${CMAKE_DLLTOOL} -m arm64 --input-def ${base}.def
                               --output-lib imports/${target}-${library}.a
                       DEPENDS ${base}.def VERBATIM)
    target_sources(${target} PRIVATE ${base}.a)
    target_link_libraries(${target} PRIVATE ${base}.a)
  endforeach()
endfunction()
