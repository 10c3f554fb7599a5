/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared parts of the WSK tests.
 */
#include "fixture.h"

namespace wsk {

static USHORT Swap(USHORT Value)
{
    return static_cast<USHORT>((Value << 8) | (Value >> 8));
}

SOCKADDR_INET V4(USHORT Port, ULONG Address)
{
    SOCKADDR_INET Result = {};
    Result.Ipv4.sin_family = AF_INET;
    Result.Ipv4.sin_port = Swap(Port);
    Result.Ipv4.sin_addr.s_addr = __builtin_bswap32(Address);
    return Result;
}

SOCKADDR_INET V6(USHORT Port, bool Loopback)
{
    SOCKADDR_INET Result = {};
    Result.Ipv6.sin6_family = AF_INET6;
    Result.Ipv6.sin6_port = Swap(Port);
    Result.Ipv6.sin6_addr.s6_addr[15] = Loopback ? 1 : 0;
    return Result;
}

SOCKADDR_INET Mapped(USHORT Port)
{
    const UCHAR Bytes[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    SOCKADDR_INET Result = V6(Port, false);
    memcpy(Result.Ipv6.sin6_addr.s6_addr, Bytes, sizeof(Bytes));
    return Result;
}

USHORT PortOf(const SOCKADDR_INET& Address)
{
    return Swap(Address.Ipv4.sin_port); /* the port has the same place in both families */
}

/* ---- buffers ----------------------------------------------------------------------------------------- */

Buffer::Buffer(size_t Length, size_t Pieces)
{
    Describe(Length, Pieces);
}

Buffer::Buffer(const std::string& Data, size_t Pieces)
{
    Describe(Data.size(), Pieces);
    memcpy(Memory_, Data.data(), Data.size());
}

void Buffer::Describe(size_t Length, size_t Pieces)
{
    Memory_ = static_cast<char*>(ExAllocatePoolWithTag(NonPagedPoolNx, Length + 1, Tag));
    Wsk_.Length = Length;
    PMDL* Link = &Wsk_.Mdl;
    for (size_t Done = 0, Left = Pieces; Length != 0 && Left != 0; Left--) {
        size_t Bytes = (Length - Done) / Left;
        *Link = IoAllocateMdl(Memory_ + Done, static_cast<ULONG>(Bytes), FALSE, FALSE, nullptr);
        MmBuildMdlForNonPagedPool(*Link);
        Link = &(*Link)->Next;
        Done += Bytes;
    }
}

Buffer::~Buffer()
{
    while (Wsk_.Mdl != nullptr) {
        PMDL Next = Wsk_.Mdl->Next;
        IoFreeMdl(Wsk_.Mdl);
        Wsk_.Mdl = Next;
    }
    ExFreePoolWithTag(Memory_, Tag);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

Request::~Request()
{
    IoFreeIrp(Irp_);
}

PIRP Request::Arm()
{
    std::lock_guard<std::mutex> Guard(Lock_);
    IoReuseIrp(Irp_, STATUS_SUCCESS);
    IoSetCompletionRoutine(Irp_, Completed, this, TRUE, TRUE, TRUE);
    Completions_ = 0;
    return Irp_;
}

NTSTATUS Request::Completed(PDEVICE_OBJECT, PIRP Irp, PVOID Context)
{
    Request* Self = static_cast<Request*>(Context);
    if (Self->OnCompletion) {
        Self->OnCompletion();
    }
    std::lock_guard<std::mutex> Guard(Self->Lock_);
    Self->Status_ = Irp->IoStatus.Status;
    Self->Information_ = Irp->IoStatus.Information;
    Self->PendingReturned_ = Irp->PendingReturned;
    Self->Completions_++;
    Self->Changed_.notify_all();
    return STATUS_MORE_PROCESSING_REQUIRED;
}

bool Request::IsDone()
{
    std::lock_guard<std::mutex> Guard(Lock_);
    return Completions_ != 0;
}

int Request::Completions()
{
    std::lock_guard<std::mutex> Guard(Lock_);
    return Completions_;
}

ULONG_PTR Request::Information()
{
    std::lock_guard<std::mutex> Guard(Lock_);
    return Information_;
}

NTSTATUS Request::Wait()
{
    std::unique_lock<std::mutex> Guard(Lock_);
    bool Done =
        Changed_.wait_for(Guard, std::chrono::milliseconds(kPatience), [this] { return Completions_ != 0; });
    EXPECT_TRUE(Done) << "the IRP was not completed";
    EXPECT_LE(Completions_, 1);
    return Done ? Status_ : STATUS_TIMEOUT;
}

NTSTATUS Request::Finish(NTSTATUS Returned)
{
    if (Returned != STATUS_PENDING) {
        EXPECT_TRUE(IsDone()) << "a call that is not pending must have completed its IRP";
    }
    NTSTATUS Status = Wait();
    if (Returned != STATUS_PENDING) {
        EXPECT_EQ(Returned, Status);
    }
    EXPECT_EQ(Returned == STATUS_PENDING, PendingReturned_);
    return Status;
}

/* ---- clients ----------------------------------------------------------------------------------------- */

Client::Client(USHORT Version)
{
    WSK_CLIENT_NPI ClientNpi = {nullptr, &Dispatch};
    Dispatch.Version = Version;
    EXPECT_STATUS(STATUS_SUCCESS, WskRegister(&ClientNpi, &Registration));
    EXPECT_STATUS(STATUS_SUCCESS, WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &Npi));
}

Client::~Client()
{
    WskReleaseProviderNPI(&Registration);
    WskDeregister(&Registration);
}

NTSTATUS Client::Socket(ADDRESS_FAMILY Family, USHORT Type, ULONG Protocol, ULONG Flags, PWSK_SOCKET* Result,
                        PVOID Context, const VOID* Callbacks)
{
    Request Create;
    NTSTATUS Status =
        Create.Finish(Npi.Dispatch->WskSocket(Npi.Client, Family, Type, Protocol, Flags, Context, Callbacks,
                                              nullptr, nullptr, nullptr, Create.Irp()));
    *Result = NT_SUCCESS(Status) ? reinterpret_cast<PWSK_SOCKET>(Create.Information()) : nullptr;
    return Status;
}

NTSTATUS Client::SetStaticEvents(ULONG Events)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Events};
    return Npi.Dispatch->WskControlClient(Npi.Client, WSK_SET_STATIC_EVENT_CALLBACKS, sizeof(Control),
                                          &Control, 0, nullptr, nullptr, nullptr);
}

/* ---- sockets ----------------------------------------------------------------------------------------- */

void Socket::Close()
{
    if (Handle_ != nullptr) {
        Request Request_;
        EXPECT_STATUS(STATUS_SUCCESS, Request_.Finish(Basic()->WskCloseSocket(Handle_, Request_.Irp())));
        Handle_ = nullptr;
    }
}

NTSTATUS Socket::SetOption(ULONG Level, ULONG Code, ULONG Value)
{
    Request Set;
    return Set.Finish(Basic()->WskControlSocket(Handle_, WskSetOption, Code, Level, sizeof(Value), &Value, 0,
                                                nullptr, nullptr, Set.Irp()));
}

NTSTATUS Socket::GetOption(ULONG Level, ULONG Code, ULONG* Value)
{
    Request Get;
    NTSTATUS Status = Get.Finish(Basic()->WskControlSocket(Handle_, WskGetOption, Code, Level, 0, nullptr,
                                                           sizeof(*Value), Value, nullptr, Get.Irp()));
    if (NT_SUCCESS(Status)) {
        EXPECT_EQ(Level == SOL_SOCKET && Code == SO_KEEPALIVE ? 1 : sizeof(*Value), Get.Information());
    }
    return Status;
}

NTSTATUS Socket::ControlEvents(ULONG Mask, PIRP Irp)
{
    WSK_EVENT_CALLBACK_CONTROL Control = {&NPI_WSK_INTERFACE_ID, Mask};
    return Basic()->WskControlSocket(Handle_, WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                     sizeof(Control), &Control, 0, nullptr, nullptr, Irp);
}

NTSTATUS Socket::Ioctl(ULONG Code, PVOID In, SIZE_T InSize, PVOID Out, SIZE_T OutSize)
{
    Request Control;
    return Control.Finish(Basic()->WskControlSocket(Handle_, WskIoctl, Code, 0, InSize, In, OutSize, Out,
                                                    nullptr, Control.Irp()));
}

Datagram::Datagram(Client& Owner, ADDRESS_FAMILY Family, PVOID Context,
                   const WSK_CLIENT_DATAGRAM_DISPATCH* Callbacks)
{
    EXPECT_STATUS(STATUS_SUCCESS, Owner.Socket(Family, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                                               &Handle_, Context, Callbacks));
}

NTSTATUS Datagram::Bind(SOCKADDR_INET Address)
{
    Request Request_;
    return Request_.Finish((*this)->WskBind(Handle_, Raw(Address), 0, Request_.Irp()));
}

USHORT Datagram::Port()
{
    Request Request_;
    SOCKADDR_INET Address = {};
    EXPECT_STATUS(STATUS_SUCCESS,
                  Request_.Finish((*this)->WskGetLocalAddress(Handle_, Raw(Address), Request_.Irp())));
    return PortOf(Address);
}

NTSTATUS Datagram::SendTo(const std::string& Data, SOCKADDR_INET* To)
{
    Request Send;
    Buffer Payload(Data);
    NTSTATUS Status = Send.Finish(
        (*this)->WskSendTo(Handle_, Payload.Wsk(), 0, To ? Raw(*To) : nullptr, 0, nullptr, Send.Irp()));
    if (NT_SUCCESS(Status)) {
        EXPECT_EQ(Data.size(), Send.Information());
    }
    return Status;
}

NTSTATUS Datagram::Receive(std::string* Data, SOCKADDR_INET* From, ULONG* Flags, size_t Size)
{
    Request Request_;
    Buffer Payload(Size);
    ULONG ControlLength = 0;
    NTSTATUS Status =
        Request_.Finish((*this)->WskReceiveFrom(Handle_, Payload.Wsk(), 0, From ? Raw(*From) : nullptr,
                                                &ControlLength, nullptr, Flags, Request_.Irp()));
    *Data = Payload.Text(NT_SUCCESS(Status) ? Request_.Information() : 0);
    return Status;
}

Connection::Connection(Client& Owner, ADDRESS_FAMILY Family)
{
    EXPECT_STATUS(STATUS_SUCCESS,
                  Owner.Socket(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_CONNECTION_SOCKET, &Handle_));
}

NTSTATUS Connection::Bind(SOCKADDR_INET Address)
{
    Request Request_;
    return Request_.Finish((*this)->WskBind(Handle_, Raw(Address), 0, Request_.Irp()));
}

NTSTATUS Connection::Connect(SOCKADDR_INET Address)
{
    Request Request_;
    return Request_.Finish((*this)->WskConnect(Handle_, Raw(Address), 0, Request_.Irp()));
}

NTSTATUS Connection::ConnectTo(USHORT Port)
{
    NTSTATUS Status = Bind(V4(0, INADDR_ANY));
    return NT_SUCCESS(Status) ? Connect(V4(Port)) : Status;
}

NTSTATUS Connection::Send(const std::string& Data, ULONG Flags, size_t Pieces)
{
    Request Request_;
    Buffer Payload(Data, Pieces);
    NTSTATUS Status = Request_.Finish((*this)->WskSend(Handle_, Payload.Wsk(), Flags, Request_.Irp()));
    if (NT_SUCCESS(Status)) {
        EXPECT_EQ(Data.size(), Request_.Information());
    }
    return Status;
}

NTSTATUS Connection::Receive(std::string* Data, size_t Size, ULONG Flags)
{
    Request Request_;
    Buffer Payload(Size);
    NTSTATUS Status = Request_.Finish((*this)->WskReceive(Handle_, Payload.Wsk(), Flags, Request_.Irp()));
    *Data = Payload.Text(Request_.Information());
    return Status;
}

NTSTATUS Connection::Disconnect(ULONG Flags, const std::string* Last)
{
    Request Request_;
    std::unique_ptr<Buffer> Payload;
    if (Last != nullptr) {
        Payload = std::make_unique<Buffer>(*Last);
    }
    return Request_.Finish(
        (*this)->WskDisconnect(Handle_, Payload ? Payload->Wsk() : nullptr, Flags, Request_.Irp()));
}

Listener::Listener(Client& Owner, ADDRESS_FAMILY Family)
{
    EXPECT_STATUS(STATUS_SUCCESS,
                  Owner.Socket(Family, SOCK_STREAM, IPPROTO_TCP, WSK_FLAG_LISTEN_SOCKET, &Handle_));
}

NTSTATUS Listener::Bind(SOCKADDR_INET Address)
{
    Request Request_;
    return Request_.Finish((*this)->WskBind(Handle_, Raw(Address), 0, Request_.Irp()));
}

USHORT Listener::Port()
{
    Request Request_;
    SOCKADDR_INET Address = {};
    EXPECT_STATUS(STATUS_SUCCESS,
                  Request_.Finish((*this)->WskGetLocalAddress(Handle_, Raw(Address), Request_.Irp())));
    return PortOf(Address);
}

NTSTATUS Listener::Accept(PWSK_SOCKET* Accepted, SOCKADDR_INET* Local, SOCKADDR_INET* Remote)
{
    Request Request_;
    NTSTATUS Status =
        Request_.Finish((*this)->WskAccept(Handle_, 0, nullptr, nullptr, Local ? Raw(*Local) : nullptr,
                                           Remote ? Raw(*Remote) : nullptr, Request_.Irp()));
    *Accepted = NT_SUCCESS(Status) ? reinterpret_cast<PWSK_SOCKET>(Request_.Information()) : nullptr;
    return Status;
}

/* ---- the test class ---------------------------------------------------------------------------------- */

WSKHOST_ACCOUNTING Accounting()
{
    WSKHOST_ACCOUNTING Result;
    WskHostQueryAccounting(&Result);
    return Result;
}

void WskTest::SetUp()
{
    HostQueryAccounting(&Before_);
}

void WskTest::TearDown()
{
    HOST_ACCOUNTING After;
    WSKHOST_ACCOUNTING Wsk = Accounting();
    HostQueryAccounting(&After);
    EXPECT_EQ(0u, Wsk.Registrations);
    EXPECT_EQ(0u, Wsk.Captures);
    EXPECT_EQ(0u, Wsk.Sockets);
    EXPECT_EQ(0u, Wsk.PendingIrps);
    EXPECT_EQ(Before_.PoolAllocations, After.PoolAllocations);
    EXPECT_EQ(Before_.Irps, After.Irps);
    EXPECT_EQ(Before_.Mdls, After.Mdls);
}

} // namespace wsk
