/* SPDX-License-Identifier: Apache-2.0
 *
 * Role types: each is a function type with the documented parameters, and has a pointer type. An error does
 * not compile.
 */
#include <ntddk.h>

#include <type_traits>

#include <gtest/gtest.h>

#include "status.h"

#define EXPECT_ROLE(role, ...)                                                                               \
    static_assert(std::is_same_v<role, __VA_ARGS__>);                                                        \
    static_assert(std::is_same_v<P##role, role*>)

EXPECT_ROLE(DRIVER_INITIALIZE, NTSTATUS(PDRIVER_OBJECT, PUNICODE_STRING));
EXPECT_ROLE(DRIVER_UNLOAD, void(PDRIVER_OBJECT));
EXPECT_ROLE(DRIVER_DISPATCH, NTSTATUS(PDEVICE_OBJECT, PIRP));
EXPECT_ROLE(DRIVER_CANCEL, void(PDEVICE_OBJECT, PIRP));
EXPECT_ROLE(DRIVER_STARTIO, void(PDEVICE_OBJECT, PIRP));
EXPECT_ROLE(DRIVER_ADD_DEVICE, NTSTATUS(PDRIVER_OBJECT, PDEVICE_OBJECT));
EXPECT_ROLE(DRIVER_REINITIALIZE, void(PDRIVER_OBJECT, PVOID, ULONG));
EXPECT_ROLE(DRIVER_NOTIFICATION_CALLBACK_ROUTINE, NTSTATUS(PVOID, PVOID));
EXPECT_ROLE(IO_COMPLETION_ROUTINE, NTSTATUS(PDEVICE_OBJECT, PIRP, PVOID));
EXPECT_ROLE(IO_DPC_ROUTINE, void(PKDPC, PDEVICE_OBJECT, PIRP, PVOID));
EXPECT_ROLE(IO_TIMER_ROUTINE, void(PDEVICE_OBJECT, PVOID));
EXPECT_ROLE(IO_WORKITEM_ROUTINE, void(PDEVICE_OBJECT, PVOID));
EXPECT_ROLE(IO_WORKITEM_ROUTINE_EX, void(PVOID, PVOID, PIO_WORKITEM));
EXPECT_ROLE(KDEFERRED_ROUTINE, void(PKDPC, PVOID, PVOID, PVOID));
EXPECT_ROLE(KSERVICE_ROUTINE, BOOLEAN(struct _KINTERRUPT*, PVOID));
EXPECT_ROLE(KSTART_ROUTINE, void(PVOID));
EXPECT_ROLE(WORKER_THREAD_ROUTINE, void(PVOID));
EXPECT_ROLE(ALLOCATE_FUNCTION, PVOID(POOL_TYPE, SIZE_T, ULONG));
EXPECT_ROLE(ALLOCATE_FUNCTION_EX, PVOID(POOL_TYPE, SIZE_T, ULONG, PLOOKASIDE_LIST_EX));
EXPECT_ROLE(FREE_FUNCTION, void(PVOID));
EXPECT_ROLE(FREE_FUNCTION_EX, void(PVOID, PLOOKASIDE_LIST_EX));

/* As drivers use them: declared by the role, defined with the arguments. */
static DRIVER_DISPATCH Dispatch;

static NTSTATUS Dispatch(PDEVICE_OBJECT, PIRP)
{
    return STATUS_NOT_SUPPORTED;
}

TEST(Roles, ADeclaredRoutineFitsWhereItsPointerGoes)
{
    DRIVER_OBJECT driver = {};
    driver.MajorFunction[IRP_MJ_READ] = Dispatch;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, driver.MajorFunction[IRP_MJ_READ](nullptr, nullptr));
}
