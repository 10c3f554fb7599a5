/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture and helpers of the driver's tests.
 */
#include "support.h"

#include <cstdio>

extern "C" DRIVER_INITIALIZE FxDriverEntry;

static const WCHAR kService[] = L"WskBridge";
static const WCHAR kDevice[] = L"\\\\.\\WskBridge";

/* The receive buffer of a peer that should accept few bytes. */
constexpr int kLittleRoom = 65536;

/* ---- requests ---------------------------------------------------------------------------------------- */

/* An injected fault may hit the event, so creating it is tried twice. */
Request::Request()
{
    if (!NT_SUCCESS(NtCreateEvent(&event_, EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE))) {
        NtCreateEvent(&event_, EVENT_ALL_ACCESS, nullptr, NotificationEvent, FALSE);
    }
}

Request::~Request()
{
    if (started_) {
        Wait();
    }
    NtClose(event_);
}

NTSTATUS Request::Start(HANDLE file, ULONG code, const void* in, ULONG in_length, void* out, ULONG out_length)
{
    file_ = file;
    block_ = {};
    NTSTATUS status = NtDeviceIoControlFile(file_, event_, nullptr, nullptr, &block_, code,
                                            const_cast<void*>(in), in_length, out, out_length);
    started_ = status == STATUS_PENDING;
    if (!started_) {
        block_.Status = status;
    }
    return status;
}

bool Request::Done(int timeout_ms)
{
    LARGE_INTEGER timeout;
    timeout.QuadPart = -(LONGLONG)timeout_ms * 10000;
    return !started_ || NtWaitForSingleObject(event_, FALSE, &timeout) == STATUS_SUCCESS;
}

NTSTATUS Request::Wait(int timeout_ms)
{
    if (!Done(timeout_ms)) {
        ADD_FAILURE() << "a request did not complete";
        return STATUS_PENDING;
    }
    started_ = false;
    return block_.Status;
}

NTSTATUS Request::Cancel()
{
    IO_STATUS_BLOCK result;
    return NtCancelIoFileEx(file_, &block_, &result);
}

/* ---- files ------------------------------------------------------------------------------------------- */

File::File(ACCESS_MASK access)
{
    status_ = HostOpenFile(kDevice, access, &handle_);
    if (!NT_SUCCESS(status_)) {
        handle_ = nullptr;
    }
}

File::File(File&& other) : handle_(other.handle_), status_(other.status_)
{
    other.handle_ = nullptr;
}

File::~File()
{
    Close();
}

void File::Close()
{
    if (handle_ != nullptr) {
        EXPECT_STATUS(STATUS_SUCCESS, NtClose(handle_));
        handle_ = nullptr;
    }
}

NTSTATUS File::Control(ULONG code, const void* in, ULONG in_length, void* out, ULONG out_length,
                       ULONG_PTR* information) const
{
    Request request;
    request.Start(*this, code, in, in_length, out, out_length);
    NTSTATUS status = request.Wait();
    if (information != nullptr) {
        *information = request.Information();
    }
    return status;
}

NTSTATUS File::CreateExactly(USHORT category, USHORT family, ULONG protocol) const
{
    WSKB_CREATE create = {sizeof create, category, family, protocol};
    return Control(IOCTL_WSKB_CREATE, &create, sizeof create);
}

NTSTATUS File::Create(USHORT category, USHORT family) const
{
    return CreateExactly(category, family,
                         category == WSKB_CATEGORY_DATAGRAM ? WSKB_IPPROTO_UDP : WSKB_IPPROTO_TCP);
}

NTSTATUS File::SetAddress(ULONG code, const WSKB_SOCKADDR& address) const
{
    WSKB_ADDRESS in = {sizeof in, address};
    return Control(code, &in, sizeof in);
}

NTSTATUS File::Bind(const WSKB_SOCKADDR& address) const
{
    return SetAddress(IOCTL_WSKB_BIND, address);
}

NTSTATUS File::Connect(const WSKB_SOCKADDR& address) const
{
    WSKB_CONNECT in = {sizeof in, 0, 0, address};
    return Control(IOCTL_WSKB_CONNECT, &in, sizeof in);
}

static NTSTATUS GetAddress(const File& file, ULONG code, WSKB_SOCKADDR* address)
{
    WSKB_ADDRESS out = {};
    ULONG_PTR information = 0;
    NTSTATUS status = file.Control(code, nullptr, 0, &out, sizeof out, &information);
    if (NT_SUCCESS(status)) {
        EXPECT_EQ(sizeof out, information);
        EXPECT_EQ(sizeof out, out.Size);
    }
    *address = out.Address;
    return status;
}

NTSTATUS File::LocalAddress(WSKB_SOCKADDR* address) const
{
    return GetAddress(*this, IOCTL_WSKB_GET_LOCAL_ADDRESS, address);
}

NTSTATUS File::RemoteAddress(WSKB_SOCKADDR* address) const
{
    return GetAddress(*this, IOCTL_WSKB_GET_REMOTE_ADDRESS, address);
}

USHORT File::Port() const
{
    WSKB_SOCKADDR address;
    return NT_SUCCESS(LocalAddress(&address)) ? HostPort(address) : 0;
}

NTSTATUS File::GetOption(ULONG option, ULONG* value) const
{
    Setting setting(option, 0xAAAAAAAA);
    setting.header.Size = sizeof setting.header;
    ULONG_PTR returned = 0;
    NTSTATUS status =
        Control(IOCTL_WSKB_GET_OPTION, &setting, sizeof setting.header, &setting, sizeof setting, &returned);
    if (NT_SUCCESS(status)) {
        EXPECT_EQ(sizeof setting, returned);
        EXPECT_EQ(sizeof setting, setting.header.Size);
        EXPECT_EQ(option, setting.header.Option);
        EXPECT_EQ(sizeof setting.value, setting.header.Length);
    }
    *value = setting.value;
    return status;
}

NTSTATUS File::SetOption(ULONG option, ULONG value) const
{
    Setting setting(option, value);
    return Control(IOCTL_WSKB_SET_OPTION, &setting, sizeof setting);
}

NTSTATUS File::SetGroup(ULONG option, const WSKB_GROUP& group) const
{
    struct {
        WSKB_OPTION header;
        WSKB_GROUP group;
    } in = {{sizeof in, option, sizeof group, 0}, group};
    return Control(IOCTL_WSKB_SET_OPTION, &in, sizeof in);
}

/* Wine refuses a read-only payload, so a copy is sent. */
static NTSTATUS SendCopy(const File& file, ULONG code, const void* in, ULONG in_length, const void* data,
                         ULONG length, ULONG_PTR* sent)
{
    auto* bytes = static_cast<const uint8_t*>(data);
    std::vector<uint8_t> copy(bytes, bytes + length);
    return file.Control(code, in, in_length, copy.data(), length, sent);
}

NTSTATUS File::SendTo(const WSKB_SOCKADDR& address, const void* data, ULONG length, ULONG_PTR* sent) const
{
    WSKB_SEND_TO in = {sizeof in, 0, 0, address};
    return SendCopy(*this, IOCTL_WSKB_SEND_TO, &in, sizeof in, data, length, sent);
}

NTSTATUS File::Send(const void* data, ULONG length, ULONG_PTR* sent, ULONG flags) const
{
    WSKB_TRANSFER in = {sizeof in, flags, 0};
    return SendCopy(*this, IOCTL_WSKB_SEND, &in, sizeof in, data, length, sent);
}

NTSTATUS File::Receive(void* data, ULONG length, ULONG_PTR* received, ULONG flags) const
{
    WSKB_TRANSFER in = {sizeof in, flags, 0};
    return Control(IOCTL_WSKB_RECEIVE, &in, sizeof in, data, length, received);
}

NTSTATUS File::Disconnect(ULONG flags) const
{
    WSKB_TRANSFER in = {sizeof in, flags, 0};
    return Control(IOCTL_WSKB_DISCONNECT, &in, sizeof in);
}

NTSTATUS File::ConnectWith(const WSKB_SOCKADDR& address, const std::string& first, ULONG_PTR* sent) const
{
    WSKB_CONNECT in = {sizeof in, 0, 0, address};
    return SendCopy(*this, IOCTL_WSKB_CONNECT, &in, sizeof in, first.data(), (ULONG)first.size(), sent);
}

NTSTATUS File::DisconnectWith(const std::string& last, ULONG flags, ULONG_PTR* sent) const
{
    WSKB_TRANSFER in = {sizeof in, flags, 0};
    return SendCopy(*this, IOCTL_WSKB_DISCONNECT, &in, sizeof in, last.data(), (ULONG)last.size(), sent);
}

NTSTATUS File::Accept(WSKB_ACCEPTED* accepted) const
{
    WSKB_TRANSFER in = {sizeof in, 0, 0};
    return Control(IOCTL_WSKB_ACCEPT, &in, sizeof in, accepted, sizeof *accepted);
}

NTSTATUS File::Attach(ULONGLONG token) const
{
    WSKB_ATTACH in = {sizeof in, 0, token};
    return Control(IOCTL_WSKB_ATTACH, &in, sizeof in);
}

/* ---- requests of a kind ------------------------------------------------------------------------------ */

Datagram::Datagram(ULONG payload) : buffer_(sizeof(WSKB_DATAGRAM) + payload, 0xEE)
{
}

NTSTATUS Datagram::Start(HANDLE file, ULONG timeout)
{
    WSKB_TRANSFER in = {sizeof in, 0, timeout};
    return Request::Start(file, IOCTL_WSKB_RECEIVE_FROM, &in, sizeof in, buffer_.data(),
                          (ULONG)buffer_.size());
}

WSKB_DATAGRAM Datagram::Prefix() const
{
    WSKB_DATAGRAM prefix;
    memcpy(&prefix, buffer_.data(), sizeof prefix);
    return prefix;
}

std::string Datagram::Text() const
{
    auto* payload = reinterpret_cast<const char*>(buffer_.data()) + sizeof(WSKB_DATAGRAM);
    return std::string(payload, Information() - sizeof(WSKB_DATAGRAM));
}

NTSTATUS Transfer::StartReceive(HANDLE file, ULONG length, ULONG flags, ULONG timeout)
{
    header_ = {sizeof header_, flags, timeout};
    data_.assign(length, 0xEE);
    return Start(file, IOCTL_WSKB_RECEIVE, &header_, sizeof header_, data_.data(), length);
}

NTSTATUS Transfer::StartSend(HANDLE file, std::vector<uint8_t> data, ULONG flags, ULONG timeout)
{
    header_ = {sizeof header_, flags, timeout};
    data_ = std::move(data);
    return Start(file, IOCTL_WSKB_SEND, &header_, sizeof header_, data_.data(), (ULONG)data_.size());
}

NTSTATUS PendingConnect::Start(HANDLE file, const WSKB_SOCKADDR& address, ULONG timeout)
{
    WSKB_CONNECT in = {sizeof in, 0, timeout, address};
    return Request::Start(file, IOCTL_WSKB_CONNECT, &in, sizeof in, nullptr, 0);
}

NTSTATUS PendingAccept::Start(HANDLE file, ULONG timeout)
{
    WSKB_TRANSFER in = {sizeof in, 0, timeout};
    return Request::Start(file, IOCTL_WSKB_ACCEPT, &in, sizeof in, &result_, sizeof result_);
}

/* ---- completion ports -------------------------------------------------------------------------------- */

Port::Port()
{
    EXPECT_STATUS(STATUS_SUCCESS, NtCreateIoCompletion(&handle_, GENERIC_ALL, nullptr, 0));
}

Port::~Port()
{
    NtClose(handle_);
}

void Port::Associate(HANDLE file) const
{
    EXPECT_STATUS(STATUS_SUCCESS, HostAssociateCompletionPort(file, handle_, nullptr));
}

std::vector<FILE_IO_COMPLETION_INFORMATION> Port::Take(size_t count, int timeout_ms) const
{
    std::vector<FILE_IO_COMPLETION_INFORMATION> taken(count);
    LARGE_INTEGER timeout;
    size_t have = 0;
    timeout.QuadPart = -(LONGLONG)timeout_ms * 10000;
    while (have < count) {
        ULONG removed = 0;
        NTSTATUS status =
            NtRemoveIoCompletionEx(handle_, &taken[have], (ULONG)(count - have), &removed, &timeout, FALSE);
        if (status != STATUS_SUCCESS) {
            ADD_FAILURE() << have << " of " << count << " packets came, then " << StatusName(status);
            break;
        }
        have += removed;
    }
    taken.resize(have);
    return taken;
}

bool Port::Empty() const
{
    FILE_IO_COMPLETION_INFORMATION packet;
    LARGE_INTEGER timeout;
    ULONG removed = 0;
    timeout.QuadPart = 0;
    return NtRemoveIoCompletionEx(handle_, &packet, 1, &removed, &timeout, FALSE) == STATUS_TIMEOUT;
}

/* ---- addresses --------------------------------------------------------------------------------------- */

static USHORT Swap(USHORT port)
{
    return (USHORT)(port << 8 | port >> 8);
}

USHORT HostPort(const WSKB_SOCKADDR& address)
{
    return Swap(address.Port);
}

WSKB_SOCKADDR Wildcard(USHORT family, USHORT port)
{
    WSKB_SOCKADDR address;
    memset(&address, 0, sizeof address);
    address.Family = family;
    address.Port = Swap(port);
    return address;
}

WSKB_SOCKADDR FromPeer(const peer::Address& address)
{
    WSKB_SOCKADDR made = {};
    made.Family = address.version == 4 ? WSKB_AF_INET : WSKB_AF_INET6;
    made.Port = static_cast<USHORT>(address.port << 8 | address.port >> 8);
    if (address.version == 4) {
        memcpy(made.V4.Address, address.bytes, sizeof made.V4.Address);
    } else {
        memcpy(made.V6.Address, address.bytes, sizeof made.V6.Address);
    }
    return made;
}

WSKB_SOCKADDR Unspecified()
{
    return Wildcard(WSKB_AF_UNSPEC);
}

WSKB_SOCKADDR Loopback(USHORT family, USHORT port)
{
    WSKB_SOCKADDR address = Wildcard(family, port);
    if (family == WSKB_AF_INET) {
        address.V4.Address[0] = 127;
        address.V4.Address[3] = 1;
    } else {
        address.V6.Address[15] = 1;
    }
    return address;
}

WSKB_SOCKADDR MappedLoopback(USHORT port)
{
    WSKB_SOCKADDR address = Wildcard(WSKB_AF_INET6, port);
    address.V6.Address[10] = address.V6.Address[11] = 0xFF;
    address.V6.Address[12] = 127;
    address.V6.Address[15] = 1;
    return address;
}

std::vector<uint8_t> Pattern(size_t length, uint32_t seed)
{
    std::vector<uint8_t> bytes(length);
    uint32_t state = seed * 2654435761u + 1;
    for (auto& byte : bytes) {
        state = state * 1664525u + 1013904223u;
        byte = (uint8_t)(state >> 24);
    }
    return bytes;
}

/* ---- sockets ----------------------------------------------------------------------------------------- */

static File Bound(USHORT category, USHORT family, USHORT port = 0)
{
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.OpenStatus());
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(category, family));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(family, port)));
    return file;
}

File BoundDatagram(USHORT family)
{
    return Bound(WSKB_CATEGORY_DATAGRAM, family);
}

File BoundConnection(USHORT family)
{
    return Bound(WSKB_CATEGORY_CONNECTION, family);
}

File Listener(USHORT family)
{
    return Bound(WSKB_CATEGORY_LISTEN, family);
}

File ListenerAt(USHORT port)
{
    return Bound(WSKB_CATEGORY_LISTEN, WSKB_AF_INET, port);
}

static File ConnectedTo(peer::TcpListener* listener, peer::Tcp* other, USHORT family)
{
    File file = BoundConnection(family);
    EXPECT_STATUS(STATUS_SUCCESS, file.Connect(Loopback(family, listener->Port())));
    *other = listener->Accept();
    EXPECT_TRUE(other->IsOpen());
    return file;
}

File Connected(peer::Tcp* other, USHORT family)
{
    peer::TcpListener listener(family == WSKB_AF_INET ? 4 : 6);
    return ConnectedTo(&listener, other, family);
}

File ConnectedAndSending(peer::Tcp* other, Transfer* send)
{
    peer::TcpListener listener;
    listener.SetReceiveBuffer(kLittleRoom);
    File file = ConnectedTo(&listener, other, WSKB_AF_INET);
    EXPECT_STATUS(STATUS_PENDING, send->StartSend(file, Pattern(WSKB_MAXIMUM_TRANSFER, 1)));
    EXPECT_TRUE(other->AwaitData());
    EXPECT_FALSE(send->Done());
    return file;
}

/* ---- the fixture ------------------------------------------------------------------------------------- */

void DriverTest::Load()
{
    ASSERT_STATUS(STATUS_SUCCESS, HostLoadDriver(kService, FxDriverEntry));
    loaded_ = true;
}

void DriverTest::Unload()
{
    loaded_ = false;
    EXPECT_STATUS(STATUS_SUCCESS, HostUnloadDriver(kService));
}

void DriverTest::ExpectNothingLeft()
{
    HOST_ACCOUNTING host;
    WSKHOST_ACCOUNTING wsk;
    HostQueryAccounting(&host);
    WskHostQueryAccounting(&wsk);
    bool clean = host.PoolAllocations + host.PoolBytes + host.Irps + host.Mdls + host.Devices +
                     host.FileObjects + host.WorkItems + host.References + host.Handles + host.Requests +
                     wsk.Registrations + wsk.Captures + wsk.Sockets + wsk.PendingIrps ==
                 0;
    if (!clean) {
        std::string text(HostDescribeLeaks(nullptr, 0) + 1, '\0');
        HostDescribeLeaks(&text[0], text.size());
        ADD_FAILURE() << "left behind: pool " << host.PoolAllocations << ", irps " << host.Irps << ", mdls "
                      << host.Mdls << ", devices " << host.Devices << ", files " << host.FileObjects
                      << ", work items " << host.WorkItems << ", references " << host.References
                      << ", handles " << host.Handles << ", requests " << host.Requests << ", sockets "
                      << wsk.Sockets << ", captures " << wsk.Captures << ", registrations "
                      << wsk.Registrations << ", pending " << wsk.PendingIrps << "\n"
                      << text.c_str();
    }
}

void DriverTest::SetUp()
{
    Load();
}

void DriverTest::TearDown()
{
    HostFailAllocation(0, 0);
    HostExtendIrps(FALSE);
    HostHideSystemRoutine(nullptr);
    WskHostFailCall(0, STATUS_SUCCESS);
    WskHostOverstate(0);
    WskHostSetAvailable(TRUE);
    WskHostHoldCloses(FALSE);
    HostSetProcessRights(HostProcessAdministrator);
    if (loaded_) {
        Unload();
    }
    ExpectNothingLeft();
}

WSKB_STATISTICS DriverTest::Statistics()
{
    WSKB_STATISTICS statistics = {};
    ULONG_PTR information = 0;
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Control(IOCTL_WSKB_GET_STATISTICS, nullptr, 0, &statistics,
                                               sizeof statistics, &information));
    EXPECT_EQ(sizeof statistics, information);
    EXPECT_EQ(sizeof statistics, statistics.Size);
    return statistics;
}
