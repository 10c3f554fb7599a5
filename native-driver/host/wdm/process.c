/* SPDX-License-Identifier: Apache-2.0
 *
 * Process objects, so that drivers can tell their callers apart.
 */
#include "wdmp.h"

#define SYSTEM_PROCESS_ID 4
#define FIRST_FURTHER_ID  0x10000000 /* above what the operating system gives out */

struct _OBJECT_TYPE HostProcessType = {.Name = "process", .Delete = HostFreeObject};

/* The two processes that always exist; neither is in the list of live objects nor ever deleted. */
static struct {
    HOST_OBJECT Header;
    struct _KPROCESS Process;
} Initial = {.Header = {.References = 1, .Type = &HostProcessType, .Magic = HOST_OBJECT_MAGIC},
             .Process = {.Rights = HostProcessAdministrator}},
  System = {.Header = {.References = 1, .Type = &HostProcessType, .Magic = HOST_OBJECT_MAGIC},
            .Process = {.Id = (HANDLE)SYSTEM_PROCESS_ID, .Rights = HostProcessSystem}};

PEPROCESS HostInitialProcess = &Initial.Process;
PEPROCESS HostSystemProcess = &System.Process;

static ULONG_PTR NextId = FIRST_FURTHER_ID;

PEPROCESS IoGetCurrentProcess(void)
{
    return HostCurrentProcess();
}

HANDLE PsGetProcessId(PEPROCESS Process)
{
    return Process == HostInitialProcess ? (HANDLE)(ULONG_PTR)getpid() : Process->Id;
}

HANDLE PsGetCurrentProcessId(void)
{
    return PsGetProcessId(HostCurrentProcess());
}

PEPROCESS HostCreateProcess(HOST_PROCESS_RIGHTS Rights)
{
    PEPROCESS Process = HostCreateObject(&HostProcessType, sizeof(*Process));
    if (Process != NULL) {
        Process->Id = (HANDLE)__atomic_fetch_add(&NextId, 4, __ATOMIC_RELAXED);
        Process->Rights = Rights;
    }
    return Process;
}

void HostEnterProcess(PEPROCESS Process)
{
    HostCurrentThread(); /* creates the thread object, whose destructor leaves the process */
    if (HostThread.Process != NULL) {
        __atomic_sub_fetch(&HostThread.Process->Entered, 1, __ATOMIC_ACQ_REL);
    }
    HostThread.Process = Process == HostInitialProcess ? NULL : Process;
    if (HostThread.Process != NULL) {
        __atomic_add_fetch(&Process->Entered, 1, __ATOMIC_ACQ_REL);
    }
}

void HostEndProcess(PEPROCESS Process)
{
    if (Process == NULL || Process == HostInitialProcess || Process == HostSystemProcess ||
        __atomic_load_n(&Process->Entered, __ATOMIC_ACQUIRE) != 0) {
        HostBugcheck(
            REFERENCE_BY_POINTER, (ULONG_PTR)Process, 0, 0, 0,
            "HostEndProcess was called for a process that a thread still acts for, or that never ends.");
    }
    /* The handles of a process that ends are closed in its own context. */
    PEPROCESS Previous = HostThread.Process;
    HostEnterProcess(Process);
    HostCloseProcessHandles(Process);
    HostEnterProcess(Previous);
    HostDereference(Process);
}

void HostSetProcessRights(HOST_PROCESS_RIGHTS Rights)
{
    __atomic_store_n(&HostInitialProcess->Rights, Rights, __ATOMIC_RELEASE);
}
