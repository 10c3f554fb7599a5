/* SPDX-License-Identifier: Apache-2.0
 *
 * IoCsq...: who gets an IRP, and the state of its context. The WDM sample's tests drive one queue in a
 * driver.
 */
#include <iomanager.h>

#include <gtest/gtest.h>

#include <vector>

#include "status.h"

namespace {

class Csq : public ::testing::Test {
  protected:
    void SetUp() override
    {
        KeInitializeSpinLock(&queue.Lock);
        InitializeListHead(&queue.Irps);
        EXPECT_STATUS(STATUS_SUCCESS,
                      IoCsqInitializeEx(&queue.Csq, Insert, Remove, PeekNext, Acquire, Release, Canceled));
    }
    void TearDown() override
    {
        EXPECT_TRUE(IsListEmpty(&queue.Irps));
        for (PIRP irp : irps) {
            IoCompleteRequest(irp, IO_NO_INCREMENT);
            IoFreeIrp(irp);
        }
    }
    PIRP Make()
    {
        PIRP irp = IoAllocateIrp(1, FALSE);
        IoSetCompletionRoutine(irp, Keep, nullptr, TRUE, TRUE, TRUE);
        IoSetNextIrpStackLocation(irp);
        irps.push_back(irp);
        return irp;
    }
    static bool IsPending(PIRP irp)
    {
        return (IoGetCurrentIrpStackLocation(irp)->Control & SL_PENDING_RETURNED) != 0;
    }

    static NTSTATUS Keep(PDEVICE_OBJECT, PIRP, PVOID)
    {
        return STATUS_MORE_PROCESSING_REQUIRED;
    }

    struct Queue {
        IO_CSQ Csq;
        KSPIN_LOCK Lock;
        LIST_ENTRY Irps;
        std::vector<PIRP> Canceled;
        PVOID Refused = nullptr; /* the insert context with which Insert fails */
    };
    static Queue* Of(PIO_CSQ csq)
    {
        return CONTAINING_RECORD(csq, Queue, Csq);
    }
    static NTSTATUS Insert(PIO_CSQ csq, PIRP irp, PVOID context)
    {
        if (context != nullptr && context == Of(csq)->Refused) {
            return STATUS_DEVICE_BUSY;
        }
        InsertTailList(&Of(csq)->Irps, &irp->Tail.Overlay.ListEntry);
        return STATUS_SUCCESS;
    }
    static void Remove(PIO_CSQ, PIRP irp)
    {
        RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    }
    static PIRP PeekNext(PIO_CSQ csq, PIRP irp, PVOID)
    {
        PLIST_ENTRY entry = irp == nullptr ? Of(csq)->Irps.Flink : irp->Tail.Overlay.ListEntry.Flink;
        return entry == &Of(csq)->Irps ? nullptr : CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);
    }
    static void Acquire(PIO_CSQ csq, PKIRQL irql)
    {
        KeAcquireSpinLock(&Of(csq)->Lock, irql);
    }
    static void Release(PIO_CSQ csq, KIRQL irql)
    {
        KeReleaseSpinLock(&Of(csq)->Lock, irql);
    }
    static void Canceled(PIO_CSQ csq, PIRP irp)
    {
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql()) << "without the lock";
        Of(csq)->Canceled.push_back(irp);
    }

    Queue queue;
    std::vector<PIRP> irps;
};

TEST_F(Csq, GivesIrpsInTheOrderOfTheDriversList)
{
    PIRP first = Make(), second = Make();
    IoCsqInsertIrp(&queue.Csq, first, nullptr);
    EXPECT_STATUS(STATUS_SUCCESS, IoCsqInsertIrpEx(&queue.Csq, second, nullptr, nullptr));
    EXPECT_TRUE(IsPending(first) && IsPending(second));
    EXPECT_EQ(first, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_EQ(second, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_EQ(nullptr, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_FALSE(IoCancelIrp(first)) << "it has no cancel routine any more";
    EXPECT_TRUE(queue.Canceled.empty());
}

TEST_F(Csq, RemovesTheIrpOfAContextOnce)
{
    IO_CSQ_IRP_CONTEXT one, two;
    PIRP first = Make(), second = Make();
    IoCsqInsertIrp(&queue.Csq, first, &one);
    IoCsqInsertIrp(&queue.Csq, second, &two);
    EXPECT_EQ(second, IoCsqRemoveIrp(&queue.Csq, &two));
    EXPECT_EQ(nullptr, IoCsqRemoveIrp(&queue.Csq, &two));
    EXPECT_EQ(first, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_EQ(nullptr, IoCsqRemoveIrp(&queue.Csq, &one));
}

TEST_F(Csq, HandsCancelledIrpsToTheDriver)
{
    IO_CSQ_IRP_CONTEXT context;
    PIRP first = Make(), second = Make();
    IoCsqInsertIrp(&queue.Csq, first, &context);
    IoCsqInsertIrp(&queue.Csq, second, nullptr);
    EXPECT_TRUE(IoCancelIrp(first));
    EXPECT_TRUE(IoCancelIrp(second));
    EXPECT_EQ((std::vector<PIRP>{first, second}), queue.Canceled);
    EXPECT_EQ(nullptr, IoCsqRemoveIrp(&queue.Csq, &context));
}

TEST_F(Csq, HandsBackWhatWasCancelledBefore)
{
    PIRP irp = Make();
    EXPECT_FALSE(IoCancelIrp(irp));
    IoCsqInsertIrp(&queue.Csq, irp, nullptr);
    EXPECT_EQ((std::vector<PIRP>{irp}), queue.Canceled);
}

/* The cancel routine was taken, and is waiting for the queue's lock. */
TEST_F(Csq, LeavesAloneWhatIsBeingCancelled)
{
    IO_CSQ_IRP_CONTEXT context;
    PIRP first = Make(), second = Make();
    IoCsqInsertIrp(&queue.Csq, first, &context);
    IoCsqInsertIrp(&queue.Csq, second, nullptr);
    PDRIVER_CANCEL taken = IoSetCancelRoutine(first, nullptr);
    EXPECT_EQ(nullptr, IoCsqRemoveIrp(&queue.Csq, &context));
    EXPECT_EQ(second, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_EQ(nullptr, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    IoAcquireCancelSpinLock(&first->CancelIrql);
    taken(nullptr, first);
    EXPECT_EQ((std::vector<PIRP>{first}), queue.Canceled);
}

TEST_F(Csq, LeavesToTheCallerWhatInsertRefused)
{
    PIRP irp = Make();
    queue.Refused = this;
    EXPECT_STATUS(STATUS_DEVICE_BUSY, IoCsqInsertIrpEx(&queue.Csq, irp, nullptr, this));
    EXPECT_FALSE(IsPending(irp));
    EXPECT_EQ(nullptr, IoCsqRemoveNextIrp(&queue.Csq, nullptr));
    EXPECT_FALSE(IoCancelIrp(irp));
}

} // namespace
