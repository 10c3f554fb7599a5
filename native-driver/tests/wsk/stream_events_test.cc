/* SPDX-License-Identifier: Apache-2.0
 *
 * WskReceiveEvent, WskDisconnectEvent and WskSendBacklogEvent, with ordinary TCP sockets on the other end.
 */
#include "fixture.h"
#include "network.h"
#include "peer.h"

#include <atomic>
#include <future>

namespace wsk {

static std::string TextOf(const WSK_DATA_INDICATION* List, SIZE_T Limit = SIZE_MAX)
{
    std::string Result;
    for (; List != nullptr; List = List->Next) {
        SIZE_T Start = List->Buffer.Offset;
        SIZE_T Left = List->Buffer.Length;
        for (PMDL Mdl = List->Buffer.Mdl; Mdl != nullptr && Left != 0; Mdl = Mdl->Next) {
            auto* Base = static_cast<const char*>(MmGetSystemAddressForMdlSafe(Mdl, NormalPagePriority));
            SIZE_T Bytes = std::min<SIZE_T>(MmGetMdlByteCount(Mdl) - Start, Left);
            Result.append(Base + Start, Bytes);
            Left -= Bytes;
            Start = 0;
        }
        EXPECT_EQ(0u, Left);
    }
    return Result.substr(0, std::min<SIZE_T>(Limit, Result.size()));
}

/* The client's side of a connection. By default it takes everything. */
class StreamReceiver {
  public:
    using Answer = std::function<NTSTATUS(PWSK_DATA_INDICATION List, SIZE_T Length, SIZE_T* Accepted)>;

    explicit StreamReceiver(Client& Owner)
    {
        PWSK_SOCKET Handle = nullptr;
        EXPECT_STATUS(STATUS_SUCCESS, Owner.Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP,
                                                   WSK_FLAG_CONNECTION_SOCKET, &Handle, this, &Callbacks));
        Tcp = std::make_unique<Connection>(Handle);
    }
    ~StreamReceiver()
    {
        Tcp->Close(); /* ends the callbacks */
    }

    void Take(const WSK_DATA_INDICATION* List, SIZE_T Limit = SIZE_MAX)
    {
        std::lock_guard<std::mutex> Guard(Lock_);
        Text_ += TextOf(List, Limit);
    }
    std::string Text()
    {
        std::lock_guard<std::mutex> Guard(Lock_);
        return Text_;
    }
    bool AwaitText(const std::string& Wanted)
    {
        return Await([&] { return Text().size() >= Wanted.size(); }) && Text() == Wanted;
    }
    bool AwaitCalls(int Count)
    {
        return Await([&] { return Calls.load() >= Count; });
    }

    Answer OnData;
    std::function<void(ULONG Flags)> OnEnd;
    std::atomic<int> Calls{0}, Deaths{0}, Ends{0}, Backlogs{0};
    std::atomic<ULONG> LastFlags{0}, EndFlags{0};
    std::atomic<SIZE_T> LastBacklog{0};
    std::unique_ptr<Connection> Tcp;

    static const WSK_CLIENT_CONNECTION_DISPATCH Callbacks;

  private:
    static NTSTATUS WSKAPI Data(PVOID Context, ULONG Flags, PWSK_DATA_INDICATION List, SIZE_T Length,
                                SIZE_T* Accepted)
    {
        auto* Self = static_cast<StreamReceiver*>(Context);
        EXPECT_EQ(DISPATCH_LEVEL, KeGetCurrentIrql());
        EXPECT_TRUE(Flags & WSK_FLAG_AT_DISPATCH_LEVEL);
        EXPECT_FALSE(Self->Running_.exchange(true)) << "the callbacks of a socket are called one by one";
        NTSTATUS Status = STATUS_SUCCESS;
        if (List == nullptr) {
            Self->Deaths++;
        } else {
            EXPECT_EQ(Length, TextOf(List).size());
            EXPECT_EQ(Length, *Accepted);
            Self->LastFlags = Flags;
            if (Self->OnData) {
                Status = Self->OnData(List, Length, Accepted);
            } else {
                Self->Take(List);
            }
            Self->Calls++;
        }
        Self->Running_ = false;
        return Status;
    }
    static NTSTATUS WSKAPI End(PVOID Context, ULONG Flags)
    {
        auto* Self = static_cast<StreamReceiver*>(Context);
        EXPECT_FALSE(Self->Running_.exchange(true));
        Self->EndFlags = Flags;
        if (Self->OnEnd) {
            Self->OnEnd(Flags);
        }
        Self->Running_ = false;
        Self->Ends++;
        return STATUS_SUCCESS;
    }
    static NTSTATUS WSKAPI Backlog(PVOID Context, SIZE_T Size)
    {
        auto* Self = static_cast<StreamReceiver*>(Context);
        Self->LastBacklog = Size;
        Self->Backlogs++;
        return STATUS_SUCCESS;
    }

    std::mutex Lock_;
    std::string Text_;
    std::atomic<bool> Running_{false};
};

const WSK_CLIENT_CONNECTION_DISPATCH StreamReceiver::Callbacks = {Data, End, Backlog};

static std::string Pattern(size_t Length)
{
    std::string Data(Length, '\0');
    for (size_t Index = 0; Index < Length; Index++) {
        Data[Index] = static_cast<char>(Index ^ (Index >> 8) ^ (Index >> 16));
    }
    return Data;
}

class StreamEventsTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        Rx = std::make_unique<StreamReceiver>(*Owner);
    }
    void TearDown() override
    {
        Rx->Tcp->Close(); /* callbacks use Rx */
        Rx.reset();
        ClientTest::TearDown();
    }
    /* Connects, and enables events. */
    void Establish(ULONG Events)
    {
        ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->ConnectTo(Server.Port()));
        Peer = Server.Accept();
        ASSERT_TRUE(Peer.IsOpen());
        ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->ControlEvents(Events));
    }
    NTSTATUS AskAgain()
    {
        Request Call;
        WSK_BUF Nothing = {};
        return Call.Finish((*Rx->Tcp)->WskReceive(Rx->Tcp->Get(), &Nothing, 0, Call.Irp()));
    }
    /* Waits until the poller has handled everything that came before. */
    void Settle()
    {
        for (int Round = 0; Round < 3; Round++) {
            StreamReceiver Other(*Owner);
            ASSERT_STATUS(STATUS_SUCCESS, Other.Tcp->ConnectTo(Server.Port()));
            peer::Tcp There = Server.Accept();
            ASSERT_STATUS(STATUS_SUCCESS, Other.Tcp->ControlEvents(WSK_EVENT_RECEIVE));
            ASSERT_TRUE(There.SendAll("x"));
            ASSERT_TRUE(Other.AwaitText("x"));
        }
    }

    peer::TcpListener Server;
    peer::Tcp Peer;
    std::unique_ptr<StreamReceiver> Rx;
};

/* ---- taking ------------------------------------------------------------------------------------------ */

TEST_F(StreamEventsTest, DataIsIndicatedAsItComes)
{
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("one"));
    ASSERT_TRUE(Rx->AwaitText("one"));
    EXPECT_TRUE(Rx->LastFlags & WSK_FLAG_ENTIRE_MESSAGE);
    EXPECT_FALSE(Rx->LastFlags & WSK_FLAG_RELEASE_ASAP);
    ASSERT_TRUE(Peer.SendAll("two"));
    EXPECT_TRUE(Rx->AwaitText("onetwo"));
}

TEST_F(StreamEventsTest, WhatCameBeforeIsIndicatedWhenTheEventIsEnabled)
{
    ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->ConnectTo(Server.Port()));
    Peer = Server.Accept();
    ASSERT_TRUE(Peer.SendAll("early"));
    Settle();
    EXPECT_EQ(0, Rx->Calls);
    ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->ControlEvents(WSK_EVENT_RECEIVE));
    EXPECT_TRUE(Rx->AwaitText("early"));
}

TEST_F(StreamEventsTest, ManyBytesComeInOrderInListsOfBuffers)
{
    const std::string Data = Pattern(8u << 20);
    std::atomic<bool> Chained{false}, Offset{false}, Partial{false};
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*) {
        Chained = Chained || List->Next != nullptr;
        Offset = Offset || List->Buffer.Offset != 0;
        Rx->Take(List);
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    std::thread Sender([&] { EXPECT_TRUE(Peer.SendAll(Data)); });
    EXPECT_TRUE(Await([&] { return Rx->Text().size() == Data.size(); }));
    Sender.join();
    EXPECT_TRUE(Rx->Text() == Data);
    EXPECT_TRUE(Chained);
    EXPECT_TRUE(Offset);
}

/* ---- refusing ---------------------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, RefusedDataIsIndicatedAgainAfterAnEmptyReceive)
{
    std::atomic<bool> Refuse{true};
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*) {
        if (Refuse) {
            return STATUS_DATA_NOT_ACCEPTED;
        }
        Rx->Take(List);
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("abc"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    ASSERT_TRUE(Peer.SendAll("def"));
    Settle();
    EXPECT_EQ(1, Rx->Calls) << "no more calls until a receive";
    EXPECT_STATUS(STATUS_SUCCESS, AskAgain());
    ASSERT_TRUE(Rx->AwaitCalls(2));
    Settle();
    EXPECT_EQ(2, Rx->Calls);
    Refuse = false;
    EXPECT_STATUS(STATUS_SUCCESS, AskAgain());
    EXPECT_TRUE(Rx->AwaitText("abcdef"));
}

TEST_F(StreamEventsTest, RefusedDataIsReceivedExplicitly)
{
    std::string Got;
    Rx->OnData = [](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) { return STATUS_DATA_NOT_ACCEPTED; };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("abcdef"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 4));
    EXPECT_EQ("abcd", Got);
    ASSERT_TRUE(Rx->AwaitCalls(2)) << "the rest is offered again";
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 4));
    EXPECT_EQ("ef", Got);
}

TEST_F(StreamEventsTest, PartIsAcceptedAndTheRestStays)
{
    std::string Got;
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T Length, SIZE_T* Accepted) {
        if (Length > 2) {
            *Accepted = 2;
        }
        Rx->Take(List, 2);
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("abcde"));
    ASSERT_TRUE(Rx->AwaitText("ab"));
    Settle();
    EXPECT_EQ("ab", Rx->Text());
    EXPECT_STATUS(STATUS_SUCCESS, AskAgain());
    ASSERT_TRUE(Rx->AwaitText("abcd"));
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 10));
    EXPECT_EQ("e", Got);
}

TEST_F(StreamEventsTest, AcceptingNothingIsLikeRefusing)
{
    std::string Got;
    Rx->OnData = [](PWSK_DATA_INDICATION, SIZE_T, SIZE_T* Accepted) {
        *Accepted = 0;
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("x"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    Settle();
    EXPECT_EQ(1, Rx->Calls);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 10));
    EXPECT_EQ("x", Got);
}

TEST_F(StreamEventsTest, EmptyReceiveNeedsTheEvent)
{
    Establish(WSK_EVENT_DISCONNECT);
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, AskAgain());
    ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->ControlEvents(WSK_EVENT_RECEIVE));
    EXPECT_STATUS(STATUS_SUCCESS, AskAgain()) << "even if nothing is there";
}

/* ---- requests and callbacks -------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, PendingReceiveGoesFirst)
{
    Request Pending;
    Buffer Memory(4);
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_STATUS(STATUS_PENDING, (*Rx->Tcp)->WskReceive(Rx->Tcp->Get(), Memory.Wsk(), 0, Pending.Irp()));
    ASSERT_TRUE(Peer.SendAll("abcdef"));
    EXPECT_STATUS(STATUS_SUCCESS, Pending.Wait());
    EXPECT_EQ("abcd", Memory.Text(4));
    EXPECT_TRUE(Rx->AwaitText("ef"));
}

TEST_F(StreamEventsTest, ReceiveThatIsPostedWithinTheCallbackWaitsForIt)
{
    Request Posted;
    Buffer Memory(100);
    std::atomic<bool> DoneWithin{false};
    Rx->OnData = [&](PWSK_DATA_INDICATION, SIZE_T, SIZE_T* Accepted) {
        if (Rx->Calls == 0) {
            EXPECT_STATUS(STATUS_PENDING,
                          (*Rx->Tcp)->WskReceive(Rx->Tcp->Get(), Memory.Wsk(), 0, Posted.Irp()));
            DoneWithin = Posted.IsDone();
            *Accepted = 3;
        }
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("abcdef"));
    EXPECT_STATUS(STATUS_SUCCESS, Posted.Wait());
    EXPECT_FALSE(DoneWithin);
    EXPECT_EQ("def", Memory.Text(Posted.Information()));
}

TEST_F(StreamEventsTest, MixedWithReceivesNothingIsLostOrTakenTwice)
{
    const std::string Data = Pattern(4u << 20);
    std::atomic<unsigned> Random{1};
    std::string Got; /* appended to in stream order: by one side at a time */
    std::mutex Lock;
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T Length, SIZE_T* Accepted) {
        unsigned Choice = (Random = Random * 1103515245 + 12345) >> 16;
        if (Choice % 4 == 0) {
            return STATUS_DATA_NOT_ACCEPTED;
        }
        *Accepted = (Choice % 4 == 1) ? Choice % (Length + 1) : Length;
        std::lock_guard<std::mutex> Guard(Lock);
        Got += TextOf(List, *Accepted);
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    std::thread Sender([&] {
        EXPECT_TRUE(Peer.SendAll(Data));
        Peer.ShutdownSend();
    });
    for (bool End = false; !End;) {
        Request Call;
        Buffer Memory(5000);
        Call.OnCompletion = [&] {
            std::lock_guard<std::mutex> Guard(Lock);
            Got += Memory.Text(Call.Irp()->IoStatus.Information);
            End = Call.Irp()->IoStatus.Information == 0;
        };
        EXPECT_STATUS(STATUS_SUCCESS,
                      Call.Finish((*Rx->Tcp)->WskReceive(Rx->Tcp->Get(), Memory.Wsk(), 0, Call.Irp())));
    }
    Sender.join();
    EXPECT_EQ(Data.size(), Got.size());
    EXPECT_TRUE(Got == Data);
}

TEST_F(StreamEventsTest, DisabledEventIsSilent)
{
    std::string Got;
    Establish(WSK_EVENT_RECEIVE);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->ControlEvents(WSK_EVENT_RECEIVE | WSK_EVENT_DISABLE));
    ASSERT_TRUE(Peer.SendAll("x"));
    Settle();
    EXPECT_EQ(0, Rx->Calls);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 10));
    EXPECT_EQ("x", Got);
}

TEST_F(StreamEventsTest, EventsNeedAConnection)
{
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Rx->Tcp->ControlEvents(WSK_EVENT_RECEIVE));
    ASSERT_STATUS(STATUS_SUCCESS, Rx->Tcp->Bind(V4(0)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Rx->Tcp->ControlEvents(WSK_EVENT_DISCONNECT));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx->Tcp->ControlEvents(WSK_EVENT_RECEIVE_FROM));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx->Tcp->ControlEvents(WSK_EVENT_ACCEPT));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Rx->Tcp->ControlEvents(0));
}

TEST_F(StreamEventsTest, EventsNeedTheirCallbacks)
{
    Connection Plain(*Owner);
    ASSERT_STATUS(STATUS_SUCCESS, Plain.ConnectTo(Server.Port()));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Plain.ControlEvents(WSK_EVENT_RECEIVE));
}

TEST_F(StreamEventsTest, StaticEventsBeginWithTheConnect)
{
    Client Other;
    ASSERT_STATUS(STATUS_SUCCESS, Other.SetStaticEvents(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT));
    StreamReceiver Static(Other);
    ASSERT_STATUS(STATUS_SUCCESS, Static.Tcp->ConnectTo(Server.Port()));
    Peer = Server.Accept();
    ASSERT_TRUE(Peer.SendAll("static"));
    EXPECT_TRUE(Static.AwaitText("static"));
    Peer.Close();
    EXPECT_TRUE(Await([&] { return Static.Ends == 1; }));
}

/* ---- retaining --------------------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, RetainedListsStayUntilTheyAreReleased)
{
    std::vector<PWSK_DATA_INDICATION> Kept;
    std::mutex Lock;
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T* Accepted) {
        std::lock_guard<std::mutex> Guard(Lock);
        Kept.push_back(List);
        *Accepted = 0; /* ignored */
        return STATUS_PENDING;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("first"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    ASSERT_TRUE(Peer.SendAll("second"));
    ASSERT_TRUE(Rx->AwaitCalls(2)) << "more come while one is kept";
    EXPECT_EQ("first", TextOf(Kept[0]));
    EXPECT_EQ("second", TextOf(Kept[1]));
    EXPECT_STATUS(STATUS_SUCCESS, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), Kept[1]));
    EXPECT_EQ("first", TextOf(Kept[0]));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), Kept[1]));
    EXPECT_STATUS(STATUS_SUCCESS, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), Kept[0]));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), nullptr));
}

TEST_F(StreamEventsTest, ListMayBeReleasedBeforeItsCallbackReturns)
{
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*) {
        Rx->Take(List);
        EXPECT_STATUS(STATUS_SUCCESS, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), List));
        return STATUS_PENDING;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("one"));
    ASSERT_TRUE(Rx->AwaitText("one"));
    ASSERT_TRUE(Peer.SendAll("two"));
    EXPECT_TRUE(Rx->AwaitText("onetwo"));
}

TEST_F(StreamEventsTest, ClientThatKeepsMuchIsAskedToReleaseAndThenMustWait)
{
    const std::string Data = Pattern(16u << 20);
    std::vector<PWSK_DATA_INDICATION> Kept;
    std::mutex Lock;
    std::atomic<bool> Asked{false};
    std::atomic<SIZE_T> Total{0};
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T Length, SIZE_T*) {
        std::lock_guard<std::mutex> Guard(Lock);
        Kept.push_back(List);
        Total += Length;
        return STATUS_PENDING;
    };
    Establish(WSK_EVENT_RECEIVE);
    std::thread Sender([&] { EXPECT_TRUE(Peer.SendAll(Data)); });
    ASSERT_TRUE(Await([&] { return (Rx->LastFlags & WSK_FLAG_RELEASE_ASAP) != 0; }));
    std::string Got;
    SIZE_T Most = 0;
    while (Got.size() < Data.size()) {
        PWSK_DATA_INDICATION Next = nullptr;
        ASSERT_TRUE(Await([&] {
            std::lock_guard<std::mutex> Guard(Lock);
            if (!Kept.empty()) {
                Next = Kept.front();
                Kept.erase(Kept.begin());
            }
            return Next != nullptr;
        }));
        Most = std::max<SIZE_T>(Most, Total - Got.size());
        Got += TextOf(Next);
        EXPECT_STATUS(STATUS_SUCCESS, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), Next));
    }
    Sender.join();
    EXPECT_TRUE(Got == Data);
    EXPECT_LT(Most, 4u << 20) << "what is kept is limited";
}

/* ---- the end ----------------------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, OrderlyEndIsToldAfterTheData)
{
    std::string Before;
    Rx->OnEnd = [&](ULONG) { Before = Rx->Text(); };
    Establish(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT);
    ASSERT_TRUE(Peer.SendAll("last"));
    Peer.ShutdownSend();
    ASSERT_TRUE(Await([&] { return Rx->Ends == 1; }));
    EXPECT_EQ("last", Before);
    EXPECT_EQ(static_cast<ULONG>(WSK_FLAG_AT_DISPATCH_LEVEL), Rx->EndFlags);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Send("still possible"));
    EXPECT_EQ("still possible", Peer.ReceiveText(14));
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Disconnect());
    Settle();
    EXPECT_EQ(1, Rx->Ends);
}

TEST_F(StreamEventsTest, OrderlyEndIsToldWhenRefusedDataHasBeenTaken)
{
    std::string Got;
    Rx->OnData = [](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) { return STATUS_DATA_NOT_ACCEPTED; };
    Establish(WSK_EVENT_RECEIVE | WSK_EVENT_DISCONNECT);
    ASSERT_TRUE(Peer.SendAll("last"));
    Peer.ShutdownSend();
    ASSERT_TRUE(Rx->AwaitCalls(1));
    Settle();
    EXPECT_EQ(0, Rx->Ends);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 100));
    EXPECT_EQ("last", Got);
    EXPECT_TRUE(Await([&] { return Rx->Ends == 1; }));
}

TEST_F(StreamEventsTest, EndIsToldToAClientThatReceivesExplicitly)
{
    std::string Got;
    Establish(WSK_EVENT_DISCONNECT);
    ASSERT_TRUE(Peer.SendAll("data"));
    Peer.ShutdownSend();
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 2));
    Settle();
    EXPECT_EQ(0, Rx->Ends);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 2));
    EXPECT_TRUE(Await([&] { return Rx->Ends == 1; }));
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Receive(&Got, 2));
    EXPECT_EQ("", Got);
    EXPECT_EQ(0, Rx->Calls);
}

TEST_F(StreamEventsTest, ResetIsToldAsAbortive)
{
    Establish(WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE);
    Peer.Reset();
    ASSERT_TRUE(Await([&] { return Rx->Ends == 1; }));
    EXPECT_TRUE(Rx->EndFlags & WSK_FLAG_ABORTIVE);
    std::string Got;
    EXPECT_STATUS(STATUS_CONNECTION_RESET, Rx->Tcp->Receive(&Got, 1));
}

TEST_F(StreamEventsTest, ResetIsToldAtOnceEvenIfDataWasRefused)
{
    Rx->OnData = [](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) { return STATUS_DATA_NOT_ACCEPTED; };
    Establish(WSK_EVENT_DISCONNECT | WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("unread"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    Peer.Reset();
    ASSERT_TRUE(Await([&] { return Rx->Ends == 1; }));
    EXPECT_TRUE(Rx->EndFlags & WSK_FLAG_ABORTIVE);
}

TEST_F(StreamEventsTest, OwnDisconnectIsNotTold)
{
    Establish(WSK_EVENT_DISCONNECT);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Disconnect());
    EXPECT_EQ(peer::End::Eof, Peer.AwaitEnd());
    Settle();
    EXPECT_EQ(0, Rx->Ends);
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Disconnect(WSK_FLAG_ABORTIVE));
    Settle();
    EXPECT_EQ(0, Rx->Ends);
}

/* ---- the send backlog -------------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, IdealBacklogIsToldWhenItGrows)
{
    SIZE_T Now = 0;
    if (!network::InOwn()) {
        return;
    }
    network::SetPacketSize(1500);
    Establish(WSK_EVENT_SEND_BACKLOG);
    std::thread Reader([&] { EXPECT_EQ(64u << 20, Peer.ReceiveText(64u << 20).size()); });
    EXPECT_STATUS(STATUS_SUCCESS, Rx->Tcp->Send(std::string(64u << 20, 'x')));
    Reader.join();
    EXPECT_TRUE(Await([&] { return Rx->Backlogs != 0; }));
    EXPECT_TRUE(Await([&] {
        EXPECT_STATUS(STATUS_SUCCESS,
                      Rx->Tcp->Ioctl(SIO_WSK_QUERY_IDEAL_SEND_BACKLOG, nullptr, 0, &Now, sizeof(Now)));
        return Now == Rx->LastBacklog;
    }));
}

/* ---- closing ----------------------------------------------------------------------------------------- */

TEST_F(StreamEventsTest, CloseWaitsForTheCallback)
{
    std::promise<void> Entered, Go;
    std::atomic<bool> Returned{false};
    Rx->OnData = [&](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) {
        Entered.set_value();
        Go.get_future().wait();
        Returned = true;
        return STATUS_SUCCESS;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("x"));
    Entered.get_future().wait();
    Request Close;
    PWSK_SOCKET Handle = Rx->Tcp->Detach();
    const auto* Table = static_cast<const WSK_PROVIDER_CONNECTION_DISPATCH*>(Handle->Dispatch);
    EXPECT_STATUS(STATUS_PENDING, Table->Basic.WskCloseSocket(Handle, Close.Irp()));
    EXPECT_FALSE(Close.IsDone());
    Go.set_value();
    EXPECT_STATUS(STATUS_SUCCESS, Close.Wait());
    EXPECT_TRUE(Returned);
}

TEST_F(StreamEventsTest, SocketMayBeClosedInItsCallback)
{
    Request Close;
    Rx->OnEnd = [&](ULONG) {
        PWSK_SOCKET Handle = Rx->Tcp->Detach();
        const auto* Table = static_cast<const WSK_PROVIDER_CONNECTION_DISPATCH*>(Handle->Dispatch);
        EXPECT_STATUS(STATUS_PENDING, Table->Basic.WskCloseSocket(Handle, Close.Irp()));
        EXPECT_FALSE(Close.IsDone()) << "this callback still runs";
    };
    Establish(WSK_EVENT_DISCONNECT);
    Peer.ShutdownSend();
    ASSERT_TRUE(Await([&] { return Rx->Ends == 1; }));
    EXPECT_STATUS(STATUS_SUCCESS, Close.Wait());
    EXPECT_EQ(peer::End::Reset, Peer.AwaitEnd());
}

TEST_F(StreamEventsTest, DeadSocketIsToldByANullList)
{
    Establish(WSK_EVENT_RECEIVE);
    WskHostForceClose();
    EXPECT_EQ(1, Rx->Deaths);
    WskHostForceClose();
    EXPECT_EQ(1, Rx->Deaths);
}

TEST_F(StreamEventsTest, RetainedListOfADeadSocketIsReleased)
{
    PWSK_DATA_INDICATION Kept = nullptr;
    Rx->OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*) {
        Kept = List;
        return STATUS_PENDING;
    };
    Establish(WSK_EVENT_RECEIVE);
    ASSERT_TRUE(Peer.SendAll("x"));
    ASSERT_TRUE(Rx->AwaitCalls(1));
    WskHostForceClose();
    EXPECT_EQ("x", TextOf(Kept));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, AskAgain());
    EXPECT_STATUS(STATUS_SUCCESS, (*Rx->Tcp)->WskRelease(Rx->Tcp->Get(), Kept));
}

/* ---- broken rules ------------------------------------------------------------------------------------ */

class StreamEventsDeathTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
    /* Runs a connection whose client answers like this. */
    static void Run(StreamReceiver::Answer Answer, std::function<void(StreamReceiver&)> Then = nullptr)
    {
        peer::TcpListener Server;
        Client Owner;
        StreamReceiver Rx(Owner);
        std::atomic<bool> Answered{false};
        Rx.OnData = [&](PWSK_DATA_INDICATION List, SIZE_T Length, SIZE_T* Accepted) {
            return Answer(List, Length, Accepted);
        };
        Rx.Tcp->ConnectTo(Server.Port());
        peer::Tcp Peer = Server.Accept();
        Rx.Tcp->ControlEvents(WSK_EVENT_RECEIVE);
        Peer.SendAll("data");
        Rx.AwaitCalls(1);
        if (Then) {
            Then(Rx);
        }
        Await([] { return false; });
    }
};

TEST_F(StreamEventsDeathTest, CloseWithARetainedList)
{
    EXPECT_DEATH(Run([](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) { return STATUS_PENDING; },
                     [](StreamReceiver& Rx) {
                         Await([] { return Accounting().CallsMade != 0; });
                         Rx.Tcp->Close();
                     }),
                 "WskCloseSocket: called before a retained indication was given to WskRelease|"
                 "WskReceiveEvent: returned STATUS_PENDING after");
}

TEST_F(StreamEventsDeathTest, AcceptingMoreThanThereIs)
{
    EXPECT_DEATH(Run([](PWSK_DATA_INDICATION, SIZE_T Length, SIZE_T* Accepted) {
                     *Accepted = Length + 1;
                     return STATUS_SUCCESS;
                 }),
                 "WskReceiveEvent: accepted more bytes than were indicated");
}

TEST_F(StreamEventsDeathTest, AnotherStatus)
{
    EXPECT_DEATH(Run([](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) { return STATUS_CANCELLED; }),
                 "WskReceiveEvent: returned a status that is not documented");
}

TEST_F(StreamEventsDeathTest, WaitingInTheCallback)
{
    EXPECT_DEATH(Run([](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) {
                     KEVENT Never;
                     KeInitializeEvent(&Never, NotificationEvent, FALSE);
                     return KeWaitForSingleObject(&Never, Executive, KernelMode, FALSE, nullptr);
                 }),
                 "KeWaitForSingleObject");
}

TEST_F(StreamEventsDeathTest, DeregisteringInTheCallback)
{
    EXPECT_DEATH(
        {
            peer::TcpListener Server;
            Client Owner;
            StreamReceiver Rx(Owner);
            Rx.OnData = [&](PWSK_DATA_INDICATION, SIZE_T, SIZE_T*) {
                WskDeregister(&Owner.Registration);
                return STATUS_SUCCESS;
            };
            Rx.Tcp->ConnectTo(Server.Port());
            peer::Tcp Peer = Server.Accept();
            Rx.Tcp->ControlEvents(WSK_EVENT_RECEIVE);
            Peer.SendAll("data");
            Await([] { return false; });
        },
        "WskDeregister: called from a WSK callback or completion routine");
}

TEST_F(StreamEventsDeathTest, ReleasingAndNotRetaining)
{
    EXPECT_DEATH(
        {
            peer::TcpListener Server;
            Client Owner;
            StreamReceiver Rx(Owner);
            Rx.OnData = [&](PWSK_DATA_INDICATION List, SIZE_T, SIZE_T*) {
                (*Rx.Tcp)->WskRelease(Rx.Tcp->Get(), List);
                return STATUS_SUCCESS;
            };
            Rx.Tcp->ConnectTo(Server.Port());
            peer::Tcp Peer = Server.Accept();
            Rx.Tcp->ControlEvents(WSK_EVENT_RECEIVE);
            Peer.SendAll("data");
            Await([] { return false; });
        },
        "WskReceiveEvent: released its list, but did not return STATUS_PENDING");
}

} // namespace wsk
