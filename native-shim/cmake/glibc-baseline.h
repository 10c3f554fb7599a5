// SPDX-License-Identifier: Apache-2.0
//
// Included before every C source that is compiled for glibc. Glibc 2.34 merged libpthread and libdl into
// libc and gave their functions new symbol versions, so a library linked there would require 2.34 for
// functions that have not changed in twenty years. Here each function is bound to its oldest version, which
// glibc still has. A function that is not used costs nothing; one that is missing here is found by the test
// binaries.glibc.
#pragma once

#include <features.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define WSKB_GLIBC_FIRST "GLIBC_2.2.5"
#elif defined(__GLIBC__) && defined(__aarch64__)
#define WSKB_GLIBC_FIRST "GLIBC_2.17"
#endif

#ifdef WSKB_GLIBC_FIRST
#define WSKB_AS_EVER(Function) __asm__(".symver " #Function "," #Function "@" WSKB_GLIBC_FIRST);
WSKB_AS_EVER(dladdr)
WSKB_AS_EVER(pthread_create)
WSKB_AS_EVER(pthread_detach)
WSKB_AS_EVER(pthread_getspecific)
WSKB_AS_EVER(pthread_join)
WSKB_AS_EVER(pthread_key_create)
WSKB_AS_EVER(pthread_key_delete)
WSKB_AS_EVER(pthread_once)
WSKB_AS_EVER(pthread_setspecific)
WSKB_AS_EVER(pthread_sigmask)
WSKB_AS_EVER(__fxstat)
#undef WSKB_AS_EVER
#undef WSKB_GLIBC_FIRST
// These were added to x86-64 later.
#if defined(__x86_64__)
__asm__(".symver pthread_condattr_setclock,pthread_condattr_setclock@GLIBC_2.3.3");
__asm__(".symver __fxstatat,__fxstatat@GLIBC_2.4");
#define WSKB_STAT_VERSION 1
#else
__asm__(".symver pthread_condattr_setclock,pthread_condattr_setclock@GLIBC_2.17");
__asm__(".symver __fxstatat,__fxstatat@GLIBC_2.17");
#define WSKB_STAT_VERSION 0
#endif

// Before 2.33 fstat and fstatat were inline functions that called these, which glibc still has. The number
// selects the layout of struct stat.
#include <sys/stat.h>
int __fxstat(int version, int descriptor, struct stat* status);
int __fxstatat(int version, int directory, const char* name, struct stat* status, int flags);
#define fstat(descriptor, status)               __fxstat(WSKB_STAT_VERSION, descriptor, status)
#define fstatat(directory, name, status, flags) __fxstatat(WSKB_STAT_VERSION, directory, name, status, flags)
#endif
