/* SPDX-License-Identifier: Apache-2.0
 *
 * The object tree, contexts, attributes, references, handles, leaks.
 */
#include "support.h"

namespace {

struct NAMED {
    char Name;
    int Value;
};
WDF_DECLARE_CONTEXT_TYPE_WITH_NAME(NAMED, GetNamed)

struct OTHER {
    long Value;
};
WDF_DECLARE_CONTEXT_TYPE(OTHER)

std::string Events;

VOID NTAPI NoteCleanup(WDFOBJECT Object)
{
    Events += std::string("c") + GetNamed(Object)->Name;
}

VOID NTAPI NoteDestroy(WDFOBJECT Object)
{
    Events += std::string("d") + GetNamed(Object)->Name;
}

class Object : public KmdfTest {
  protected:
    void SetUp() override
    {
        Events.clear();
    }

    WDFOBJECT Make(char Name, WDFOBJECT Parent)
    {
        WDF_OBJECT_ATTRIBUTES Attributes;
        WDFOBJECT Made = nullptr;
        WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NAMED);
        Attributes.ParentObject = Parent;
        Attributes.EvtCleanupCallback = NoteCleanup;
        Attributes.EvtDestroyCallback = NoteDestroy;
        EXPECT_STATUS(STATUS_SUCCESS, WdfObjectCreate(&Attributes, &Made));
        GetNamed(Made)->Name = Name;
        return Made;
    }
};

TEST_F(Object, CleansUpChildrenFirstAndDestroysFromTheLeaves)
{
    Load();
    WDFOBJECT A = Make('A', nullptr);
    WDFOBJECT B = Make('B', A);
    Make('C', B);
    Make('D', A);
    WdfObjectDelete(A);
    EXPECT_EQ("cCcBcDcAdCdBdDdA", Events);
}

TEST_F(Object, IsDestroyedWhenTheLastReferenceGoes)
{
    Load();
    WDFOBJECT A = Make('A', nullptr);
    WDFOBJECT B = Make('B', A);
    WdfObjectReference(B);
    WdfObjectDelete(A);
    EXPECT_EQ("cBcAdA", Events);
    EXPECT_EQ('B', GetNamed(B)->Name) << "the context is there until the end";
    WdfObjectDereference(B);
    EXPECT_EQ("cBcAdAdB", Events);
}

TEST_F(Object, DeletesAChildAlone)
{
    Load();
    WDFOBJECT A = Make('A', nullptr);
    WDFOBJECT B = Make('B', A);
    WdfObjectDelete(B);
    EXPECT_EQ("cBdB", Events);
    WdfObjectDelete(A);
    EXPECT_EQ("cBdBcAdA", Events);
}

WDFOBJECT LateParent;
NTSTATUS LateStatus;

TEST_F(Object, TakesNoChildWhileItIsDeleted)
{
    Load();
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.EvtCleanupCallback = [](WDFOBJECT Self) {
        WDF_OBJECT_ATTRIBUTES Child;
        WDFOBJECT Made;
        WDF_OBJECT_ATTRIBUTES_INIT(&Child);
        Child.ParentObject = Self;
        LateStatus = WdfObjectCreate(&Child, &Made);
    };
    ASSERT_STATUS(STATUS_SUCCESS, WdfObjectCreate(&Attributes, &LateParent));
    WdfObjectDelete(LateParent);
    EXPECT_STATUS(STATUS_DELETE_PENDING, LateStatus);
}

TEST_F(Object, GoesWithTheDriver)
{
    Load();
    Make('A', nullptr);
    Make('B', Driver.Device);
    Unload();
    EXPECT_EQ("cBcAdBdA", Events) << "the device is older than A, and everything is destroyed at the end";
}

TEST_F(Object, HasZeroedContextsFoundByType)
{
    Load();
    WDFOBJECT A = Make('A', nullptr);
    EXPECT_EQ(0, GetNamed(A)->Value);
    EXPECT_EQ(nullptr, WdfObjectGet_OTHER(A));
    WDF_OBJECT_ATTRIBUTES Attributes;
    PVOID Context = nullptr, Again = nullptr;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, OTHER);
    ASSERT_STATUS(STATUS_SUCCESS, WdfObjectAllocateContext(A, &Attributes, &Context));
    EXPECT_EQ(Context, WdfObjectGet_OTHER(A));
    EXPECT_EQ(0, WdfObjectGet_OTHER(A)->Value);
    EXPECT_STATUS(STATUS_OBJECT_NAME_EXISTS, WdfObjectAllocateContext(A, &Attributes, &Again));
    EXPECT_EQ(Context, Again);
    EXPECT_EQ(A, WdfObjectContextGetObject(Context));
    EXPECT_EQ(A, WdfObjectContextGetObject(GetNamed(A)));
    EXPECT_EQ(0u, reinterpret_cast<uintptr_t>(GetNamed(A)) % 16);
    WdfObjectDelete(A);
}

TEST_F(Object, ChecksAttributes)
{
    Load();
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Made;
    WDFSPINLOCK Lock;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.Size = 48;
    EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, WdfObjectCreate(&Attributes, &Made));
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ContextSizeOverride = 8;
    EXPECT_STATUS(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, WdfObjectCreate(&Attributes, &Made));
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NAMED);
    Attributes.ContextSizeOverride = sizeof(NAMED) - 1;
    EXPECT_STATUS(STATUS_WDF_OBJECT_ATTRIBUTES_INVALID, WdfObjectCreate(&Attributes, &Made));
    WDF_OBJECT_CONTEXT_TYPE_INFO Wrong = *WDF_GET_CONTEXT_TYPE_INFO(NAMED);
    Wrong.Size = 39;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ContextTypeInfo = &Wrong;
    EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, WdfObjectCreate(&Attributes, &Made));
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.SynchronizationScope = WdfSynchronizationScopeQueue;
    EXPECT_STATUS(STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID, WdfObjectCreate(&Attributes, &Made));
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ExecutionLevel = WdfExecutionLevelPassive;
    EXPECT_STATUS(STATUS_WDF_EXECUTION_LEVEL_INVALID, WdfSpinLockCreate(&Attributes, &Lock));
    WDF_WORKITEM_CONFIG Config;
    WDFWORKITEM Item;
    WDF_WORKITEM_CONFIG_INIT(&Config, [](WDFWORKITEM) {});
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    EXPECT_STATUS(STATUS_WDF_PARENT_NOT_SPECIFIED, WdfWorkItemCreate(&Config, &Attributes, &Item));
    Attributes.ParentObject = Driver.Driver;
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, WdfWorkItemCreate(&Config, &Attributes, &Item));
}

TEST_F(Object, GrowsItsContextByTheOverride)
{
    Load();
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDFOBJECT Made;
    WDF_OBJECT_ATTRIBUTES_INIT_CONTEXT_TYPE(&Attributes, NAMED);
    Attributes.ContextSizeOverride = 4096;
    ASSERT_STATUS(STATUS_SUCCESS, WdfObjectCreate(&Attributes, &Made));
    auto* Bytes = reinterpret_cast<UCHAR*>(GetNamed(Made));
    for (size_t i = 0; i < 4096; i++) {
        ASSERT_EQ(0, Bytes[i]);
        Bytes[i] = 1;
    }
    WdfObjectDelete(Made);
}

TEST_F(Object, SurvivesFailingAllocations)
{
    Load();
    for (ULONG i = 1; i <= 2; i++) {
        WDFMEMORY Memory;
        HostFailAllocation(i, 0);
        EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES,
                      WdfMemoryCreate(nullptr, NonPagedPoolNx, 0, 100, &Memory, nullptr));
        HostFailAllocation(0, 0);
    }
}

TEST_F(Object, StopsAtBadHandles)
{
    EXPECT_STOP(
        {
            Load();
            WdfSpinLockAcquire(reinterpret_cast<WDFSPINLOCK>(Driver.Queue));
        },
        "WdfSpinLockAcquire was called with a WDFQUEUE .* for a WDFSPINLOCK");
    EXPECT_STOP(
        {
            Load();
            WdfObjectDelete(nullptr);
        },
        "WdfObjectDelete was called with NULL");
    EXPECT_STOP(
        {
            Load();
            WdfObjectDelete(Driver.Queue);
        },
        "WDFQUEUE .* only the framework deletes");
    EXPECT_STOP(
        {
            Load();
            WdfObjectDelete(Driver.Driver);
        },
        "WDFDRIVER .* only the framework deletes");
}

TEST_F(Object, StopsAtAnUnbalancedDereference)
{
    EXPECT_STOP(
        {
            Load();
            WdfObjectDereference(Make('A', nullptr));
        },
        "drops the last reference");
}

TEST_F(Object, ListsLeaksAtUnload)
{
    EXPECT_STOP(
        {
            Load();
            WDFOBJECT A = Make('A', nullptr);
            WdfObjectReference(A);
            Unload();
        },
        "still there: WDFOBJECT .*context NAMED, 1 reference(.|\n)*unloaded with 1 object");
}

TEST_F(Object, StopsAtPassiveFunctionsAtDispatchLevel)
{
    EXPECT_STOP(
        {
            Load();
            WDFSPINLOCK Lock;
            WDFWAITLOCK WaitLock;
            WdfSpinLockCreate(nullptr, &Lock);
            WdfSpinLockAcquire(Lock);
            WdfWaitLockCreate(nullptr, &WaitLock);
        },
        "WdfWaitLockCreate was called at IRQL 2");
    EXPECT_STOP(
        {
            Load();
            KIRQL Irql;
            KeRaiseIrql(DISPATCH_LEVEL, &Irql);
            WdfIoQueuePurgeSynchronously(Driver.Queue);
        },
        "WdfIoQueuePurgeSynchronously was called at IRQL 2");
}

/* An object that is cleaned up at PASSIVE_LEVEL may still be deleted at DISPATCH_LEVEL. */
std::atomic<int> DeferredCleanups;

TEST_F(Object, LeavesPassiveCleanupToAWorkItem)
{
    Load();
    DeferredCleanups = 0;
    WDF_OBJECT_ATTRIBUTES Attributes;
    WDF_WORKITEM_CONFIG Config;
    WDFWORKITEM Item;
    KIRQL Irql;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Driver.Device;
    Attributes.EvtCleanupCallback = [](WDFOBJECT) {
        EXPECT_EQ(PASSIVE_LEVEL, KeGetCurrentIrql());
        DeferredCleanups++;
    };
    WDF_WORKITEM_CONFIG_INIT(&Config, [](WDFWORKITEM) {});
    ASSERT_STATUS(STATUS_SUCCESS, WdfWorkItemCreate(&Config, &Attributes, &Item));
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    WdfObjectDelete(Item);
    KeLowerIrql(Irql);
    EXPECT_TRUE(Await([] { return DeferredCleanups == 1; }));
}

} // namespace
