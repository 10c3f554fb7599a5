/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking a list while calling out, for the whole host. A list may change while its lock is released, so a
 * walk takes one entry at a time: with the lock held it claims the next one, then it releases the lock and
 * calls out, and then it comes again. To claim an entry is to make sure of two things: that it lives until
 * the walk is done with it, and that the walk does not meet it again. Either it is taken out of the list or
 * marked, and the next claim begins at the head; or it is referenced so that it stays in the list, and the
 * next claim begins behind it.
 */
#ifndef NT_WALK_H
#define NT_WALK_H

#include <nt/inlines.h>

/* Claims the entry, or says FALSE. The list's lock is held. */
typedef BOOLEAN HOST_CLAIM(PLIST_ENTRY Entry, PVOID Context);

/* The first entry behind After, or of the whole list for NULL, that could be claimed; NULL for none. The
 * list's lock is held. */
FORCEINLINE PLIST_ENTRY HostClaimEntry(PLIST_ENTRY Head, PLIST_ENTRY After, HOST_CLAIM* Claim, PVOID Context)
{
    PLIST_ENTRY Entry = (After != NULL) ? After->Flink : Head->Flink;

    while (Entry != Head && !Claim(Entry, Context)) {
        Entry = Entry->Flink;
    }
    return (Entry != Head) ? Entry : NULL;
}

/* The same for a list that a spin lock guards, which is not held. */
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
