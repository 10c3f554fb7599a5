/* SPDX-License-Identifier: Apache-2.0
 *
 * WskAcceptEvent, and conditional accept: WskInspectEvent, WskInspectComplete and WskAbortEvent.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>
#include <map>

namespace wsk {

/* The client's side of a listener and of its connections. */
class Acceptor {
  public:
    struct Accepted {
        USHORT Port; /* of the peer */
        std::unique_ptr<Connection> Tcp;
        Acceptor* Owner;
        std::string Text; /* Owner->Lock */
        std::atomic<bool> Ended{false};
    };

    explicit Acceptor(Client& Owner, ULONG Category = WSK_FLAG_LISTEN_SOCKET)
    {
        PWSK_SOCKET Handle = nullptr;
        const VOID* Table = Category == WSK_FLAG_STREAM_SOCKET ? static_cast<const VOID*>(&Both)
                                                               : static_cast<const VOID*>(&Callbacks);
        EXPECT_STATUS(STATUS_SUCCESS,
                      Owner.Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP, Category, &Handle, this, Table));
        Server = std::make_unique<Socket>(Handle);
    }
    ~Acceptor()
    {
        Server->Close();
        All.clear(); /* closes them */
    }
    const WSK_PROVIDER_LISTEN_DISPATCH* operator->() const
    {
        return static_cast<const WSK_PROVIDER_LISTEN_DISPATCH*>(Server->Get()->Dispatch);
    }
    USHORT Bind()
    {
        Request Call;
        SOCKADDR_INET Address = V4(0);
        EXPECT_STATUS(STATUS_SUCCESS,
                      Call.Finish((*this)->WskBind(Server->Get(), Raw(Address), 0, Call.Irp())));
        return Port();
    }
    USHORT Port()
    {
        Request Call;
        SOCKADDR_INET Address = {};
        EXPECT_STATUS(STATUS_SUCCESS,
                      Call.Finish((*this)->WskGetLocalAddress(Server->Get(), Raw(Address), Call.Irp())));
        return PortOf(Address);
    }
    NTSTATUS Accept(PWSK_SOCKET* Result)
    {
        Request Call;
        NTSTATUS Status =
            Call.Finish((*this)->WskAccept(Server->Get(), 0, nullptr, nullptr, nullptr, nullptr, Call.Irp()));
        *Result = NT_SUCCESS(Status) ? reinterpret_cast<PWSK_SOCKET>(Call.Information()) : nullptr;
        return Status;
    }
    NTSTATUS Complete(WSK_INSPECT_ID Id, WSK_INSPECT_ACTION Action)
    {
        Request Call;
        return Call.Finish((*this)->WskInspectComplete(Server->Get(), &Id, Action, Call.Irp()));
    }
    bool AwaitAccepted(size_t Count)
    {
        return Await([&] {
            std::lock_guard<std::mutex> Guard(Lock);
            return All.size() >= Count;
        });
    }
    bool AwaitInspected(size_t Count)
    {
        return Await([&] {
            std::lock_guard<std::mutex> Guard(Lock);
            return Inspected.size() >= Count;
        });
    }
    bool AwaitText(size_t Index, const std::string& Wanted)
    {
        return Await([&] {
            std::lock_guard<std::mutex> Guard(Lock);
            return All[Index]->Text == Wanted;
        });
    }

    std::function<NTSTATUS(PWSK_SOCKET)> OnAccept;
    std::function<WSK_INSPECT_ACTION(WSK_INSPECT_ID)> OnInspect;
    std::mutex Lock;
    std::vector<std::unique_ptr<Accepted>> All;
    std::vector<WSK_INSPECT_ID> Inspected, Aborted;
    std::atomic<int> Deaths{0}, InspectDeaths{0};
    std::unique_ptr<Socket> Server;

    static const WSK_CLIENT_LISTEN_DISPATCH Callbacks;
    static const WSK_CLIENT_CONNECTION_DISPATCH ConnectionCallbacks;
    static const WSK_CLIENT_STREAM_DISPATCH Both;

  private:
    static NTSTATUS WSKAPI AcceptEvent(PVOID Context, ULONG Flags, PSOCKADDR Local, PSOCKADDR Remote,
                                       PWSK_SOCKET Handle, PVOID* AcceptContext,
                                       const WSK_CLIENT_CONNECTION_DISPATCH** Dispatch)
    {
        auto* Self = static_cast<Acceptor*>(Context);
        EXPECT_TRUE(Flags & WSK_FLAG_AT_DISPATCH_LEVEL);
        if (Handle == nullptr) {
            Self->Deaths++;
            return STATUS_REQUEST_NOT_ACCEPTED;
        }
        EXPECT_EQ(AF_INET, Local->sa_family);
        NTSTATUS Status = Self->OnAccept ? Self->OnAccept(Handle) : STATUS_SUCCESS;
        if (Status == STATUS_SUCCESS) {
            auto New = std::make_unique<Accepted>();
            New->Owner = Self;
            New->Port = PortOf(*reinterpret_cast<PSOCKADDR_INET>(Remote));
            New->Tcp = std::make_unique<Connection>(Handle);
            *AcceptContext = New.get();
            *Dispatch = &ConnectionCallbacks;
            std::lock_guard<std::mutex> Guard(Self->Lock);
            Self->All.push_back(std::move(New));
        }
        return Status;
    }
    static WSK_INSPECT_ACTION WSKAPI InspectEvent(PVOID Context, PSOCKADDR Local, PSOCKADDR Remote,
                                                  PWSK_INSPECT_ID Id)
    {
        auto* Self = static_cast<Acceptor*>(Context);
        if (Id == nullptr) {
            Self->InspectDeaths++;
            return WskInspectReject;
        }
        EXPECT_EQ(AF_INET, Local->sa_family);
        EXPECT_EQ(AF_INET, Remote->sa_family);
        WSK_INSPECT_ACTION Action = Self->OnInspect ? Self->OnInspect(*Id) : WskInspectAccept;
        std::lock_guard<std::mutex> Guard(Self->Lock);
        Self->Inspected.push_back(*Id);
        return Action;
    }
    static NTSTATUS WSKAPI AbortEvent(PVOID Context, PWSK_INSPECT_ID Id)
    {
        auto* Self = static_cast<Acceptor*>(Context);
        std::lock_guard<std::mutex> Guard(Self->Lock);
        Self->Aborted.push_back(*Id);
        return STATUS_SUCCESS;
    }
    static NTSTATUS WSKAPI DataEvent(PVOID Context, ULONG, PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*)
    {
        auto* One = static_cast<Accepted*>(Context);
        if (List != nullptr) {
            auto* Base =
                static_cast<const char*>(MmGetSystemAddressForMdlSafe(List->Buffer.Mdl, NormalPagePriority));
            std::lock_guard<std::mutex> Guard(One->Owner->Lock);
            One->Text.append(Base + List->Buffer.Offset, List->Buffer.Length);
        }
        return STATUS_SUCCESS;
    }
    static NTSTATUS WSKAPI EndEvent(PVOID Context, ULONG)
    {
        static_cast<Accepted*>(Context)->Ended = true;
        return STATUS_SUCCESS;
    }
};

const WSK_CLIENT_LISTEN_DISPATCH Acceptor::Callbacks = {AcceptEvent, InspectEvent, AbortEvent};
const WSK_CLIENT_CONNECTION_DISPATCH Acceptor::ConnectionCallbacks = {DataEvent, EndEvent, nullptr};
const WSK_CLIENT_STREAM_DISPATCH Acceptor::Both = {&Callbacks, &ConnectionCallbacks};

class AcceptEventsTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        Side = std::make_unique<Acceptor>(*Owner);
    }
    void TearDown() override
    {
        Side.reset();
        ClientTest::TearDown();
    }
    void Conditional()
    {
        ASSERT_STATUS(STATUS_SUCCESS, Side->Server->SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1));
    }

    std::unique_ptr<Acceptor> Side;
};

/* ---- WskAcceptEvent ---------------------------------------------------------------------------------- */

TEST_F(AcceptEventsTest, ConnectionsAreGivenToTheCallback)
{
    USHORT Port = Side->Bind();
    peer::Tcp Early = peer::Tcp::Connect(4, Port);
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT));
    ASSERT_TRUE(Side->AwaitAccepted(1)) << "it was there before the event was enabled";
    peer::Tcp Late = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitAccepted(2));
    EXPECT_EQ(Early.Port(), Side->All[0]->Port);
    EXPECT_EQ(Late.Port(), Side->All[1]->Port);
    EXPECT_STATUS(STATUS_SUCCESS, Side->All[1]->Tcp->Send("hello"));
    EXPECT_EQ("hello", Late.ReceiveText(5));
}

TEST_F(AcceptEventsTest, ManyConnectionsAtOnce)
{
    USHORT Port = Side->Bind();
    std::vector<peer::Tcp> Peers;
    for (int Count = 0; Count < 100; Count++) {
        Peers.push_back(peer::Tcp::Connect(4, Port));
        ASSERT_TRUE(Peers.back().IsOpen());
    }
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT));
    ASSERT_TRUE(Side->AwaitAccepted(100));
    for (size_t Index = 0; Index < 100; Index++) {
        EXPECT_EQ(Peers[Index].Port(), Side->All[Index]->Port);
    }
}

TEST_F(AcceptEventsTest, ConnectionsInheritEventsFromTheListener)
{
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_SUCCESS,
                  Side->Server->ControlEvents(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Peer.SendAll("inherited"));
    ASSERT_TRUE(Side->AwaitAccepted(1));
    EXPECT_TRUE(Side->AwaitText(0, "inherited"));
    Peer.Close();
    EXPECT_TRUE(Await([&] { return Side->All[0]->Ended.load(); }));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Side->Server->ControlEvents(WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE))
        << "what is inherited can't be disabled";
}

TEST_F(AcceptEventsTest, ConnectionsOfWskAcceptInheritNothing)
{
    USHORT Port = Side->Bind();
    PWSK_SOCKET Handle = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_STATUS(STATUS_SUCCESS, Side->Accept(&Handle));
    Connection Tcp(Handle);
    std::string Got;
    ASSERT_TRUE(Peer.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Receive(&Got, 1));
    EXPECT_EQ("x", Got);
}

TEST_F(AcceptEventsTest, PendingAcceptGoesFirst)
{
    Request Pending;
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_PENDING, (*Side)->WskAccept(Side->Server->Get(), 0, nullptr, nullptr, nullptr,
                                                     nullptr, Pending.Irp()));
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT));
    peer::Tcp First = peer::Tcp::Connect(4, Port);
    EXPECT_STATUS(STATUS_SUCCESS, Pending.Wait());
    Connection Tcp(reinterpret_cast<PWSK_SOCKET>(Pending.Information()));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Send("first"));
    EXPECT_EQ("first", First.ReceiveText(5));
    peer::Tcp Second = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitAccepted(1));
    EXPECT_EQ(Second.Port(), Side->All[0]->Port);
}

TEST_F(AcceptEventsTest, RefusedConnectionIsReset)
{
    Side->OnAccept = [](PWSK_SOCKET) { return STATUS_REQUEST_NOT_ACCEPTED; };
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    EXPECT_TRUE(Peer.AwaitReset());
    EXPECT_TRUE(Side->All.empty());
}

TEST_F(AcceptEventsTest, ConnectionIsUsableWithinTheCallback)
{
    Request Pending;
    Buffer Memory(10);
    Side->OnAccept = [&](PWSK_SOCKET Handle) {
        const auto* Table = static_cast<const WSK_PROVIDER_CONNECTION_DISPATCH*>(Handle->Dispatch);
        (void)Table->WskReceive(Handle, Memory.Wsk(), 0, Pending.Irp());
        return STATUS_SUCCESS;
    };
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Peer.SendAll("within"));
    EXPECT_STATUS(STATUS_SUCCESS, Pending.Wait());
    EXPECT_EQ("within", Memory.Text(Pending.Information()));
}

TEST_F(AcceptEventsTest, StreamSocketsHaveTheEventsOfTheirRole)
{
    Acceptor Stream(*Owner, WSK_FLAG_STREAM_SOCKET);
    const auto* Table = static_cast<const WSK_PROVIDER_STREAM_DISPATCH*>(Stream.Server->Get()->Dispatch);
    Request Call;
    SOCKADDR_INET Address = V4(0);
    ASSERT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Table->WskBind(Stream.Server->Get(), Raw(Address), 0, Call.Irp())));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Stream.Server->ControlEvents(WSK_EVENT_ACCEPT));
    Call.Arm();
    ASSERT_STATUS(STATUS_SUCCESS, Call.Finish(Table->WskListen(Stream.Server->Get(), Call.Irp())));
    ASSERT_STATUS(STATUS_SUCCESS, Stream.Server->ControlEvents(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE));
    Call.Arm();
    ASSERT_STATUS(STATUS_SUCCESS,
                  Call.Finish(Table->WskGetLocalAddress(Stream.Server->Get(), Raw(Address), Call.Irp())));
    peer::Tcp Peer = peer::Tcp::Connect(4, PortOf(Address));
    ASSERT_TRUE(Peer.SendAll("stream"));
    ASSERT_TRUE(Stream.AwaitAccepted(1));
    EXPECT_TRUE(Stream.AwaitText(0, "stream"));
}

TEST_F(AcceptEventsTest, DeadListenerIsToldByNull)
{
    Conditional();
    Side->Bind();
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT));
    WskHostForceClose();
    WskHostForceClose();
    EXPECT_EQ(1, Side->Deaths);
    EXPECT_EQ(1, Side->InspectDeaths);
}

/* ---- conditional accept ------------------------------------------------------------------------------ */

TEST_F(AcceptEventsTest, InspectedConnectionIsAccepted)
{
    PWSK_SOCKET Handle = nullptr;
    WSK_INSPECT_ID Id = {};
    SIZE_T Returned = 0;
    Conditional();
    peer::Tcp Peer = peer::Tcp::Connect(4, Side->Bind());
    ASSERT_STATUS(STATUS_SUCCESS, Side->Accept(&Handle));
    Connection Tcp(Handle);
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Send("ok"));
    EXPECT_EQ("ok", Peer.ReceiveText(2));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Tcp.Basic()->WskControlSocket(Handle, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, nullptr,
                                                sizeof(Id), &Id, &Returned, nullptr));
    EXPECT_EQ(sizeof(Id), Returned);
    ASSERT_EQ(1u, Side->Inspected.size());
    EXPECT_EQ(Side->Inspected[0].Key, Id.Key);
    EXPECT_EQ(Side->Inspected[0].SerialNumber, Id.SerialNumber);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Tcp.Ioctl(SIO_WSK_QUERY_INSPECT_ID, nullptr, 0, &Id, sizeof(Id)))
        << "it takes no IRP";
}

TEST_F(AcceptEventsTest, InspectIdNeedsAnInspection)
{
    PWSK_SOCKET Handle = nullptr;
    WSK_INSPECT_ID Id = {};
    SIZE_T Returned = 0;
    peer::Tcp Peer = peer::Tcp::Connect(4, Side->Bind());
    ASSERT_STATUS(STATUS_SUCCESS, Side->Accept(&Handle));
    Connection Tcp(Handle);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                  Tcp.Basic()->WskControlSocket(Handle, WskIoctl, SIO_WSK_QUERY_INSPECT_ID, 0, 0, nullptr,
                                                sizeof(Id), &Id, &Returned, nullptr));
}

TEST_F(AcceptEventsTest, RejectedConnectionIsReset)
{
    PWSK_SOCKET Handle = nullptr;
    std::atomic<bool> First{true};
    Side->OnInspect = [&](WSK_INSPECT_ID) {
        return First.exchange(false) ? WskInspectReject : WskInspectAccept;
    };
    Conditional();
    USHORT Port = Side->Bind();
    peer::Tcp Rejected = peer::Tcp::Connect(4, Port);
    EXPECT_TRUE(Rejected.AwaitReset());
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_STATUS(STATUS_SUCCESS, Side->Accept(&Handle));
    Connection Tcp(Handle);
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Send("second"));
    EXPECT_EQ("second", Peer.ReceiveText(6));
}

TEST_F(AcceptEventsTest, PendedConnectionsAreDecidedInAnyOrder)
{
    Side->OnInspect = [](WSK_INSPECT_ID) { return WskInspectPend; };
    Conditional();
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_SUCCESS, Side->Server->ControlEvents(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE));
    peer::Tcp A = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(1));
    peer::Tcp B = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(2));
    peer::Tcp C = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(3));
    EXPECT_TRUE(Side->All.empty());
    EXPECT_STATUS(STATUS_SUCCESS, Side->Complete(Side->Inspected[2], WskInspectAccept));
    ASSERT_TRUE(Side->AwaitAccepted(1));
    EXPECT_EQ(C.Port(), Side->All[0]->Port);
    EXPECT_STATUS(STATUS_SUCCESS, Side->Complete(Side->Inspected[0], WskInspectReject));
    EXPECT_TRUE(A.AwaitReset());
    EXPECT_STATUS(STATUS_NOT_FOUND, Side->Complete(Side->Inspected[0], WskInspectAccept));
    EXPECT_STATUS(STATUS_NOT_FOUND, Side->Complete(Side->Inspected[2], WskInspectAccept));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Side->Complete(Side->Inspected[1], WskInspectPend));
    ASSERT_TRUE(B.SendAll("early data is no abort"));
    EXPECT_STATUS(STATUS_SUCCESS, Side->Complete(Side->Inspected[1], WskInspectAccept));
    ASSERT_TRUE(Side->AwaitAccepted(2));
    EXPECT_TRUE(Side->AwaitText(1, "early data is no abort"));
    EXPECT_TRUE(Side->Aborted.empty());
}

TEST_F(AcceptEventsTest, PendedConnectionCompletesAWaitingAccept)
{
    Request Pending;
    Side->OnInspect = [](WSK_INSPECT_ID) { return WskInspectPend; };
    Conditional();
    USHORT Port = Side->Bind();
    ASSERT_STATUS(STATUS_PENDING, (*Side)->WskAccept(Side->Server->Get(), 0, nullptr, nullptr, nullptr,
                                                     nullptr, Pending.Irp()));
    peer::Tcp Peer = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(1));
    EXPECT_FALSE(Pending.IsDone());
    EXPECT_STATUS(STATUS_SUCCESS, Side->Complete(Side->Inspected[0], WskInspectAccept));
    EXPECT_STATUS(STATUS_SUCCESS, Pending.Wait());
    Connection Tcp(reinterpret_cast<PWSK_SOCKET>(Pending.Information()));
    EXPECT_STATUS(STATUS_SUCCESS, Tcp.Send("late"));
    EXPECT_EQ("late", Peer.ReceiveText(4));
}

TEST_F(AcceptEventsTest, PeerThatGivesUpIsTold)
{
    Side->OnInspect = [](WSK_INSPECT_ID) { return WskInspectPend; };
    Conditional();
    USHORT Port = Side->Bind();
    peer::Tcp Closes = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(1));
    peer::Tcp Resets = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(2));
    Closes.Close();
    Resets.Reset();
    EXPECT_TRUE(Await([&] {
        std::lock_guard<std::mutex> Guard(Side->Lock);
        return Side->Aborted.size() == 2;
    }));
    EXPECT_STATUS(STATUS_NOT_FOUND, Side->Complete(Side->Inspected[0], WskInspectAccept));
    EXPECT_STATUS(STATUS_NOT_FOUND, Side->Complete(Side->Inspected[1], WskInspectReject));
    for (size_t Index = 0; Index < 2; Index++) {
        EXPECT_EQ(Side->Inspected[Index].SerialNumber, Side->Aborted[Index].SerialNumber);
    }
}

TEST_F(AcceptEventsTest, ConnectionsOfAClosedListenerAreReset)
{
    std::atomic<bool> Pend{true};
    Side->OnInspect = [&](WSK_INSPECT_ID) { return Pend ? WskInspectPend : WskInspectAccept; };
    Conditional();
    USHORT Port = Side->Bind();
    peer::Tcp Pended = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(1));
    Pend = false;
    peer::Tcp Accepted = peer::Tcp::Connect(4, Port);
    ASSERT_TRUE(Side->AwaitInspected(2));
    Side->Server->Close();
    EXPECT_TRUE(Pended.AwaitReset());
    EXPECT_TRUE(Accepted.AwaitReset());
    EXPECT_EQ(0u, Accounting().Sockets);
}

TEST_F(AcceptEventsTest, MoreThanTheListHoldsWait)
{
    Side->OnInspect = [](WSK_INSPECT_ID) { return WskInspectPend; };
    Conditional();
    USHORT Port = Side->Bind();
    std::vector<peer::Tcp> Peers;
    for (int Count = 0; Count < 200; Count++) {
        Peers.push_back(peer::Tcp::Connect(4, Port));
        ASSERT_TRUE(Peers.back().IsOpen());
    }
    for (size_t Count = 0; Count < 200; Count++) {
        ASSERT_TRUE(Side->AwaitInspected(Count + 1)) << Count;
        WSK_INSPECT_ID Id;
        {
            std::lock_guard<std::mutex> Guard(Side->Lock);
            EXPECT_LE(Side->Inspected.size(), Count + 128);
            Id = Side->Inspected[Count];
        }
        EXPECT_STATUS(STATUS_SUCCESS, Side->Complete(Id, WskInspectReject));
    }
}

TEST_F(AcceptEventsTest, ConditionalAcceptIsSetBeforeTheBindAndForGood)
{
    ULONG Value = 0;
    Listener Plain(*Owner);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Plain.SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1))
        << "it has no callbacks";
    EXPECT_STATUS(STATUS_SUCCESS, Side->Server->SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 0));
    Conditional();
    EXPECT_STATUS(STATUS_SUCCESS, Side->Server->GetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, &Value));
    EXPECT_EQ(1u, Value);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Side->Server->SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 0));
    Side->Bind();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Side->Server->SetOption(SOL_SOCKET, SO_CONDITIONAL_ACCEPT, 1));
}

} // namespace wsk
