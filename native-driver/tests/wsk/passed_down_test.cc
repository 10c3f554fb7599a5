/* SPDX-License-Identifier: Apache-2.0
 *
 * IRPs that a driver did not allocate but passes down to WSK, from a user's IOCTL to a socket: they need no
 * completion routine, and return to the user when WSK completes them.
 */
#include "fixture.h"
#include "peer.h"

namespace wsk {

constexpr ULONG kSend = CTL_CODE(FILE_DEVICE_NETWORK, 0x800, METHOD_IN_DIRECT, FILE_ANY_ACCESS);
constexpr ULONG kReceive = CTL_CODE(FILE_DEVICE_NETWORK, 0x801, METHOD_OUT_DIRECT, FILE_ANY_ACCESS);
constexpr ULONG kReceiveSkipping = CTL_CODE(FILE_DEVICE_NETWORK, 0x802, METHOD_OUT_DIRECT, FILE_ANY_ACCESS);

static Connection* Target;

static NTSTATUS Succeed(PDEVICE_OBJECT, PIRP Irp)
{
    Irp->IoStatus.Status = STATUS_SUCCESS;
    Irp->IoStatus.Information = 0;
    IoCompleteRequest(Irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

/* Returns what WSK returns; the location that WSK marked pending makes this one pending too. */
static NTSTATUS PassDown(PDEVICE_OBJECT, PIRP Irp)
{
    PIO_STACK_LOCATION Stack = IoGetCurrentIrpStackLocation(Irp);
    ULONG Code = Stack->Parameters.DeviceIoControl.IoControlCode;
    WSK_BUF Buffer = {Irp->MdlAddress, 0, Stack->Parameters.DeviceIoControl.OutputBufferLength};
    if (Code == kReceiveSkipping) {
        IoSkipCurrentIrpStackLocation(Irp);
    } else {
        IoMarkIrpPending(Irp);
        IoCopyCurrentIrpStackLocationToNext(Irp);
    }
    NTSTATUS Status = Code == kSend ? (*Target)->WskSend(Target->Get(), &Buffer, 0, Irp)
                                    : (*Target)->WskReceive(Target->Get(), &Buffer, 0, Irp);
    return Code == kReceiveSkipping ? Status : STATUS_PENDING;
}

static UNICODE_STRING Name(PCWSTR Text)
{
    UNICODE_STRING String;
    RtlInitUnicodeString(&String, Text);
    return String;
}

static void Unload(PDRIVER_OBJECT Driver)
{
    UNICODE_STRING Link = Name(L"\\DosDevices\\PassDown");
    IoDeleteSymbolicLink(&Link);
    IoDeleteDevice(Driver->DeviceObject);
}

static NTSTATUS Entry(PDRIVER_OBJECT Driver, PUNICODE_STRING)
{
    UNICODE_STRING Device = Name(L"\\Device\\PassDown"), Link = Name(L"\\DosDevices\\PassDown");
    PDEVICE_OBJECT Object;
    NTSTATUS Status = IoCreateDevice(Driver, 0, &Device, FILE_DEVICE_NETWORK, 0, FALSE, &Object);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Object->StackSize = 2;
    Driver->DriverUnload = Unload;
    Driver->MajorFunction[IRP_MJ_CREATE] = Driver->MajorFunction[IRP_MJ_CLEANUP] =
        Driver->MajorFunction[IRP_MJ_CLOSE] = Succeed;
    Driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = PassDown;
    return IoCreateSymbolicLink(&Link, &Device);
}

class PassedDownTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        Tcp = std::make_unique<Connection>(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, Tcp->ConnectTo(Server.Port()));
        Peer = Server.Accept();
        Target = Tcp.get();
        ASSERT_STATUS(STATUS_SUCCESS, HostLoadDriver(L"PassDown", Entry));
        ASSERT_STATUS(STATUS_SUCCESS, HostOpenFile(L"\\\\.\\PassDown", GENERIC_READ | GENERIC_WRITE, &File));
        ASSERT_STATUS(STATUS_SUCCESS,
                      NtCreateEvent(&Done, EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE));
    }
    void TearDown() override
    {
        NtClose(Done);
        NtClose(File);
        ASSERT_STATUS(STATUS_SUCCESS, HostUnloadDriver(L"PassDown"));
        Tcp.reset();
        ClientTest::TearDown();
    }
    NTSTATUS Start(ULONG Code, PVOID Memory, ULONG Length)
    {
        return NtDeviceIoControlFile(File, Done, nullptr, nullptr, &Result, Code, nullptr, 0, Memory, Length);
    }
    NTSTATUS Finish(NTSTATUS Started)
    {
        EXPECT_STATUS(STATUS_PENDING, Started);
        EXPECT_STATUS(STATUS_SUCCESS, NtWaitForSingleObject(Done, FALSE, nullptr));
        return Result.Status;
    }

    peer::TcpListener Server;
    peer::Tcp Peer;
    std::unique_ptr<Connection> Tcp;
    HANDLE File = nullptr;
    HANDLE Done = nullptr;
    IO_STATUS_BLOCK Result = {};
};

TEST_F(PassedDownTest, SendAndReceiveWithoutACompletionRoutine)
{
    char Memory[16] = "hello";
    EXPECT_STATUS(STATUS_SUCCESS, Finish(Start(kSend, Memory, 5)));
    EXPECT_EQ(5u, Result.Information);
    EXPECT_EQ("hello", Peer.ReceiveText(5));
    NTSTATUS Started = Start(kReceive, Memory, sizeof(Memory));
    ASSERT_TRUE(Peer.SendAll("world!"));
    EXPECT_STATUS(STATUS_SUCCESS, Finish(Started));
    EXPECT_EQ("world!", std::string(Memory, Result.Information));
}

TEST_F(PassedDownTest, ReceiveInTheLocationOfTheDriverThatSkipsItsOwn)
{
    char Memory[16];
    NTSTATUS Started = Start(kReceiveSkipping, Memory, sizeof(Memory));
    ASSERT_TRUE(Peer.SendAll("skip"));
    EXPECT_STATUS(STATUS_SUCCESS, Finish(Started));
    EXPECT_EQ("skip", std::string(Memory, Result.Information));
}

TEST_F(PassedDownTest, CancelReachesWsk)
{
    char Memory[16];
    IO_STATUS_BLOCK Cancel;
    NTSTATUS Started = Start(kReceive, Memory, sizeof(Memory));
    EXPECT_STATUS(STATUS_SUCCESS, NtCancelIoFileEx(File, &Result, &Cancel));
    EXPECT_STATUS(STATUS_CANCELLED, Finish(Started));
}

} // namespace wsk
