/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing: handles closed while operations are in flight, processes that are killed, and the driver's unload.
 */
#include "support.h"

#include <chrono>

class CloseTest : public DriverTest {};

namespace {

/* Closes the file's handle from another thread while this one makes calls on it, until the calls fail. By
 * then the handle value may belong to an event. */
void CloseDuring(File* file, const std::function<NTSTATUS()>& call)
{
    std::atomic<int> calls{0};
    std::thread closer([&] {
        EXPECT_TRUE(Await([&] { return calls >= 3; }));
        NtClose(file->Handle());
    });
    auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
    bool gone = false;
    while (!gone && std::chrono::steady_clock::now() < deadline) {
        calls++;
        NTSTATUS status = call();
        gone = status == STATUS_INVALID_HANDLE || status == STATUS_OBJECT_TYPE_MISMATCH;
    }
    EXPECT_TRUE(gone);
    closer.join();
    file->Release();
}

} // namespace

TEST_F(CloseTest, PendingOperationsOfEveryKindAreCancelled)
{
    peer::TcpListener full(4, 0);
    full.Fill();
    peer::Tcp other;
    Transfer send;
    File datagram = BoundDatagram();
    File connection = ConnectedAndSending(&other, &send);
    File connecting = BoundConnection();
    File listener = Listener();
    Datagram receive_from;
    Transfer receive;
    PendingConnect connect;
    PendingAccept accept;
    ASSERT_STATUS(STATUS_PENDING, receive_from.Start(datagram));
    ASSERT_STATUS(STATUS_PENDING, receive.StartReceive(connection, 10));
    ASSERT_STATUS(STATUS_PENDING, connect.Start(connecting, Loopback(WSKB_AF_INET, full.Port())));
    ASSERT_STATUS(STATUS_PENDING, accept.Start(listener));
    datagram.Close();
    connection.Close();
    connecting.Close();
    listener.Close();
    EXPECT_STATUS(STATUS_CANCELLED, receive_from.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, send.Wait()) << "a part of it has gone";
    EXPECT_GT(send.Information(), 0u);
    EXPECT_LT(send.Information(), send.Data().size());
    EXPECT_STATUS(STATUS_CANCELLED, connect.Wait());
    EXPECT_STATUS(STATUS_CANCELLED, accept.Wait());
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

TEST_F(CloseTest, FromAnotherThreadInTheMiddleOfCalls)
{
    peer::Udp udp;
    for (int round = 0; round < 30; round++) {
        File file = BoundDatagram();
        CloseDuring(&file, [&] { return file.SendTo(Loopback(WSKB_AF_INET, udp.Port()), "x"); });
    }
}

/* One thread starts operations while another closes the handle. */
TEST_F(CloseTest, FromAnotherThreadWhileReceivesStart)
{
    for (int round = 0; round < 100; round++) {
        Port port;
        File file = BoundDatagram();
        HANDLE handle = file.Handle();
        std::vector<IO_STATUS_BLOCK> blocks(64);
        std::vector<uint8_t> memory(128);
        WSKB_TRANSFER in = {sizeof in, 0, 0};
        size_t started = 0;
        port.Associate(file);
        std::thread closer([&] {
            Dawdle(std::chrono::nanoseconds(round * 1000));
            file.Close();
        });
        for (auto& block : blocks) {
            NTSTATUS status =
                NtDeviceIoControlFile(handle, nullptr, nullptr, &block, &block, IOCTL_WSKB_RECEIVE_FROM, &in,
                                      sizeof in, memory.data(), (ULONG)memory.size());
            ASSERT_TRUE(status == STATUS_PENDING || status == STATUS_INVALID_HANDLE) << StatusName(status);
            started += status == STATUS_PENDING;
        }
        closer.join();
        for (const auto& packet : port.Take(started)) {
            NTSTATUS status = packet.IoStatusBlock.Status;
            EXPECT_TRUE(status == STATUS_CANCELLED || status == STATUS_FILE_CLOSED) << StatusName(status);
        }
        EXPECT_TRUE(port.Empty());
    }
}

TEST_F(CloseTest, FromAnotherThreadInTheMiddleOfATransfer)
{
    for (int round = 0; round < 20; round++) {
        peer::Tcp other;
        File file = Connected(&other);
        Transfer send;
        Transfer receive;
        std::thread peer_thread([&] {
            other.SendAll(Pattern(100000, 1).data(), 100000);
            other.AwaitEnd();
        });
        send.StartSend(file, Pattern(8 << 20, 2));
        receive.StartReceive(file, 200000, WSKB_RECEIVE_WAITALL);
        std::thread closer([&] { file.Close(); });
        closer.join();
        NTSTATUS sent = send.Wait();
        NTSTATUS received = receive.Wait();
        EXPECT_EQ(send.Information() == 0, sent != STATUS_SUCCESS) << StatusName(sent);
        EXPECT_EQ(receive.Information() == 0, received != STATUS_SUCCESS) << StatusName(received);
        peer_thread.join();
    }
}

TEST_F(CloseTest, FromAnotherThreadInTheMiddleOfConnectsAndAccepts)
{
    peer::TcpListener other;
    for (int round = 0; round < 100; round++) {
        File connection = BoundConnection();
        USHORT port = peer::QuietPort(); /* the peer may connect after it is closed */
        File listener = ListenerAt(port);
        HANDLE connecting_handle = connection.Handle();
        HANDLE listening_handle = listener.Handle();
        PendingConnect connect;
        PendingAccept accept;
        std::thread closer([&] {
            Dawdle(std::chrono::nanoseconds(round * 1000));
            connection.Close();
            listener.Close();
        });
        NTSTATUS connecting = connect.Start(connecting_handle, Loopback(WSKB_AF_INET, other.Port()));
        NTSTATUS accepting = accept.Start(listening_handle);
        peer::Tcp visitor = peer::Tcp::Connect(4, port);
        closer.join();
        if (connecting == STATUS_PENDING) {
            connecting = connect.Wait();
        }
        if (accepting == STATUS_PENDING) {
            accepting = accept.Wait();
        }
        for (NTSTATUS status : {connecting, accepting}) {
            EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED ||
                        status == STATUS_FILE_CLOSED || status == STATUS_INVALID_HANDLE)
                << StatusName(status);
        }
    }
}

/* A handle is closed while it becomes a socket: no socket is left without a handle. */
TEST_F(CloseTest, AgainstCreateAndAttach)
{
    constexpr int kRounds = 4000;
    File listener = Listener();
    USHORT port = listener.Port();
    std::vector<HANDLE> handles(kRounds);
    std::atomic<int> begun{0};
    std::atomic<int> closed{0};
    std::thread closer([&] {
        for (int round = 0; round < kRounds; round++) {
            EXPECT_TRUE(Await([&] { return begun > round; }));
            Dawdle(std::chrono::nanoseconds(round % 500 * 10));
            NtClose(handles[(size_t)round]);
            closed++;
        }
    });
    for (int round = 0; round < kRounds; round++) {
        bool attach = round % 16 == 0;
        WSKB_ACCEPTED accepted = {};
        peer::Tcp other;
        if (attach) {
            other = peer::Tcp::Connect(4, port);
            EXPECT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
        }
        WSKB_CREATE create = {sizeof create, WSKB_CATEGORY_DATAGRAM, WSKB_AF_INET, WSKB_IPPROTO_UDP};
        WSKB_ATTACH token = {sizeof token, 0, accepted.Token};
        Request request;
        HANDLE handle = File().Release();
        handles[(size_t)round] = handle;
        begun++;
        NTSTATUS status = attach
                              ? request.Start(handle, IOCTL_WSKB_ATTACH, &token, sizeof token, nullptr, 0)
                              : request.Start(handle, IOCTL_WSKB_CREATE, &create, sizeof create, nullptr, 0);
        status = status == STATUS_PENDING ? request.Wait() : status;
        EXPECT_TRUE(Await([&] { return closed > round; }));
        EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED || status == STATUS_FILE_CLOSED ||
                    status == STATUS_INVALID_HANDLE)
            << StatusName(status);
        EXPECT_TRUE(!attach || status == STATUS_SUCCESS || NT_SUCCESS(File().Attach(accepted.Token)));
    }
    closer.join();
    listener.Close();
    EXPECT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
}

/* A listener is closed while connections arrive for its accepts. */
TEST_F(CloseTest, AgainstArrivingConnections)
{
    for (int round = 0; round < 40; round++) {
        USHORT port = peer::QuietPort(); /* most peers connect after it is closed */
        File listener = ListenerAt(port);
        std::vector<std::unique_ptr<PendingAccept>> accepts;
        for (int i = 0; i < 64; i++) {
            accepts.push_back(std::make_unique<PendingAccept>());
            ASSERT_STATUS(STATUS_PENDING, accepts.back()->Start(listener));
        }
        std::atomic<int> connected{0};
        std::thread visitors([&] {
            std::vector<peer::Tcp> others;
            for (int i = 0; i < 64; i++) {
                others.push_back(peer::Tcp::Connect(4, port));
                connected++;
            }
        });
        EXPECT_TRUE(Await([&] { return connected >= round; }));
        listener.Close();
        visitors.join();
        for (auto& accept : accepts) {
            NTSTATUS status = accept->Wait();
            EXPECT_TRUE(status == STATUS_SUCCESS || status == STATUS_CANCELLED ||
                        status == STATUS_FILE_CLOSED)
                << StatusName(status);
        }
        ASSERT_TRUE(Await([] { return Statistics().OpenSockets == 0; }));
        EXPECT_EQ(0u, Statistics().UnclaimedSockets);
    }
}

/* A killed process: its handles are closed with operations in flight, and no close waits. */
TEST_F(CloseTest, TheEndOfAProcessWithAHundredSockets)
{
    constexpr size_t kSockets = 100;
    peer::TcpListener full(4, 0);
    full.Fill();
    PEPROCESS process = HostCreateProcess(HostProcessAdministrator);
    std::vector<IO_STATUS_BLOCK> blocks(kSockets);
    std::vector<uint8_t> memory(128);
    std::thread victim([&] {
        HostEnterProcess(process);
        WSKB_TRANSFER transfer = {sizeof transfer, 0, 0};
        WSKB_CONNECT address = {sizeof address, 0, 0, Loopback(WSKB_AF_INET, full.Port())};
        for (size_t i = 0; i < kSockets; i++) {
            static const USHORT kinds[] = {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_LISTEN,
                                           WSKB_CATEGORY_CONNECTION};
            File file;
            USHORT kind = kinds[i % 3];
            EXPECT_STATUS(STATUS_SUCCESS, file.Create(kind));
            EXPECT_STATUS(STATUS_SUCCESS, file.Bind(Loopback(WSKB_AF_INET, 0)));
            ULONG code = kind == WSKB_CATEGORY_DATAGRAM ? (ULONG)IOCTL_WSKB_RECEIVE_FROM
                         : kind == WSKB_CATEGORY_LISTEN ? (ULONG)IOCTL_WSKB_ACCEPT
                                                        : (ULONG)IOCTL_WSKB_CONNECT;
            bool connect = kind == WSKB_CATEGORY_CONNECTION;
            EXPECT_STATUS(STATUS_PENDING,
                          NtDeviceIoControlFile(file.Handle(), nullptr, nullptr, nullptr, &blocks[i], code,
                                                connect ? (PVOID)&address : (PVOID)&transfer,
                                                connect ? sizeof address : sizeof transfer,
                                                connect ? nullptr : memory.data(), connect ? 0 : 128));
            file.Release(); /* only the end of the process closes it */
        }
        HostEnterProcess(nullptr);
    });
    victim.join();
    EXPECT_EQ(kSockets, Statistics().OpenSockets);
    HostEndProcess(process);
    EXPECT_TRUE(Await([] {
        WSKB_STATISTICS statistics = Statistics();
        return statistics.OpenSockets == 0 && statistics.OperationsInFlight == 0;
    }));
    EXPECT_STATUS(STATUS_SUCCESS, BoundDatagram().SendTo(Loopback(WSKB_AF_INET, 9), "the others live"));
}

TEST_F(CloseTest, UnloadWaitsForHandlesAndRefusesNewOnes)
{
    File file = BoundDatagram();
    std::atomic<bool> unloaded{false};
    std::thread unloader([&] {
        Unload();
        unloaded = true;
    });
    EXPECT_TRUE(Await([] {
        NTSTATUS status = File().OpenStatus();
        return status == STATUS_DELETE_PENDING || status == STATUS_OBJECT_NAME_NOT_FOUND;
    }));
    EXPECT_FALSE(unloaded);
    EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, 9), "still works"));
    file.Close();
    unloader.join();
}

namespace {

/* Waits until the driver is being unloaded, so that opening it fails. */
bool AwaitUnloading()
{
    return Await([] { return File().OpenStatus() == STATUS_DELETE_PENDING; });
}

} // namespace

/* WSK completes the closes late. The last CloseHandle does not wait, and the driver stays loaded until WSK is
 * done, because its sockets hold references and not because its unload routine waits: that runs in the thread
 * of the user who closed the last handle, and the host stops a driver that waits there. */
TEST_F(CloseTest, UnloadIsPutOffBySocketsThatWskStillCloses)
{
    File listener = Listener();
    std::vector<File> files;
    std::vector<peer::Tcp> others;
    for (int i = 0; i < 2; i++) {
        others.push_back(peer::Tcp::Connect(4, listener.Port()));
        WSKB_ACCEPTED accepted = {};
        ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
        if (i == 0) {
            files.emplace_back();
            ASSERT_STATUS(STATUS_SUCCESS, files.back().Attach(accepted.Token)); /* the other has no handle */
        }
    }
    files.push_back(BoundDatagram());
    files.push_back(std::move(listener));
    std::atomic<bool> unloaded{false};
    std::thread unloader([&] {
        Unload();
        unloaded = true;
    });
    ASSERT_TRUE(AwaitUnloading());
    WskHostHoldCloses(TRUE);
    files.clear();
    HOST_ACCOUNTING accounting;
    EXPECT_TRUE(Await([&] {
        HostQueryAccounting(&accounting);
        return accounting.Handles == 0;
    }));
    Dawdle(std::chrono::seconds(6)); /* longer than the host lets an unload routine wait */
    HostQueryAccounting(&accounting);
    EXPECT_EQ(3u, accounting.FileObjects) << "the listener's for two sockets, and one for each other";
    EXPECT_FALSE(unloaded);
    WskHostHoldCloses(FALSE);
    unloader.join();
}

/* A handle that never became a socket does not delay the unload. */
TEST_F(CloseTest, UnloadByTheLastHandleWithoutASocket)
{
    File file;
    std::thread unloader([&] { Unload(); });
    ASSERT_TRUE(AwaitUnloading());
    file.Close();
    unloader.join();
}

/* Unload right after the close of many sockets, some of which WSK is still closing. */
TEST_F(CloseTest, UnloadWithSocketsStillClosing)
{
    for (int round = 0; round < 10; round++) {
        std::vector<std::unique_ptr<Datagram>> receives;
        {
            std::vector<File> files;
            for (int i = 0; i < 50; i++) {
                files.push_back(BoundDatagram());
                receives.push_back(std::make_unique<Datagram>());
                receives.back()->Start(files.back());
            }
        }
        Unload();
        for (auto& receive : receives) {
            EXPECT_STATUS(STATUS_CANCELLED, receive->Wait());
        }
        receives.clear();
        ExpectNothingLeft();
        Load();
    }
}

TEST_F(CloseTest, ManyThreadsMakeUseAndCloseSockets)
{
    peer::Udp other;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([&] {
            for (int i = 0; i < 50; i++) {
                File file = BoundDatagram();
                Datagram receive;
                receive.Start(file);
                EXPECT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "x"));
                if (i % 2) {
                    receive.Cancel();
                }
                file.Close();
                EXPECT_STATUS(STATUS_CANCELLED, receive.Wait());
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
}
