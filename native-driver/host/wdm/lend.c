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
    PLOAN loan = Bucket->Free;
    if (loan != NULL) {
        Bucket->Free = loan->NextOfIrp;
        return loan;
    }
    return malloc(sizeof(LOAN));
}

static void LendOne(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl)
{
    PUCHAR start = MmGetMdlVirtualAddress(Mdl);
    PLENT_BUCKET bucket = BucketOf(PageOf(start));
    HostAcquireLock(&bucket->Lock);
    PLOAN loan = TakeLoan(bucket);
    if (loan != NULL) {
        LOAN filled = {.NextOfIrp = (PLOAN)(PVOID)Irp->Tail.Overlay.AuxiliaryBuffer,
                       .Bucket = bucket,
                       .Mdl = Mdl,
                       .Start = start,
                       .Irp = Irp,
                       .Function = Function,
                       .Object = Object};
        *loan = filled;
        if (bucket->Loans.Flink == NULL) {
            InitializeListHead(&bucket->Loans);
        }
        InsertTailList(&bucket->Loans, &loan->Link);
        __atomic_store_n(&bucket->Count, bucket->Count + 1, __ATOMIC_RELAXED);
        Irp->Tail.Overlay.AuxiliaryBuffer = (PCHAR)loan;
    }
    HostReleaseLock(&bucket->Lock);
}

void HostLendMemory(PIRP Irp, PCSTR Function, const void* Object, PMDL Mdl, SIZE_T Length)
{
    SIZE_T covered = 0;
    for (; Mdl != NULL && covered < Length; Mdl = Mdl->Next) {
        covered += MmGetMdlByteCount(Mdl);
        LendOne(Irp, Function, Object, Mdl);
    }
}

void HostReturnMemory(PIRP Irp)
{
    PLOAN loan = (PLOAN)(PVOID)Irp->Tail.Overlay.AuxiliaryBuffer;
    Irp->Tail.Overlay.AuxiliaryBuffer = NULL;
    while (loan != NULL) {
        PLOAN next = loan->NextOfIrp;
        PLENT_BUCKET bucket = loan->Bucket;
        HostAcquireLock(&bucket->Lock);
        RemoveEntryList(&loan->Link);
        __atomic_store_n(&bucket->Count, bucket->Count - 1, __ATOMIC_RELAXED);
        loan->NextOfIrp = bucket->Free;
        bucket->Free = loan;
        HostReleaseLock(&bucket->Lock);
        loan = next;
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
    LOAN found = {0};
    if (HOST_LIKELY(__atomic_load_n(&Bucket->Count, __ATOMIC_RELAXED) == 0)) {
        return;
    }
    HostAcquireLock(&Bucket->Lock);
    for (PLIST_ENTRY entry = Bucket->Loans.Flink; entry != &Bucket->Loans; entry = entry->Flink) {
        PLOAN loan = CONTAINING_RECORD(entry, LOAN, Link);
        if (loan->Mdl == Mdl || (loan->Start >= Start && loan->Start < End)) {
            found = *loan;
            break;
        }
    }
    HostReleaseLock(&Bucket->Lock);
    if (found.Irp != NULL) {
        LentMemoryFreed(&found, Freeing, Memory);
    }
}

void HostCheckMdlNotLent(PMDL Mdl, const char* Freeing)
{
    CheckBucket(BucketOf(PageOf(MmGetMdlVirtualAddress(Mdl))), Freeing, Mdl, Mdl, NULL, NULL);
}

void HostCheckMemoryNotLent(PVOID Memory, SIZE_T Length, const char* Freeing)
{
    PUCHAR start = Memory;
    ULONG_PTR first = PageOf(start);
    ULONG_PTR pages = PageOf(start + Length - 1) - first + 1;
    for (ULONG_PTR i = 0; i < pages && i < BUCKETS; i++) {
        PLENT_BUCKET bucket = pages < BUCKETS ? BucketOf(first + i) : &Buckets[i];
        CheckBucket(bucket, Freeing, Memory, NULL, start, start + Length);
    }
}
