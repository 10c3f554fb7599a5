// SPDX-License-Identifier: Apache-2.0
//
// Included before every C source that is compiled for glibc. Glibc 2.34 took libpthread and libdl into libc,
// and gave their functions new versions by that; a library linked there would want 2.34 for functions that
// have been as they are for twenty years. Here the versions are asked for that glibc has had from the
// beginning of the architecture, and has still. A function that isn't used costs nothing; one that is missing
// here is found by the test binaries.glibc.
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
#undef WSKB_AS_EVER
#undef WSKB_GLIBC_FIRST
// This one is younger, on x86-64.
#if defined(__x86_64__)
__asm__(".symver pthread_condattr_setclock,pthread_condattr_setclock@GLIBC_2.3.3");
#else
__asm__(".symver pthread_condattr_setclock,pthread_condattr_setclock@GLIBC_2.17");
#endif
#endif
