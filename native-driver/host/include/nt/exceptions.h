/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured exceptions as far as the embedded host has them: __try and __except of C drivers, for what a
 * routine of the host raises, as MmProbeAndLockPages does. A bad access by the driver itself raises none.
 *
 * One statement is made of both, so that each must be followed by a block. return and goto may leave a block;
 * break and continue leave just the block. What a block changes and code behind it reads must be volatile;
 * -Wclobbered finds it. __finally is not offered. Not for C++, whose library has __try for itself; not on
 * Wine.
 */
#ifndef NT_EXCEPTIONS_H
#define NT_EXCEPTIONS_H

#include <nt/structures.h>

EXTERN_C_START

/* Raises a status as an exception: the innermost __except of this thread whose filter wants it goes on. None:
 * bugcheck KMODE_EXCEPTION_NOT_HANDLED. Any IRQL. */
NTKERNELAPI DECLSPEC_NORETURN void NTAPI ExRaiseStatus(NTSTATUS Status);

#define EXCEPTION_EXECUTE_HANDLER    1
#define EXCEPTION_CONTINUE_SEARCH    0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

#if !defined(_WIN32) && !defined(__cplusplus)
#include <setjmp.h>

/* On the stack of the function that has the __try; innermost first. */
typedef struct _HOST_TRY {
    struct _HOST_TRY* Previous;
    jmp_buf Buffer;
    NTSTATUS Code;
    BOOLEAN Entered;
    BOOLEAN Done;
} HOST_TRY;

/* Makes it the innermost. */
void HostTryEnter(HOST_TRY* Try);
/* At the end of its block, however the block is left. */
void HostTryLeave(HOST_TRY* Try);
/* What the filter said: TRUE for the handler; else the exception goes outwards. */
BOOLEAN HostTryFilter(HOST_TRY* Try, LONG Disposition);

#define __try                                                                                                \
    for (HOST_TRY HostTry_ __attribute__((cleanup(HostTryLeave))) = {.Done = FALSE}; !HostTry_.Done;         \
         HostTry_.Done = TRUE)                                                                               \
        if (HostTryEnter(&HostTry_), _setjmp(HostTry_.Buffer) == 0)
/* clang-format off */
#define __except(Filter) else if (HostTryFilter(&HostTry_, (Filter)))
/* clang-format on */

/* In a filter or handler. */
#define GetExceptionCode() (HostTry_.Code)
#elif defined(_MSC_VER)
/* The compiler has exceptions of its own, and this name for their code. */
#define GetExceptionCode _exception_code
#endif

EXTERN_C_END

#endif
