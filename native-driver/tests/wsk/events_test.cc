/* SPDX-License-Identifier: Apache-2.0
 *
 * Event callbacks: enabling and disabling them, and WskReceiveFromEvent with clients that copy, keep and
 * refuse what they get. The datagrams come from ordinary UDP sockets.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>
#include <future>
#include <map>

namespace wsk {

/* The client's side of a datagram socket. By default it copies the datagrams. */
class Receiver {
  public:
    struct Got {
        std::string Data;
        USHORT Port;
    };

    explicit Receiver(Client& Owner, ADDRESS_FAMILY Family = AF_INET)
        : Callbacks_{Event}, Udp(Owner, Family, this, &Callbacks_)
    {
    }

    /* What the callback does with a list; the default copies. */
    std::function<NTSTATUS(PWSK_DATAGRAM_INDICATION)> OnEvent;

    void Copy(PWSK_DATAGRAM_INDICATION List)
    {
        std::lock_guard<std::mutex> Guard(Lock_);
        for (; List != nullptr; List = List->Next) {
            Got_.push_back({TextOf(*List), PortOf(*reinterpret_cast<PSOCKADDR_INET>(List->RemoteAddress))});
        }
    }
    std::vector<Got> All()
    {
        std::lock_guard<std::mutex> Guard(Lock_);
        return Got_;
    }
    std::vector<std::string> Texts()
    {
        std::vector<std::string> Result;
        for (const Got& One : All()) {
            Result.push_back(One.Data);
        }
        return Result;
    }
    bool Await(size_t Count)
    {
        return ::Await([&] { return All().size() >= Count; });
    }

    static std::string TextOf(const WSK_DATAGRAM_INDICATION& One)
    {
        std::string Result;
        SIZE_T Start = One.Buffer.Offset;
        for (PMDL Mdl = One.Buffer.Mdl; Mdl != nullptr && Result.size() < One.Buffer.Length;
             Mdl = Mdl->Next) {
            char* Base = static_cast<char*>(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority));
            SIZE_T Bytes = MmGetMdlByteCount(Mdl) - Start;
            Result.append(Base + Start, std::min<SIZE_T>(Bytes, One.Buffer.Length - Result.size()));
            Start = 0;
        }
        EXPECT_EQ(One.Buffer.Length, Result.size());
        return Result;
    }

    std::atomic<int> Calls{0}, Deaths{0};

  private:
    static NTSTATUS WSKAPI Event(PVOID Context, ULONG Flags, PWSK_DATAGRAM_INDICATION List)
    {
        Receiver* Self = static_cast<Receiver*>(Context);
        EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
        EXPECT_EQ(static_cast<ULONG>(WSK_FLAG_AT_DISPATCH_LEVEL), Flags);
        if (List == nullptr) {
            Self->Deaths++;
            return STATUS_SUCCESS;
        }
        Self->Calls++;
        if (Self->OnEvent) {
            return Self->OnEvent(List);
        }
        Self->Copy(List);
        return STATUS_SUCCESS;
    }

    WSK_CLIENT_DATAGRAM_DISPATCH Callbacks_;
    std::mutex Lock_;
    std::vector<Got> Got_;

  public:
    Datagram Udp;
};

class EventsTest : public ClientTest {
  protected:
    static std::string Pattern(size_t Length)
    {
        std::string Data(Length, '\0');
        for (size_t Index = 0; Index < Length; Index++) {
            Data[Index] = static_cast<char>(Index * 11 + Length);
        }
        return Data;
    }
    static std::vector<std::string> Numbers(int Count)
    {
        std::vector<std::string> Result;
        for (int Number = 0; Number < Count; Number++) {
            Result.push_back(std::to_string(Number));
        }
        return Result;
    }
    static void Send(peer::Udp& Peer, Receiver& To, const std::vector<std::string>& Texts)
    {
        USHORT Port = To.Udp.Port();
        for (const std::string& Text : Texts) {
            ASSERT_TRUE(Peer.SendTo(Port, Text));
        }
    }
    /* Waits until the poller has handled everything that was sent before: an ordinary socket gets its
     * datagram.
     */
    void Settle(peer::Udp& Peer)
    {
        Receiver Other(*Owner);
        ASSERT_STATUS(STATUS_SUCCESS, Other.Udp.Bind(V4(0)));
        ASSERT_STATUS(STATUS_SUCCESS, Other.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
        for (int Round = 0; Round < 3; Round++) {
            Send(Peer, Other, {"x"});
            ASSERT_TRUE(Other.Await(static_cast<size_t>(Round) + 1));
        }
    }
};

/* ---- copying ----------------------------------------------------------------------------------------- */

TEST_F(EventsTest, EverySizeIsIndicatedWithItsSender)
{
    for (ADDRESS_FAMILY Family : {AF_INET, AF_INET6}) {
        Receiver Rx(*Owner, Family);
        peer::Udp Peer(Family == AF_INET ? 4 : 6);
        ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(Family == AF_INET ? V4(0) : V6(0)));
        ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
        size_t Count = 0;
        for (size_t Size : {0, 1, 100, 1472, 1480, 1481, 2960, 9000, 65507}) {
            ASSERT_TRUE(Peer.SendTo(Rx.Udp.Port(), Pattern(Size)));
            ASSERT_TRUE(Rx.Await(++Count)) << Size;
            EXPECT_EQ(Pattern(Size), Rx.All().back().Data);
            EXPECT_EQ(Peer.Port(), Rx.All().back().Port);
        }
    }
}

TEST_F(EventsTest, LongDatagramsAreChainsOfMdls)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    std::atomic<int> Mdls{0}, Offset{0};
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) {
        Offset = static_cast<int>(List->Buffer.Offset);
        for (PMDL Mdl = List->Buffer.Mdl; Mdl != nullptr; Mdl = Mdl->Next) {
            Mdls++;
        }
        Rx.Copy(List);
        return STATUS_SUCCESS;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Peer.SendTo(Rx.Udp.Port(), Pattern(4000)));
    ASSERT_TRUE(Rx.Await(1));
    EXPECT_GT(Mdls, 1);
    EXPECT_GT(Offset, 0);
}

TEST_F(EventsTest, OneIndicationHasWhatHasCome)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, Numbers(20));
    EXPECT_EQ(0, Rx.Calls) << "not enabled yet";
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.Await(20));
    EXPECT_EQ(Numbers(20), Rx.Texts());
    EXPECT_EQ(1, Rx.Calls);
}

TEST_F(EventsTest, MoreThanABatchIsIndicatedToo)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, Numbers(200));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.Await(200));
    EXPECT_EQ(Numbers(200), Rx.Texts());
}

TEST_F(EventsTest, DatagramsOfOthersThanTheFixedAddressAreDropped)
{
    Receiver Rx(*Owner);
    peer::Udp Peer, Stranger;
    SOCKADDR_INET Remote = V4(Peer.Port());
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Stranger, Rx, {"before"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Ioctl(SIO_WSK_SET_REMOTE_ADDRESS, &Remote, sizeof(SOCKADDR_IN)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Send(Stranger, Rx, {"after"});
    Send(Peer, Rx, {"wanted"});
    ASSERT_TRUE(Rx.Await(1));
    EXPECT_EQ(std::vector<std::string>{"wanted"}, Rx.Texts());
}

/* ---- enabling ---------------------------------------------------------------------------------------- */

TEST_F(EventsTest, EnablingNeedsABoundSocketAndACallback)
{
    Receiver Rx(*Owner);
    Datagram Bare(*Owner);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_STATUS(STATUS_SUCCESS, Bare.Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Bare.ControlEvents(WSK_EVENT_RECEIVE_FROM)) << "no callback";
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Request Enable;
    EXPECT_STATUS(STATUS_SUCCESS, Enable.Finish(Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM, Enable.Irp())));
}

TEST_F(EventsTest, BadMasksAreRefused)
{
    Receiver Rx(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    for (ULONG Mask :
         {0u, 0x1u, 0x7FFFFFFFu, static_cast<ULONG>(WSK_EVENT_RECEIVE),
          static_cast<ULONG>(WSK_EVENT_ACCEPT | WSK_EVENT_RECEIVE_FROM),
          static_cast<ULONG>(WSK_EVENT_DISABLE), static_cast<ULONG>(WSK_EVENT_DISABLE | 0x1),
          static_cast<ULONG>(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE),
          static_cast<ULONG>(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM | WSK_EVENT_ACCEPT), 0xFFFFFFFFu}) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Udp.ControlEvents(Mask)) << Mask;
    }
}

TEST_F(EventsTest, TheArgumentMustBeWholeAndOfThisInterface)
{
    static const NPIID Other = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
    Receiver Rx(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    auto Set = [&](PNPIID Id, SIZE_T Size) {
        WSK_EVENT_CALLBACK_CONTROL Control = {Id, WSK_EVENT_RECEIVE_FROM};
        return Rx.Udp->Basic.WskControlSocket(Rx.Udp.Get(), WskSetOption, SO_WSK_EVENT_CALLBACK, SOL_SOCKET,
                                              Size, Size ? &Control : nullptr, 0, nullptr, nullptr, nullptr);
    };
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Set(&NPI_WSK_INTERFACE_ID, 0));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Set(&NPI_WSK_INTERFACE_ID, 8));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Set(&Other, sizeof(WSK_EVENT_CALLBACK_CONTROL)));
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Set(nullptr, sizeof(WSK_EVENT_CALLBACK_CONTROL)));
    ULONG Value;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Rx.Udp.GetOption(SOL_SOCKET, SO_WSK_EVENT_CALLBACK, &Value));
}

TEST_F(EventsTest, BasicSocketsHaveNoEvents)
{
    PWSK_SOCKET Handle;
    ASSERT_STATUS(STATUS_SUCCESS,
                  Owner->Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_BASIC_SOCKET, &Handle));
    Socket Basic(Handle);
    EXPECT_STATUS(STATUS_NOT_SUPPORTED, Basic.ControlEvents(WSK_EVENT_RECEIVE_FROM));
}

TEST_F(EventsTest, APendingReceiveGoesFirst)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Buffer Payload(10);
    Request Receive;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Settle(Peer);
    NTSTATUS Returned = Rx.Udp->WskReceiveFrom(Rx.Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                               nullptr, Receive.Irp());
    ASSERT_STATUS(STATUS_PENDING, Returned);
    Send(Peer, Rx, {"first"});
    ASSERT_STATUS(STATUS_SUCCESS, Receive.Finish(Returned));
    EXPECT_EQ("first", Payload.Text(5));
    Send(Peer, Rx, {"second"});
    ASSERT_TRUE(Rx.Await(1));
    EXPECT_EQ(std::vector<std::string>{"second"}, Rx.Texts());
}

/* ---- refusing ---------------------------------------------------------------------------------------- */

TEST_F(EventsTest, RefusedDatagramsComeAgainWhenTheEventIsEnabledAgain)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Rx.OnEvent = [](PWSK_DATAGRAM_INDICATION List) {
        List->Next = nullptr; /* the client may change the links */
        return STATUS_DATA_NOT_ACCEPTED;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"0", "1", "2"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Await([&] { return Rx.Calls == 1; }));
    Send(Peer, Rx, {"3", "4"});
    Settle(Peer);
    EXPECT_EQ(1, Rx.Calls) << "refusing turns the callback off";
    Rx.OnEvent = nullptr;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.Await(5));
    EXPECT_EQ(Numbers(5), Rx.Texts());
}

TEST_F(EventsTest, RefusedDatagramsCanBeReceived)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET From = {};
    std::string Got;
    ULONG Flags = 0;
    Rx.OnEvent = [](PWSK_DATAGRAM_INDICATION) { return STATUS_DATA_NOT_ACCEPTED; };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"refused", "cut off"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Await([&] { return Rx.Calls == 1; }));
    Settle(Peer);
    Send(Peer, Rx, {"newer"});
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.Receive(&Got, &From));
    EXPECT_EQ("refused", Got);
    EXPECT_EQ(Peer.Port(), PortOf(From));
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.Receive(&Got, nullptr, &Flags, 3));
    EXPECT_EQ("cut", Got);
    EXPECT_EQ(static_cast<ULONG>(MSG_TRUNC), Flags);
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.Receive(&Got));
    EXPECT_EQ("newer", Got);
}

TEST_F(EventsTest, RefusedDatagramsEndWithTheSocket)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Rx.OnEvent = [](PWSK_DATAGRAM_INDICATION) { return STATUS_DATA_NOT_ACCEPTED; };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Send(Peer, Rx, {"refused"});
    ASSERT_TRUE(Await([&] { return Rx.Calls == 1; }));
    Rx.Udp.Close();
}

/* ---- keeping ----------------------------------------------------------------------------------------- */

/* A client that keeps what it gets. */
class Keeper : public Receiver {
  public:
    explicit Keeper(Client& Owner) : Receiver(Owner)
    {
        OnEvent = [this](PWSK_DATAGRAM_INDICATION List) {
            std::lock_guard<std::mutex> Guard(KeptLock_);
            Kept_.push_back(List);
            return STATUS_PENDING;
        };
    }
    std::vector<PWSK_DATAGRAM_INDICATION> Kept()
    {
        std::lock_guard<std::mutex> Guard(KeptLock_);
        return Kept_;
    }
    bool AwaitKept(size_t Lists)
    {
        return ::Await([&] { return Kept().size() >= Lists; });
    }
    NTSTATUS Release(PWSK_DATAGRAM_INDICATION List)
    {
        return Udp->WskRelease(Udp.Get(), List);
    }

  private:
    std::mutex KeptLock_;
    std::vector<PWSK_DATAGRAM_INDICATION> Kept_;
};

TEST_F(EventsTest, KeptDatagramsStayWhileMoreCome)
{
    Keeper Rx(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"a", "b"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.AwaitKept(1));
    Send(Peer, Rx, {Pattern(5000)});
    ASSERT_TRUE(Rx.AwaitKept(2));
    PWSK_DATAGRAM_INDICATION First = Rx.Kept()[0], Second = Rx.Kept()[1];
    EXPECT_EQ("a", Receiver::TextOf(*First));
    EXPECT_EQ("b", Receiver::TextOf(*First->Next));
    EXPECT_EQ(Pattern(5000), Receiver::TextOf(*Second));
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Release(Second));
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Release(First));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Release(First)) << "released already";
}

/* Clients chain datagrams of several indications, and release parts of one. */
TEST_F(EventsTest, DatagramsCanBeReleasedInAnyOrderAndChain)
{
    Keeper Rx(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"a", "b", "c"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.AwaitKept(1));
    Send(Peer, Rx, {"d"});
    ASSERT_TRUE(Rx.AwaitKept(2));
    PWSK_DATAGRAM_INDICATION A = Rx.Kept()[0], B = A->Next, C = B->Next, D = Rx.Kept()[1];
    B->Next = D;
    A->Next = C;
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Release(B));
    EXPECT_EQ("a", Receiver::TextOf(*A)) << "not released yet";
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Release(A));
}

TEST_F(EventsTest, WhatTheClientDoesNotHaveIsNotReleased)
{
    Keeper Rx(*Owner);
    peer::Udp Peer;
    WSK_DATAGRAM_INDICATION Foreign = {};
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"a", "b"});
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    ASSERT_TRUE(Rx.AwaitKept(1));
    PWSK_DATAGRAM_INDICATION List = Rx.Kept()[0], Second = List->Next;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Release(nullptr));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Release(&Foreign));
    Second->Next = &Foreign;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Release(List));
    Second->Next = List;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Release(List)) << "a circle";
    Second->Next = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Release(List)) << "none of these released any";
}

TEST_F(EventsTest, AnotherThreadMayReleaseBeforeTheCallbackReturns)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    std::atomic<int> Released{0};
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) {
        std::thread([&] {
            EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp->WskRelease(Rx.Udp.Get(), List));
            Released++;
        }).join();
        return STATUS_PENDING;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    for (int Round = 1; Round <= 5; Round++) {
        Send(Peer, Rx, {"x"});
        ASSERT_TRUE(Await([&] { return Released == Round; }));
    }
    Settle(Peer);
}

/* ---- disabling --------------------------------------------------------------------------------------- */

TEST_F(EventsTest, DisabledIsSilent)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    std::string Got;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Settle(Peer);
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM));
    Send(Peer, Rx, {"unseen"});
    Settle(Peer);
    EXPECT_EQ(0, Rx.Calls);
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.Receive(&Got));
    EXPECT_EQ("unseen", Got);
    EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM));
}

/* Holds the callback until the test lets it go on. */
class Gate {
  public:
    void Pass()
    {
        Inside = true;
        Opened_.get_future().wait();
    }
    void Open()
    {
        Opened_.set_value();
    }
    std::atomic<bool> Inside{false};

  private:
    std::promise<void> Opened_;
};

TEST_F(EventsTest, ADisableWaitsForARunningCallback)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Gate Hold;
    Request First, Second;
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) {
        Hold.Pass();
        Rx.Copy(List);
        return STATUS_SUCCESS;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Send(Peer, Rx, {"x"});
    ASSERT_TRUE(Await([&] { return Hold.Inside.load(); }));
    const ULONG Disable = WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM;
    EXPECT_STATUS(STATUS_EVENT_PENDING, Rx.Udp.ControlEvents(Disable));
    NTSTATUS Returned = Rx.Udp.ControlEvents(Disable, First.Irp());
    NTSTATUS ReturnedToo = Rx.Udp.ControlEvents(Disable, Second.Irp());
    EXPECT_STATUS(STATUS_PENDING, Returned);
    EXPECT_STATUS(STATUS_PENDING, ReturnedToo);
    EXPECT_FALSE(First.IsDone());
    Hold.Open();
    EXPECT_STATUS(STATUS_SUCCESS, First.Finish(Returned));
    EXPECT_STATUS(STATUS_SUCCESS, Second.Finish(ReturnedToo));
    EXPECT_EQ(1u, Rx.All().size());
    Send(Peer, Rx, {"unseen"});
    Settle(Peer);
    EXPECT_EQ(1, Rx.Calls);
}

TEST_F(EventsTest, ACloseWaitsForARunningCallback)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Gate Hold;
    Request Close;
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION) {
        Hold.Pass();
        return STATUS_DATA_NOT_ACCEPTED;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Send(Peer, Rx, {"x"});
    ASSERT_TRUE(Await([&] { return Hold.Inside.load(); }));
    PWSK_SOCKET Handle = Rx.Udp.Get();
    NTSTATUS Returned = Rx.Udp->Basic.WskCloseSocket(Handle, Close.Irp());
    (void)Rx.Udp.Detach();
    EXPECT_STATUS(STATUS_PENDING, Returned);
    EXPECT_FALSE(Close.IsDone());
    Hold.Open();
    EXPECT_STATUS(STATUS_SUCCESS, Close.Finish(Returned));
}

TEST_F(EventsTest, ACallbackMayCloseItsSocket)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Request Close;
    std::atomic<NTSTATUS> Returned{STATUS_SUCCESS};
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION) {
        Returned = Rx.Udp->Basic.WskCloseSocket(Rx.Udp.Get(), Close.Irp());
        EXPECT_FALSE(Close.IsDone());
        return STATUS_SUCCESS;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    Send(Peer, Rx, {"x"});
    EXPECT_STATUS(STATUS_SUCCESS, Close.Wait());
    EXPECT_STATUS(STATUS_PENDING, Returned.load());
    (void)Rx.Udp.Detach();
}

/* The cancelled receive may have been what a datagram waited for. */
TEST_F(EventsTest, NothingIsLostWhenAReceiveIsCancelled)
{
    Receiver Rx(*Owner);
    peer::Udp Peer;
    size_t Received = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    USHORT Port = Rx.Udp.Port();
    for (size_t Round = 1; Round <= 300; Round++) {
        Buffer Payload(10);
        Request Receive;
        NTSTATUS Returned = Rx.Udp->WskReceiveFrom(Rx.Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr,
                                                   nullptr, Receive.Irp());
        std::thread Canceller([&] {
            Dawdle(std::chrono::microseconds(Round % 40));
            Receive.Cancel();
        });
        ASSERT_TRUE(Peer.SendTo(Port, "x"));
        Canceller.join();
        NTSTATUS Status = Receive.Finish(Returned);
        ASSERT_TRUE(Status == STATUS_SUCCESS || Status == STATUS_CANCELLED);
        Received += (Status == STATUS_SUCCESS);
        ASSERT_TRUE(Rx.Await(Round - Received)) << Round;
    }
}

/* ---- death ------------------------------------------------------------------------------------------- */

TEST_F(EventsTest, ADeadSocketIsToldOnce)
{
    Receiver Rx(*Owner), Silent(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Silent.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    WskHostForceClose();
    EXPECT_EQ(1, Rx.Deaths);
    EXPECT_EQ(0, Silent.Deaths) << "its event is not enabled";
    WskHostForceClose();
    EXPECT_EQ(1, Rx.Deaths);
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    EXPECT_EQ(0, Rx.Calls);
}

/* ---- static events ----------------------------------------------------------------------------------- */

TEST_F(EventsTest, StaticEventsAreEnabledFromTheBind)
{
    ASSERT_STATUS(STATUS_SUCCESS, Owner->SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
    Receiver Rx(*Owner);
    peer::Udp Peer;
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, Numbers(3));
    ASSERT_TRUE(Rx.Await(3));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx.Udp.ControlEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM));
}

TEST_F(EventsTest, StaticEventsGoOnAfterARefusal)
{
    ASSERT_STATUS(STATUS_SUCCESS, Owner->SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
    Receiver Rx(*Owner);
    peer::Udp Peer;
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) -> NTSTATUS {
        if (Rx.Calls == 1) {
            return STATUS_DATA_NOT_ACCEPTED;
        }
        Rx.Copy(List);
        return STATUS_SUCCESS;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    Send(Peer, Rx, {"refused"});
    ASSERT_TRUE(Await([&] { return Rx.Calls == 1; }));
    Send(Peer, Rx, {"next"});
    ASSERT_TRUE(Rx.Await(1));
    EXPECT_EQ(std::vector<std::string>{"next"}, Rx.Texts()) << "what was refused is lost";
}

TEST_F(EventsTest, StaticEventsAreSetOnceBeforeTheFirstSocket)
{
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Owner->SetStaticEvents(0x1));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Owner->SetStaticEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM));
    EXPECT_STATUS(STATUS_SUCCESS, Owner->SetStaticEvents(0));
    EXPECT_STATUS(STATUS_SUCCESS, Owner->SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Owner->SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
    Client Late;
    Datagram Udp(Late);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Late.SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
}

TEST_F(EventsTest, StaticEventsNeedACallbackInEverySocket)
{
    PWSK_SOCKET Handle;
    WSK_CLIENT_DATAGRAM_DISPATCH Empty = {};
    ASSERT_STATUS(STATUS_SUCCESS, Owner->SetStaticEvents(WSK_EVENT_RECEIVE_FROM));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Owner->Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, &Handle));
    EXPECT_STATUS(
        STATUS_INVALID_PARAMETER,
        Owner->Socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, &Handle, nullptr, &Empty));
    Connection Tcp(*Owner); /* has none of these events */
}

/* ---- all at once ------------------------------------------------------------------------------------- */

/* Two senders, and a client that copies, keeps and refuses; another thread releases and enables again.
 * Nothing that the system took is lost or duplicated, and the order of each sender stays. */
TEST_F(EventsTest, EverythingAtOnce)
{
    constexpr int Count = 3000, Senders = 2, Window = 100;
    Receiver Rx(*Owner);
    std::mutex Lock;
    std::vector<PWSK_DATAGRAM_INDICATION> Kept;
    std::atomic<bool> Over{false}, Refused{false};
    std::map<USHORT, int> Next;
    std::atomic<int> Got{0};
    Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) -> NTSTATUS {
        std::lock_guard<std::mutex> Guard(Lock);
        if (Rx.Calls % 5 == 4) {
            Refused = true;
            return STATUS_DATA_NOT_ACCEPTED;
        }
        for (PWSK_DATAGRAM_INDICATION One = List; One != nullptr; One = One->Next) {
            USHORT From = PortOf(*reinterpret_cast<PSOCKADDR_INET>(One->RemoteAddress));
            EXPECT_EQ(Next[From]++, std::stoi(Receiver::TextOf(*One)));
            Got++;
        }
        if (Rx.Calls % 5 == 2) {
            Kept.push_back(List);
            return STATUS_PENDING;
        }
        return STATUS_SUCCESS;
    };
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
    ASSERT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
    USHORT Port = Rx.Udp.Port();
    std::thread Helper([&] {
        const ULONG Disable = WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM;
        while (!Over) {
            std::vector<PWSK_DATAGRAM_INDICATION> Mine;
            {
                std::lock_guard<std::mutex> Guard(Lock);
                Mine.swap(Kept);
            }
            for (PWSK_DATAGRAM_INDICATION List : Mine) {
                EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp->WskRelease(Rx.Udp.Get(), List));
            }
            /* The callback that refused may not have returned yet; enabling counts only after that. */
            if (Refused && Rx.Udp.ControlEvents(Disable) == STATUS_SUCCESS) {
                Refused = false;
                EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
            }
            std::this_thread::yield();
        }
    });
    std::vector<std::thread> Threads;
    std::atomic<int> Sent{0};
    for (int Sender = 0; Sender < Senders; Sender++) {
        Threads.emplace_back([&] {
            peer::Udp Peer;
            for (int Number = 0; Number < Count; Number++) {
                ASSERT_TRUE(Await([&] { return Sent - Got < Window; }));
                Sent++;
                ASSERT_TRUE(Peer.SendTo(Port, std::to_string(Number)));
            }
            ASSERT_TRUE(Await([&] { return Sent == Got; })); /* while the peer's port is its own */
        });
    }
    for (std::thread& Thread : Threads) {
        Thread.join();
    }
    EXPECT_EQ(Senders * Count, Got);
    Rx.Udp.ControlEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM);
    Over = true;
    Helper.join();
    for (PWSK_DATAGRAM_INDICATION List : Kept) {
        EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp->WskRelease(Rx.Udp.Get(), List));
    }
}

/* ---- misuse ------------------------------------------------------------------------------------------ */

class EventsDeathTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
    /* A socket whose callback has returned a status for one datagram. */
    static void AfterOne(NTSTATUS Status, const std::function<void(Receiver&)>& Then)
    {
        Client Owner;
        Receiver Rx(Owner);
        peer::Udp Peer;
        Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION) { return Status; };
        EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.Bind(V4(0)));
        EXPECT_STATUS(STATUS_SUCCESS, Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM));
        Peer.SendTo(Rx.Udp.Port(), "x");
        Await([&] { return Rx.Calls != 0; });
        Request Disable;
        Disable.Finish(Rx.Udp.ControlEvents(WSK_EVENT_DISABLE | WSK_EVENT_RECEIVE_FROM, Disable.Irp()));
        Then(Rx);
    }
};

TEST_F(EventsDeathTest, ClosingWithKeptDatagrams)
{
    EXPECT_DEATH(AfterOne(STATUS_PENDING, [](Receiver& Rx) { Rx.Udp.Close(); }),
                 "WskCloseSocket: called while the client keeps datagrams");
}

TEST_F(EventsDeathTest, AStatusThatIsNotDefined)
{
    EXPECT_DEATH(AfterOne(STATUS_DEVICE_NOT_READY, [](Receiver&) {}),
                 "WskReceiveFromEvent: returned neither STATUS_SUCCESS");
}

TEST_F(EventsDeathTest, KeepingAfterTheClose)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Receiver Rx(Owner);
            peer::Udp Peer;
            Request Close;
            Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION) {
                (void)Rx.Udp->Basic.WskCloseSocket(Rx.Udp.Get(), Close.Irp());
                return STATUS_PENDING;
            };
            Rx.Udp.Bind(V4(0));
            Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM);
            Peer.SendTo(Rx.Udp.Port(), "x");
            Await([&] { return Close.IsDone(); });
        },
        "WskReceiveFromEvent: kept datagrams of a socket for which WskCloseSocket was called");
}

TEST_F(EventsDeathTest, ReturningWhatWasReleased)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Receiver Rx(Owner);
            peer::Udp Peer;
            Rx.OnEvent = [&](PWSK_DATAGRAM_INDICATION List) {
                (void)Rx.Udp->WskRelease(Rx.Udp.Get(), List);
                return STATUS_SUCCESS;
            };
            Rx.Udp.Bind(V4(0));
            Rx.Udp.ControlEvents(WSK_EVENT_RECEIVE_FROM);
            Peer.SendTo(Rx.Udp.Port(), "x");
            Await([] { return false; }, 5000);
        },
        "WskReceiveFromEvent: did not return STATUS_PENDING");
}

} // namespace wsk
