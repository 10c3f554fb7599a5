/* SPDX-License-Identifier: Apache-2.0
 *
 * The structured exceptions that the embedded host supports: __try and __except in C drivers, for exceptions
 * that a host routine such as MmProbeAndLockPages raises. An invalid access by the driver itself raises none.
 *
 * The two expand to one statement, and each must be followed by a block. return and goto may leave a block;
 * break and continue only leave the block itself. A variable that a block changes and later code reads must
 * be volatile; -Wclobbered finds such variables. There is no __finally. Not for C++, whose library uses the
 * name __try; not on Wine.
 */
#ifndef NT_EXCEPTIONS_H
#define NT_EXCEPTIONS_H

#include <nt/structures.h>

EXTERN_C_START

/* Raises a status as an exception: continues at this thread's innermost __except whose filter accepts it.
 * Without one: bugcheck KMODE_EXCEPTION_NOT_HANDLED. Any IRQL. */
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

/* Makes Try the innermost one. */
void HostTryEnter(HOST_TRY* Try);
/* Runs at the end of the block, however it is left. */
void HostTryLeave(HOST_TRY* Try);
/* Evaluates the result of the filter. TRUE: run the handler; else the exception goes to the next outer
 * __try. */
BOOLEAN HostTryFilter(HOST_TRY* Try, LONG Disposition);

#define __try                                                                                                \
    for (HOST_TRY HostTry_ __attribute__((cleanup(HostTryLeave))) = {.Done = FALSE}; !HostTry_.Done;         \
         HostTry_.Done = TRUE)                                                                               \
        if (HostTryEnter(&HostTry_), _setjmp(HostTry_.Buffer) == 0)
/* clang-format off */
#define __except(Filter) else if (HostTryFilter(&HostTry_, (Filter)))
/* clang-format on */

/* For use in a filter or handler. */
#define GetExceptionCode() (HostTry_.Code)
#elif defined(_MSC_VER)
/* The compiler supports exceptions itself; this is its name for the code. */
#define GetExceptionCode _exception_code
#endif

EXTERN_C_END

#endif
