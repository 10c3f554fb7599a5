/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects: reference counts and what happens when they reach zero.
 */
#include "wdmp.h"

static void InitializeObject(PHOST_OBJECT Object, struct _OBJECT_TYPE* Type)
{
    Object->References = 1;
    Object->Type = Type;
    Object->Magic = HOST_OBJECT_MAGIC;
    HostAcquireLock(&Type->Lock);
    if (!Type->Initialized) {
        InitializeListHead(&Type->Live);
        Type->Initialized = TRUE;
    }
    InsertTailList(&Type->Live, &Object->Link);
    Type->Count++;
    HostReleaseLock(&Type->Lock);
}

PVOID HostCreateObject(struct _OBJECT_TYPE* Type, SIZE_T BodyLength)
{
    PHOST_OBJECT Object = NULL;
    SIZE_T Length = ALIGN_UP_BY(sizeof(HOST_OBJECT) + BodyLength, 64);

    if (posix_memalign((void**)&Object, 64, Length) != 0) {
        return NULL;
    }
    memset(Object, 0, Length);
    InitializeObject(Object, Type);
    return Object + 1;
}

static void Unlist(PHOST_OBJECT Object)
{
    struct _OBJECT_TYPE* Type = (struct _OBJECT_TYPE*)Object->Type;
    HostAcquireLock(&Type->Lock);
    RemoveEntryList(&Object->Link);
    Type->Count--;
    HostReleaseLock(&Type->Lock);
}

void HostFreeObject(PVOID Body)
{
    PHOST_OBJECT Object = HOST_OBJECT_OF(Body);
    Unlist(Object);
    Object->Magic = 0;
    free(Object);
}

void HostDeleteObject(PHOST_OBJECT Object)
{
    Object->Type->Delete(Object + 1);
}

static void DeleteRoutine(PHOST_WORK Work)
{
    HostDeleteObject(CONTAINING_RECORD(Work, HOST_OBJECT, Work));
}

void HostDeleteObjectLater(PHOST_OBJECT Object)
{
    Object->Work.Routine = DeleteRoutine;
    HostQueueWork(&Object->Work);
}

ULONGLONG HostCountObjects(struct _OBJECT_TYPE* Type)
{
    HostAcquireLock(&Type->Lock);
    ULONGLONG Count = Type->Count;
    HostReleaseLock(&Type->Lock);
    return Count;
}

void HostVisitObjects(struct _OBJECT_TYPE* Type, void (*Visit)(PHOST_OBJECT Object, PVOID Context),
                      PVOID Context)
{
    HostAcquireLock(&Type->Lock);
    if (Type->Initialized) {
        for (PLIST_ENTRY Entry = Type->Live.Flink; Entry != &Type->Live; Entry = Entry->Flink) {
            Visit(CONTAINING_RECORD(Entry, HOST_OBJECT, Link), Context);
        }
    }
    HostReleaseLock(&Type->Lock);
}

/* ---- references of drivers --------------------------------------------------------------------------- */

static PHOST_OBJECT CheckedObject(PVOID Body, const char* Function)
{
    PHOST_OBJECT Object = HOST_OBJECT_OF(Body);
    if (Body == NULL || Object->Magic != HOST_OBJECT_MAGIC) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)Body, 0, 0,
                     "%s was given %p, which is not an object that lives.", Function, Body);
    }
    return Object;
}

LONG_PTR ObfReferenceObject(PVOID Object)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    PHOST_OBJECT Header = CheckedObject(Object, "ObReferenceObject");
    __atomic_add_fetch(&Header->DriverReferences, 1, __ATOMIC_RELAXED);
    return (LONG_PTR)__atomic_add_fetch(&Header->References, 1, __ATOMIC_RELAXED);
}

static LONG_PTR DropReference(PVOID Object, const char* Function)
{
    PHOST_OBJECT Header = CheckedObject(Object, Function);
    if (__atomic_sub_fetch(&Header->DriverReferences, 1, __ATOMIC_ACQ_REL) < 0) {
        HostBugcheck(REFERENCE_BY_POINTER, 0, (ULONG_PTR)Object, 0, 0,
                     "%s dropped a reference of the %s %p that no driver had taken.", Function,
                     Header->Type->Name, Object);
    }
    LONG64 Left = __atomic_sub_fetch(&Header->References, 1, __ATOMIC_ACQ_REL);
    if (Left == 0) {
        HostDeleteObjectLater(Header);
    }
    return (LONG_PTR)Left;
}

/* Deletion is always left to a system thread. Windows deletes in this thread at PASSIVE_LEVEL, which would
 * hide from a driver writer that it can also happen in another thread. */
LONG_PTR ObfDereferenceObject(PVOID Object)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    return DropReference(Object, "ObDereferenceObject");
}

void ObDereferenceObjectDeferDelete(PVOID Object)
{
    HOST_MAX_IRQL(DISPATCH_LEVEL);
    DropReference(Object, "ObDereferenceObjectDeferDelete");
}

NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID* Object, PVOID HandleInformation)
{
    UNREFERENCED_PARAMETER(DesiredAccess);
    UNREFERENCED_PARAMETER(HandleInformation);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    PVOID Body = HostReferenceHandle(Handle, NULL, AccessMode == KernelMode ? NULL : HostCurrentProcess());
    if (Body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (ObjectType != NULL && HOST_OBJECT_OF(Body)->Type != ObjectType) {
        HostDereferenceLater(Body);
        return STATUS_OBJECT_TYPE_MISMATCH;
    }
    __atomic_add_fetch(&HOST_OBJECT_OF(Body)->DriverReferences, 1, __ATOMIC_RELAXED);
    *Object = Body;
    return STATUS_SUCCESS;
}
