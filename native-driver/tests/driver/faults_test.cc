/* SPDX-License-Identifier: Apache-2.0
 *
 * Injected faults: dead sockets, missing WSK, each WSK call and each allocation failing once. Every failure
 * gives a clear status, nothing leaks (the fixture checks), and the driver keeps working.
 */
#include "support.h"

#include <chrono>

extern "C" DRIVER_INITIALIZE FxDriverEntry;

class FaultTest : public DriverTest {};

constexpr ULONG kRandomTag = 0x20676E52; /* 'Rng ' */

namespace {

/* One of each operation, with the status of each step. Continues after a failure, as a careless program
 * would. */
class Scenario {
  public:
    void Run()
    {
        RunDatagram();
        RunConnection();
        RunListener();
    }

    bool Succeeded() const
    {
        for (const auto& step : steps_) {
            if (step.second != STATUS_SUCCESS) {
                return false;
            }
        }
        return true;
    }

    size_t Count(NTSTATUS status) const
    {
        size_t count = 0;
        for (const auto& step : steps_) {
            count += step.second == status;
        }
        return count;
    }

    /* The first failure; STATUS_SUCCESS without one. */
    NTSTATUS First() const
    {
        for (const auto& step : steps_) {
            if (step.second != STATUS_SUCCESS) {
                return step.second;
            }
        }
        return STATUS_SUCCESS;
    }

    std::string Text() const
    {
        std::string text;
        for (const auto& step : steps_) {
            text += std::string(step.first) + " " + StatusName(step.second) + "\n";
        }
        return text;
    }

  private:
    bool Step(const char* name, NTSTATUS status)
    {
        steps_.emplace_back(name, status);
        return status == STATUS_SUCCESS;
    }

    void RunDatagram()
    {
        peer::Udp other;
        File file;
        ULONG value;
        WSKB_SOCKADDR local = {};
        Step("open", file.OpenStatus());
        Step("create", file.Create(WSKB_CATEGORY_DATAGRAM));
        Step("set option", file.SetOption(WSKB_OPTION_RECEIVE_BUFFER, 65536));
        Step("get option", file.GetOption(WSKB_OPTION_RECEIVE_BUFFER, &value));
        Step("bind", file.Bind(Loopback(WSKB_AF_INET, 0)));
        bool bound = Step("local address", file.LocalAddress(&local));
        Step("send to", file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "x"));
        if (bound) { /* else no datagram would come */
            Datagram datagram;
            datagram.Start(file);
            other.SendTo(HostPort(local), "y");
            Step("receive from", datagram.Wait());
        }
        Step("fix", file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
        Step("send to the fixed", file.SendTo(Unspecified(), "z"));
    }

    void RunConnection()
    {
        peer::TcpListener listener;
        peer::Tcp other;
        File file;
        WSKB_SOCKADDR address;
        char bytes[2];
        ULONG_PTR moved;
        Step("open", file.OpenStatus());
        Step("create", file.Create(WSKB_CATEGORY_CONNECTION));
        Step("bind", file.Bind(Loopback(WSKB_AF_INET, 0)));
        if (Step("connect", file.Connect(Loopback(WSKB_AF_INET, listener.Port())))) {
            other = listener.Accept();
            other.SendAll("ab");
        }
        Step("remote address", file.RemoteAddress(&address));
        Step("send", file.Send("x", 1));
        Step("receive", file.Receive(bytes, 2, &moved, WSKB_RECEIVE_WAITALL));
        Step("disconnect", file.Disconnect());
    }

    void RunListener()
    {
        File listener;
        File file;
        WSKB_SOCKADDR local = {};
        WSKB_ACCEPTED accepted = {};
        Step("open", listener.OpenStatus());
        Step("open", file.OpenStatus());
        Step("create", listener.Create(WSKB_CATEGORY_LISTEN));
        Step("bind", listener.Bind(Loopback(WSKB_AF_INET, 0)));
        bool bound = Step("local address", listener.LocalAddress(&local));
        if (bound) {
            peer::Tcp other = peer::Tcp::Connect(4, HostPort(local));
            Step("accept", listener.Accept(&accepted));
            Step("attach", file.Attach(accepted.Token));
            Step("send", file.Send("x", 1));
        }
    }

    std::vector<std::pair<const char*, NTSTATUS>> steps_;
};

} // namespace

TEST_F(FaultTest, TheScenarioWorksWithoutFaults)
{
    Scenario scenario;
    scenario.Run();
    EXPECT_TRUE(scenario.Succeeded()) << scenario.Text();
}

/* Parameterised, because a dead socket and a cancellation are handled differently from other errors. */
class FaultStatusTest : public FaultTest, public ::testing::WithParamInterface<ULONG> {};

TEST_P(FaultStatusTest, EachWskCallFailsOnce)
{
    const NTSTATUS kInjected = (NTSTATUS)GetParam();
    bool reached = true;
    int unseen = 0;
    for (ULONG nth = 1; reached; nth++) {
        WSKHOST_ACCOUNTING before;
        WSKHOST_ACCOUNTING after;
        Scenario scenario;
        ASSERT_LT(nth, 200u);
        WskHostQueryAccounting(&before);
        WskHostFailCall(nth, kInjected);
        scenario.Run();
        WskHostFailCall(0, STATUS_SUCCESS);
        WskHostQueryAccounting(&after);
        reached = after.CallsMade - before.CallsMade >= nth;
        if (kInjected != STATUS_FILE_FORCED_CLOSED) {
            EXPECT_LE(scenario.Count(kInjected), 1u) << nth << "\n" << scenario.Text();
        }
        if (scenario.Count(kInjected) == 0) {
            EXPECT_TRUE(scenario.Succeeded()) << nth << "\n" << scenario.Text();
            unseen++;
        } else {
            EXPECT_STATUS(kInjected, scenario.First()) << nth << "\n" << scenario.Text();
        }
    }
    /* Failures that the scenario does not see: four closes, the TDI option of the first socket, the number
     * after the last call, and the peer's address, which the driver knows itself unless the socket is dead or
     * the request cancelled. */
    bool known = kInjected != STATUS_FILE_FORCED_CLOSED && kInjected != STATUS_CANCELLED;
    EXPECT_EQ(known ? 7 : 6, unseen);
    Scenario again;
    again.Run();
    EXPECT_TRUE(again.Succeeded()) << again.Text();
}

INSTANTIATE_TEST_SUITE_P(Statuses, FaultStatusTest,
                         ::testing::Values((ULONG)STATUS_UNEXPECTED_NETWORK_ERROR,
                                           (ULONG)STATUS_FILE_FORCED_CLOSED, (ULONG)STATUS_CANCELLED,
                                           (ULONG)STATUS_DEVICE_BUSY));

TEST_F(FaultTest, EachAllocationFailsOnce)
{
    int successes = 0;
    ULONG nth = 0;
    while (successes < 10 && nth < 3000) {
        Scenario scenario;
        HostFailAllocation(++nth, 0);
        scenario.Run();
        HostFailAllocation(0, 0);
        successes = scenario.Succeeded() ? successes + 1 : 0;
        NTSTATUS first = scenario.First();
        EXPECT_TRUE(first == STATUS_SUCCESS || first == STATUS_INSUFFICIENT_RESOURCES ||
                    first == STATUS_NO_MEMORY)
            << nth << "\n"
            << scenario.Text();
    }
    EXPECT_LT(nth, 3000u);
    EXPECT_GT(nth, 20u);
}

TEST_F(FaultTest, EachAllocationOfLoadingFailsOnce)
{
    Unload();
    int successes = 0;
    for (ULONG nth = 1; successes < 5 && nth < 500; nth++) {
        HostFailAllocation(nth, 0);
        NTSTATUS status = HostLoadDriver(L"WskBridge", FxDriverEntry);
        HostFailAllocation(0, 0);
        if (NT_SUCCESS(status)) {
            successes++;
            EXPECT_STATUS(STATUS_SUCCESS, HostUnloadDriver(L"WskBridge"));
        } else {
            EXPECT_TRUE(status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY)
                << nth << " " << StatusName(status);
            successes = 0;
        }
        ExpectNothingLeft();
    }
    EXPECT_EQ(5, successes);
}

/* Without random numbers there are no tokens, so nothing is accepted. */
TEST_F(FaultTest, WithoutRandomNumbersAcceptFailsAndTakesNoConnection)
{
    File listener = Listener();
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    WSKB_ACCEPTED accepted;
    HostFailAllocation(1, kRandomTag);
    EXPECT_STATUS(STATUS_NO_MEMORY, listener.Accept(&accepted));
    HostFailAllocation(0, 0);
    EXPECT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted)) << "the connection is still there";
    File file;
    EXPECT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
}

TEST_F(FaultTest, WithoutAGeneratorTheDriverIsNotLoaded)
{
    Unload();
    HostFailAllocation(1, kRandomTag);
    EXPECT_STATUS(STATUS_NO_MEMORY, HostLoadDriver(L"WskBridge", FxDriverEntry));
    HostFailAllocation(0, 0);
    ExpectNothingLeft();
    Load();
}

/* Leaks are found when the driver unloads. */
TEST_F(FaultTest, WhatIrpsOwnGoesWithThem)
{
    HostExtendIrps(TRUE);
    Scenario scenario;
    scenario.Run();
    EXPECT_TRUE(scenario.Succeeded()) << scenario.Text();
    File file = BoundDatagram();
    Datagram pending;
    ASSERT_STATUS(STATUS_PENDING, pending.Start(file));
    EXPECT_STATUS(STATUS_SUCCESS, pending.Cancel());
    EXPECT_STATUS(STATUS_CANCELLED, pending.Wait());
    file.Close();
    WskHostFailCall(1, STATUS_DEVICE_BUSY);
    EXPECT_STATUS(STATUS_DEVICE_BUSY, File().Create(WSKB_CATEGORY_DATAGRAM)) << "nobody gets its close's IRP";
}

TEST_F(FaultTest, WindowsWithoutIoCleanupIrpWillDo)
{
    Unload();
    HostHideSystemRoutine(L"IoCleanupIrp");
    Load();
    HostHideSystemRoutine(nullptr);
    Scenario scenario;
    scenario.Run();
    EXPECT_TRUE(scenario.Succeeded()) << scenario.Text();
}

TEST_F(FaultTest, NoTransferMovesMoreThanItsBufferHolds)
{
    peer::Udp udp;
    peer::Tcp tcp;
    File datagram = BoundDatagram();
    File connection = Connected(&tcp);
    char bytes[16] = {};
    ULONG_PTR moved;
    WskHostOverstate(1000);
    EXPECT_STATUS(STATUS_SUCCESS,
                  datagram.SendTo(Loopback(WSKB_AF_INET, udp.Port()), bytes, sizeof bytes, &moved));
    EXPECT_EQ(sizeof bytes, moved);
    EXPECT_STATUS(STATUS_SUCCESS, connection.Send(bytes, sizeof bytes, &moved));
    EXPECT_EQ(sizeof bytes, moved);
    ASSERT_TRUE(tcp.SendAll("x"));
    EXPECT_STATUS(STATUS_SUCCESS, connection.Receive(bytes, sizeof bytes, &moved));
    EXPECT_EQ(sizeof bytes, moved);
    for (const std::string& sent : {std::string("whole"), std::string("more than there is room for")}) {
        Datagram received(sizeof bytes);
        ASSERT_STATUS(STATUS_PENDING, received.Start(datagram));
        udp.SendTo(datagram.Port(), sent);
        received.Wait();
        EXPECT_EQ(sizeof bytes, received.Prefix().Length) << sent;
        EXPECT_EQ(sizeof(WSKB_DATAGRAM) + sizeof bytes, received.Information()) << sent;
    }
    WSKB_STATISTICS statistics = Statistics();
    EXPECT_EQ(2 * sizeof bytes, statistics.SentBytes);
    EXPECT_EQ(3 * sizeof bytes, statistics.ReceivedBytes);
}

TEST_F(FaultTest, AForcedCloseIsOneClearError)
{
    peer::Tcp other;
    File datagram = BoundDatagram();
    File connection = Connected(&other);
    File listener = Listener();
    Datagram receive_from;
    Transfer receive;
    PendingAccept accept;
    char byte;
    ULONG_PTR moved;
    WSKB_SOCKADDR address;
    WSKB_ACCEPTED accepted;
    ULONG value;
    ASSERT_STATUS(STATUS_PENDING, receive_from.Start(datagram));
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(connection, 10));
    ASSERT_STATUS(STATUS_PENDING, accept.Start(listener));
    WskHostForceClose();
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, receive_from.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, receive.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, accept.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, datagram.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, datagram.LocalAddress(&address));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, datagram.GetOption(WSKB_OPTION_BROADCAST, &value));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, connection.Send("x", 1));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, connection.Receive(&byte, 1, &moved));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, listener.Accept(&accepted));
    /* Their handles are open, but their WSK sockets are closed. */
    EXPECT_TRUE(Await([] {
        WSKHOST_ACCOUNTING wsk;
        WskHostQueryAccounting(&wsk);
        return wsk.Sockets == 0;
    }));
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
    EXPECT_STATUS(STATUS_SUCCESS, datagram.Control(IOCTL_WSKB_NOP));
    EXPECT_STATUS(STATUS_SUCCESS, BoundDatagram().SendTo(Loopback(WSKB_AF_INET, 9), "new ones work"));
}

/* Nothing was pending: the next call detects it. */
TEST_F(FaultTest, AForcedCloseIsFoundOutByTheNextCall)
{
    File file = BoundDatagram();
    WskHostForceClose();
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

/* One operation reports that the socket is dead; the close of the socket ends the others, which must not be
 * reported as cancelled. */
TEST_F(FaultTest, WhatADeadSocketsCloseEndsIsNotCancelled)
{
    File file = BoundDatagram();
    Datagram first;
    Datagram second;
    ASSERT_STATUS(STATUS_PENDING, first.Start(file));
    ASSERT_STATUS(STATUS_PENDING, second.Start(file));
    WskHostFailCall(1, STATUS_FILE_FORCED_CLOSED);
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, first.Wait());
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, second.Wait());
}

/* Like a provider that forgets the peer when the connection ends. */
TEST_F(FaultTest, ThePeerIsKnownWhenWskHasForgottenIt)
{
    peer::Tcp other;
    File connection = Connected(&other);
    File listener = Listener();
    File accepted;
    WSKB_ACCEPTED token;
    peer::Tcp far = peer::Tcp::Connect(4, listener.Port());
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&token));
    ASSERT_STATUS(STATUS_SUCCESS, accepted.Attach(token.Token));
    for (const File* file : {&connection, &accepted}) {
        WSKB_SOCKADDR known;
        WSKB_SOCKADDR address;
        ASSERT_STATUS(STATUS_SUCCESS, file->RemoteAddress(&known));
        for (NTSTATUS forgotten : {STATUS_INVALID_DEVICE_STATE, STATUS_CONNECTION_DISCONNECTED}) {
            WskHostFailCall(1, forgotten);
            EXPECT_STATUS(STATUS_SUCCESS, file->RemoteAddress(&address));
            EXPECT_EQ(0, memcmp(&known, &address, sizeof address));
        }
    }
}

TEST_F(FaultTest, AnAddressThatIsNotClearedIsFixedForEverybody)
{
    peer::Udp other;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    WskHostFailCall(1, STATUS_ADDRESS_ALREADY_EXISTS);
    EXPECT_STATUS(STATUS_ADDRESS_ALREADY_EXISTS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Unspecified(), "still"));
    EXPECT_EQ("still", other.ReceiveText());
    EXPECT_STATUS(STATUS_SUCCESS, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.SendTo(Unspecified(), "x"));
}

TEST_F(FaultTest, ASocketThatIsLostWithItsFixedAddressIsDead)
{
    peer::Udp other;
    File file = BoundDatagram();
    WSKB_SOCKADDR address;
    ASSERT_STATUS(STATUS_SUCCESS,
                  file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, other.Port())));
    WskHostFailCall(1, STATUS_FILE_FORCED_CLOSED);
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Unspecified()));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.SendTo(Unspecified(), "x"));
    EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, file.LocalAddress(&address));
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(FaultTest, AForcedCloseAmidTraffic)
{
    peer::Udp other;
    for (int round = 0; round < 20; round++) {
        File file = BoundDatagram();
        std::vector<std::unique_ptr<Datagram>> receives;
        for (int i = 0; i < 20; i++) {
            receives.push_back(std::make_unique<Datagram>());
            receives.back()->Start(file);
        }
        std::vector<std::thread> senders;
        for (int t = 0; t < 2; t++) {
            senders.emplace_back([&] {
                auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
                NTSTATUS status = STATUS_SUCCESS;
                while (status == STATUS_SUCCESS && std::chrono::steady_clock::now() < deadline) {
                    status = file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "x");
                }
                EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, status);
            });
        }
        WskHostForceClose();
        for (auto& receive : receives) {
            EXPECT_STATUS(STATUS_FILE_FORCED_CLOSED, receive->Wait());
        }
        for (auto& sender : senders) {
            sender.join();
        }
    }
}

TEST_F(FaultTest, WithoutWskCreateSaysSoAndMayBeTriedAgain)
{
    WskHostSetAvailable(FALSE);
    File file;
    auto start = std::chrono::steady_clock::now();
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(kPatience));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, file.Bind(Loopback(WSKB_AF_INET, 0)));
    WskHostSetAvailable(TRUE);
    EXPECT_STATUS(STATUS_SUCCESS, file.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0)));
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
}

TEST_F(FaultTest, CreatesThatWaitForWskGetItWhenItComes)
{
    constexpr int kThreads = 4;
    ThreadNumber numbers[kThreads] = {};
    std::vector<std::thread> threads;
    WskHostSetAvailable(FALSE);
    for (auto& number : numbers) {
        threads.emplace_back([&] {
            number = OwnThreadNumber();
            File file; /* opening waits */
            NTSTATUS status = file.Create(WSKB_CATEGORY_DATAGRAM);
            EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_DEVICE_NOT_READY) << StatusName(status);
        });
    }
    for (const auto& number : numbers) {
        EXPECT_TRUE(AwaitSleep(number));
    }
    WskHostSetAvailable(TRUE);
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_STATUS(STATUS_SUCCESS, File().Create(WSKB_CATEGORY_DATAGRAM));
}

TEST_F(FaultTest, SocketsThatExistOutliveTheProvidersAbsence)
{
    peer::Udp other;
    File file = BoundDatagram();
    WskHostSetAvailable(FALSE);
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "x"));
    EXPECT_STATUS(STATUS_SUCCESS, BoundDatagram().SendTo(Loopback(WSKB_AF_INET, other.Port()), "x"));
}

TEST_F(FaultTest, WithoutWskThereIsNothingToUnload)
{
    WskHostSetAvailable(FALSE);
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, File().Create(WSKB_CATEGORY_DATAGRAM));
    Unload();
    ExpectNothingLeft();
}
