# SPDX-License-Identifier: Apache-2.0
#
# Cross-compiles driver and shim for Windows on 64-bit ARM with Clang, LLD and mingw-w64's headers. Debian has none of
# mingw-w64's libraries for it, so the two bring their own start-up code, and import-libraries.cmake makes what they are
# linked with. Nothing built with it has run.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR ARM64)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET aarch64-w64-mingw32)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_CXX_COMPILER_TARGET aarch64-w64-mingw32)
# The C library is ucrtbase.dll, which is part of Windows 10.
foreach(option -nostdlibinc "SHELL:-isystem /usr/share/mingw-w64/include" -D_UCRT)
  add_compile_options("$<$<COMPILE_LANGUAGE:C>:${option}>")
endforeach()
find_program(CMAKE_RC_COMPILER
             NAMES llvm-windres llvm-windres-14 llvm-windres-15 llvm-windres-16 llvm-windres-17 llvm-windres-18
                   llvm-windres-19 REQUIRED)
set(CMAKE_RC_FLAGS_INIT "--target=aarch64-w64-mingw32")
set(CMAKE_DLLTOOL llvm-dlltool)
set(CMAKE_OBJCOPY llvm-objcopy)
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-fuse-ld=lld")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-fuse-ld=lld")

# There is nothing that a whole program could be linked with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_C_STANDARD_LIBRARIES "")
set(CMAKE_CXX_STANDARD_LIBRARIES "")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
