/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a list while calling out, for the whole host. A list may change while its lock is released, so a
 * walk takes one entry at a time: it claims the next one with the lock held, releases the lock, calls out,
 * and repeats. Claiming ensures that the entry lives until the walk is done with it, and that the walk does
 * not meet it again. Either the entry is removed or marked, and the next claim begins at the head; or it is
 * referenced so that it stays in the list, and the next claim begins after it.
 */
#ifndef NT_WALK_H
#define NT_WALK_H

#include <nt/inlines.h>

/* Claims the entry, or returns FALSE. The list's lock is held. */
typedef BOOLEAN HOST_CLAIM(PLIST_ENTRY Entry, PVOID Context);

/* Claims the first claimable entry after After, or of the whole list for NULL; returns NULL for none. The
 * list's lock is held. */
FORCEINLINE PLIST_ENTRY HostClaimEntry(PLIST_ENTRY Head, PLIST_ENTRY After, HOST_CLAIM* Claim, PVOID Context)
{
    PLIST_ENTRY Entry = (After != NULL) ? After->Flink : Head->Flink;

    while (Entry != Head && !Claim(Entry, Context)) {
        Entry = Entry->Flink;
    }
    return (Entry != Head) ? Entry : NULL;
}

/* The same, for a list protected by a spin lock; takes the lock. */
FORCEINLINE PLIST_ENTRY HostClaimNext(PKSPIN_LOCK Lock, PLIST_ENTRY Head, PLIST_ENTRY After,
                                      HOST_CLAIM* Claim, PVOID Context)
{
    PLIST_ENTRY Entry;
    KIRQL Irql;

    KeAcquireSpinLock(Lock, &Irql);
    Entry = HostClaimEntry(Head, After, Claim, Context);
    KeReleaseSpinLock(Lock, Irql);
    return Entry;
}

#endif
