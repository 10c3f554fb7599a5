/* SPDX-License-Identifier: Apache-2.0
 *
 * Tracks the memory that is lent to a provider with a pending IRP, so that a free that comes too early is
 * reported where it happens, and not noticed as corrupt data on the network.
 *
 * Each lent MDL has a record, in a table indexed by the page where its memory begins. A free checks the
 * entries of the pages that it returns; nearly always these are empty, which costs one load each.
 */
#include "wdmp.h"

#include <nt/lend.h>

#define BUCKETS 256

typedef struct _LOAN {
    LIST_ENTRY Link;         /* bucket's list, under the bucket's lock */
    struct _LOAN* NextOfIrp; /* next loan of the same IRP; in the free list: next free loan, under the lock */
    struct _LENT_BUCKET* Bucket;
    PMDL Mdl;
    PUCHAR Start;
    PIRP Irp;
    PCSTR Function;
    const void* Object;
} LOAN, *PLOAN;

typedef struct _LENT_BUCKET {
    HOST_LOCK Lock;
    ULONG Count;      /* written with the lock held, read also without */
    LIST_ENTRY Loans; /* Flink NULL: not yet initialised */
    PLOAN Free;
} DECLSPEC_CACHEALIGN LENT_BUCKET, *PLENT_BUCKET;

static LENT_BUCKET Buckets[BUCKETS];

static PLENT_BUCKET BucketOf(ULONG_PTR Page)
{
    return &Buckets[(Page ^ (Page >> 8)) % BUCKETS];
}

static ULONG_PTR PageOf(const void* Address)
{
    return (ULONG_PTR)Address >> PAGE_SHIFT;
}

/* ---- lending ----------------------------------------------------------------------------------------- */

/* The bucket's lock is held. */
static PLOAN TakeLoan(PLENT_BUCKET Bucket)
{
    PLOAN Loan = Bucket->Free;
    if (Loan != NULL) {
        Bucket->Free = Loan->NextOfIrp;
        return Loan;
    }
    return malloc(sizeof(LOAN));
}

static void LendOne(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl)
{
    PUCHAR Start = MmGetMdlVirtualAddress(Mdl);
    PLENT_BUCKET Bucket = BucketOf(PageOf(Start));
    HostAcquireLock(&Bucket->Lock);
    PLOAN Loan = TakeLoan(Bucket);
    if (Loan != NULL) {
        LOAN Filled = {.NextOfIrp = (PLOAN)(PVOID)Irp->Tail.Overlay.AuxiliaryBuffer,
                       .Bucket = Bucket,
                       .Mdl = Mdl,
                       .Start = Start,
                       .Irp = Irp,
                       .Function = Function,
                       .Object = Object};
        *Loan = Filled;
        if (Bucket->Loans.Flink == NULL) {
            InitializeListHead(&Bucket->Loans);
        }
        InsertTailList(&Bucket->Loans, &Loan->Link);
        __atomic_store_n(&Bucket->Count, Bucket->Count + 1, __ATOMIC_RELAXED);
        Irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)Loan;
    }
    HostReleaseLock(&Bucket->Lock);
}

void HostLendMemory(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl, SIZE_T Length)
{
    SIZE_T Covered = 0;
    for (; Mdl != NULL && Covered < Length; Mdl = Mdl->Next) {
        Covered += MmGetMdlByteCount(Mdl);
        LendOne(Irp, Function, Object, Mdl);
    }
}

void HostReturnMemory(PIRP Irp)
{
    PLOAN Loan = (PLOAN)(PVOID)Irp->Tail.Overlay.AuxiliaryBuffer;
    Irp->Tail.Overlay.AuxiliaryBuffer = NULL;
    while (Loan != NULL) {
        PLOAN Next = Loan->NextOfIrp;
        PLENT_BUCKET Bucket = Loan->Bucket;
        HostAcquireLock(&Bucket->Lock);
        RemoveEntryList(&Loan->Link);
        __atomic_store_n(&Bucket->Count, Bucket->Count - 1, __ATOMIC_RELAXED);
        Loan->NextOfIrp = Bucket->Free;
        Bucket->Free = Loan;
        HostReleaseLock(&Bucket->Lock);
        Loan = Next;
    }
}

/* ---- checking ---------------------------------------------------------------------------------------- */

static DECLSPEC_NORETURN void LentMemoryFreed(const LOAN* Loan, const char* Freeing, const void* Memory)
{
    HostBugcheck(
        DRIVER_VERIFIER_DETECTED_VIOLATION, (ULONG_PTR)Memory, (ULONG_PTR)Loan->Irp, (ULONG_PTR)Loan->Object,
        (ULONG_PTR)Loan->Mdl,
        "%s was called for %p, which is lent to %s: the IRP %p of the socket %p, with the MDL %p, is not "
        "completed.",
        Freeing, Memory, Loan->Function, (void*)Loan->Irp, Loan->Object, (void*)Loan->Mdl);
}

/* Stops if a loan of the bucket is of this MDL, or begins in the range. */
static void CheckBucket(PLENT_BUCKET Bucket, const char* Freeing, const void* Memory, PMDL Mdl, PUCHAR Start,
                        PUCHAR End)
{
    LOAN Found = {0};
    if (HOST_LIKELY(__atomic_load_n(&Bucket->Count, __ATOMIC_RELAXED) == 0)) {
        return;
    }
    HostAcquireLock(&Bucket->Lock);
    for (PLIST_ENTRY Entry = Bucket->Loans.Flink; Entry != &Bucket->Loans; Entry = Entry->Flink) {
        PLOAN Loan = CONTAINING_RECORD(Entry, LOAN, Link);
        if (Loan->Mdl == Mdl || (Loan->Start >= Start && Loan->Start < End)) {
            Found = *Loan;
            break;
        }
    }
    HostReleaseLock(&Bucket->Lock);
    if (Found.Irp != NULL) {
        LentMemoryFreed(&Found, Freeing, Memory);
    }
}

void HostCheckMdlNotLent(PMDL Mdl, const char* Freeing)
{
    CheckBucket(BucketOf(PageOf(MmGetMdlVirtualAddress(Mdl))), Freeing, Mdl, Mdl, NULL, NULL);
}

void HostCheckMemoryNotLent(PVOID Memory, SIZE_T Length, const char* Freeing)
{
    PUCHAR Start = Memory;
    ULONG_PTR First = PageOf(Start);
    ULONG_PTR Pages = PageOf(Start + Length - 1) - First + 1;
    for (ULONG_PTR i = 0; i < Pages && i < BUCKETS; i++) {
        PLENT_BUCKET Bucket = Pages < BUCKETS ? BucketOf(First + i) : &Buckets[i];
        CheckBucket(Bucket, Freeing, Memory, NULL, Start, Start + Length);
    }
}
