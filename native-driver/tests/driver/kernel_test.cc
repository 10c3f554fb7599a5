/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of other drivers, and the IRQL at which they are completed. Embedded only: on Windows and on Wine
 * a program can't do this.
 */
#include "support.h"

#include <wdfhost.h>

class KernelTest : public DriverTest {};

namespace {

/* A request of another driver: its own IRP, in kernel mode, without a thread, sent at any IRQL. */
class KernelRequest {
  public:
    explicit KernelRequest(HANDLE handle)
    {
        EXPECT_STATUS(STATUS_SUCCESS, ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode,
                                                                (PVOID*)&file_, nullptr));
        irp_ = IoAllocateIrp(file_->DeviceObject->StackSize, FALSE);
    }
    ~KernelRequest()
    {
        IoFreeIrp(irp_);
        ObDereferenceObject(file_);
    }
    KernelRequest(const KernelRequest&) = delete;
    KernelRequest& operator=(const KernelRequest&) = delete;

    /* Buffered; the buffer is input and output. */
    NTSTATUS Send(ULONG code, PVOID buffer, ULONG in, ULONG out, bool with_file = true,
                  KIRQL irql = PASSIVE_LEVEL)
    {
        KEVENT done;
        KIRQL before;
        KeInitializeEvent(&done, NotificationEvent, FALSE);
        PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp_);
        stack->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        stack->FileObject = with_file ? file_ : nullptr;
        stack->Parameters.DeviceIoControl.IoControlCode = code;
        stack->Parameters.DeviceIoControl.InputBufferLength = in;
        stack->Parameters.DeviceIoControl.OutputBufferLength = out;
        irp_->AssociatedIrp.SystemBuffer = buffer;
        irp_->RequestorMode = KernelMode;
        IoSetCompletionRoutine(
            irp_,
            [](PDEVICE_OBJECT, PIRP, PVOID event) -> NTSTATUS {
                KeSetEvent((PKEVENT)event, IO_NO_INCREMENT, FALSE);
                return STATUS_MORE_PROCESSING_REQUIRED;
            },
            &done, TRUE, TRUE, TRUE);
        KeRaiseIrql(irql, &before);
        IoCallDriver(file_->DeviceObject, irp_);
        KeLowerIrql(before);
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, nullptr);
        NTSTATUS status = irp_->IoStatus.Status;
        IoReuseIrp(irp_, STATUS_SUCCESS);
        return status;
    }

  private:
    PFILE_OBJECT file_ = nullptr;
    PIRP irp_ = nullptr;
};

} // namespace

TEST_F(KernelTest, ARequestWithoutAFileIsRefused)
{
    File file;
    KernelRequest request(file.Handle());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, request.Send(IOCTL_WSKB_NOP, nullptr, 0, 0, false));
    EXPECT_STATUS(STATUS_SUCCESS, request.Send(IOCTL_WSKB_NOP, nullptr, 0, 0));
}

/* A socket belongs to the process of the IRP, not to that of the thread in which it is presented. */
TEST_F(KernelTest, ARequestWithoutAProcessMakesNoSocket)
{
    File file;
    KernelRequest request(file.Handle());
    WSKB_CREATE create = {sizeof create, WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET, WSKB_IPPROTO_UDP};
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, request.Send(IOCTL_WSKB_CREATE, &create, sizeof create, 0));
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM)) << "the file is still free";
}

TEST_F(KernelTest, RequestsAtDispatchLevelDoNotWait)
{
    File fresh;
    File bound = BoundDatagram();
    KernelRequest to_fresh(fresh.Handle());
    KernelRequest to_bound(bound.Handle());
    Setting option(WSKB_OPTION_BROADCAST, 1);
    WSKB_ADDRESS address = {};
    WSKB_CREATE create = {sizeof create, WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET, WSKB_IPPROTO_UDP};
    EXPECT_STATUS(STATUS_SUCCESS,
                  to_bound.Send(IOCTL_WSKB_SET_OPTION, &option, sizeof option, 0, true, DISPATCH_LEVEL));
    EXPECT_STATUS(STATUS_SUCCESS, to_bound.Send(IOCTL_WSKB_GET_LOCAL_ADDRESS, &address, 0, sizeof address,
                                                true, DISPATCH_LEVEL));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  to_fresh.Send(IOCTL_WSKB_CREATE, &create, sizeof create, 0, true, DISPATCH_LEVEL));
}

/* WSK lists addresses at PASSIVE_LEVEL only. */
TEST_F(KernelTest, ListsOfAddressesAreForPassiveLevel)
{
    File bound = BoundDatagram();
    KernelRequest request(bound.Handle());
    std::vector<UCHAR> list(4096);
    WSKB_TRANSFER in = {sizeof in, 0, 0};
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  request.Send(IOCTL_WSKB_GET_ADDRESSES, list.data(), 0, 4096, true, DISPATCH_LEVEL));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  request.Send(IOCTL_WSKB_AWAIT_ADDRESSES, &in, sizeof in, 0, true, DISPATCH_LEVEL));
    EXPECT_STATUS(STATUS_SUCCESS, request.Send(IOCTL_WSKB_GET_ADDRESSES, list.data(), 0, 4096));
    EXPECT_STATUS(STATUS_SUCCESS,
                  request.Send(IOCTL_WSKB_GET_TRANSPORTS, list.data(), 0, 4096, true, DISPATCH_LEVEL));
}

/* Requests that WSK completes at DISPATCH_LEVEL are completed there, without a work item. */
TEST_F(KernelTest, NoCompletionTakesADetour)
{
    peer::Udp udp;
    peer::Tcp tcp;
    File datagram = BoundDatagram();
    File connection = Connected(&tcp);
    LONGLONG before = WdfHostCountDetours();
    for (int i = 0; i < 20; i++) {
        Datagram receive_from;
        Transfer receive;
        ASSERT_STATUS(STATUS_PENDING, receive_from.Start(datagram));
        ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(connection, 1));
        udp.SendTo(datagram.Port(), "x");
        ASSERT_TRUE(tcp.SendAll("x"));
        EXPECT_STATUS(STATUS_SUCCESS, receive_from.Wait());
        EXPECT_STATUS(STATUS_SUCCESS, receive.Wait());
    }
    EXPECT_EQ(before, WdfHostCountDetours());
}
