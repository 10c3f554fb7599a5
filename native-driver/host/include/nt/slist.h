/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequenced singly linked lists. Push, pop and flush may be called at any IRQL; entries
 * and headers are aligned to 16 bytes. The names on the right are those that ntoskrnl.exe exports.
 */
#ifndef NT_SLIST_H
#define NT_SLIST_H

#include <nt/routines.h>

EXTERN_C_START

typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY* Next;
} SLIST_ENTRY, *PSLIST_ENTRY;
NT_ASSERT_SIZE(SLIST_ENTRY, 16);

typedef union DECLSPEC_ALIGN(16) _SLIST_HEADER {
    struct {
        ULONGLONG Alignment;
        ULONGLONG Region;
    };
    struct {
        ULONGLONG Depth : 16;
        ULONGLONG Sequence : 48;
        ULONGLONG Reserved : 4;
        ULONGLONG NextEntry : 60; /* the address without its four low bits, which are 0 */
    } HeaderX64;
} SLIST_HEADER, *PSLIST_HEADER;
NT_ASSERT_SIZE(SLIST_HEADER, 16);
NT_ASSERT_OFFSET(SLIST_HEADER, Region, 8);

NTKERNELAPI void NTAPI InitializeSListHead(PSLIST_HEADER SListHead);
NTKERNELAPI USHORT NTAPI ExQueryDepthSList(PSLIST_HEADER SListHead);
/* Each returns the previous first entry, or NULL. */
NTKERNELAPI PSLIST_ENTRY NTAPI ExpInterlockedPopEntrySList(PSLIST_HEADER ListHead);
NTKERNELAPI PSLIST_ENTRY NTAPI ExpInterlockedPushEntrySList(PSLIST_HEADER ListHead, PSLIST_ENTRY ListEntry);
NTKERNELAPI PSLIST_ENTRY NTAPI ExpInterlockedFlushSList(PSLIST_HEADER ListHead);

#define ExInitializeSListHead                          InitializeSListHead
#define InterlockedPopEntrySList(head)                 ExpInterlockedPopEntrySList(head)
#define InterlockedPushEntrySList(head, entry)         ExpInterlockedPushEntrySList((head), (entry))
#define InterlockedFlushSList(head)                    ExpInterlockedFlushSList(head)
#define QueryDepthSList(head)                          ExQueryDepthSList(head)
#define ExInterlockedPopEntrySList(head, lock)         ExpInterlockedPopEntrySList(head)
#define ExInterlockedPushEntrySList(head, entry, lock) ExpInterlockedPushEntrySList((head), (entry))
#define ExInterlockedFlushSList(head)                  ExpInterlockedFlushSList(head)

EXTERN_C_END

#endif
