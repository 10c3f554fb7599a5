/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits per socket and per process.
 */
#include "support.h"

class QuotaTest : public DriverTest {};

namespace {

/* Requests without an event, which complete to a port. */
struct Batch {
    Port port;
    WSKB_TRANSFER header = {sizeof header, 0, 0};
    std::vector<IO_STATUS_BLOCK> blocks;
    std::vector<uint8_t> memory;
    size_t started = 0;

    Batch(size_t count, size_t bytes) : blocks(count), memory(bytes)
    {
    }

    NTSTATUS Start(const File& file, ULONG code, PVOID out, ULONG length)
    {
        PIO_STATUS_BLOCK block = &blocks[started];
        NTSTATUS status = NtDeviceIoControlFile(file.Handle(), nullptr, nullptr, block, block, code, &header,
                                                sizeof header, out, length);
        started += status == STATUS_PENDING;
        return status;
    }

    /* For a request that is expected to be refused; its packet comes at once. */
    NTSTATUS StartRefused(const File& file, ULONG code, PVOID out, ULONG length)
    {
        EXPECT_STATUS(STATUS_PENDING, Start(file, code, out, length));
        auto packets = port.Take(1);
        started--;
        return packets.size() == 1 ? packets[0].IoStatusBlock.Status : STATUS_PENDING;
    }

    void ExpectAllCancelled()
    {
        for (const auto& packet : port.Take(started)) {
            EXPECT_STATUS(STATUS_CANCELLED, packet.IoStatusBlock.Status);
        }
        EXPECT_TRUE(port.Empty());
    }
};

NTSTATUS Ask(Batch& batch, const File& file, ULONG code, PVOID in, ULONG in_length, PVOID out, ULONG length)
{
    IO_STATUS_BLOCK block;
    EXPECT_STATUS(STATUS_PENDING, NtDeviceIoControlFile(file.Handle(), nullptr, nullptr, &block, &block, code,
                                                        in, in_length, out, length));
    auto packets = batch.port.Take(1);
    return packets.size() == 1 ? packets[0].IoStatusBlock.Status : STATUS_PENDING;
}

void ExpectAnswers(Batch& batch, const File& file)
{
    WSKB_ADDRESS address;
    Setting option(WSKB_OPTION_RECEIVE_BUFFER, 65536);
    EXPECT_STATUS(STATUS_SUCCESS,
                  Ask(batch, file, IOCTL_WSKB_GET_LOCAL_ADDRESS, nullptr, 0, &address, sizeof address));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Ask(batch, file, IOCTL_WSKB_SET_OPTION, &option, sizeof option, nullptr, 0));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Ask(batch, file, IOCTL_WSKB_GET_OPTION, &option, sizeof option, &option, sizeof option));
}

} // namespace

TEST_F(QuotaTest, OperationsOfASocket)
{
    File file = BoundDatagram();
    Batch batch(WSKB_MAXIMUM_OPERATIONS + 1, 4096);
    batch.port.Associate(file);
    for (ULONG i = 0; i < WSKB_MAXIMUM_OPERATIONS; i++) {
        ASSERT_STATUS(STATUS_PENDING, batch.Start(file, IOCTL_WSKB_RECEIVE_FROM, batch.memory.data(), 128));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED,
                  batch.StartRefused(file, IOCTL_WSKB_RECEIVE_FROM, batch.memory.data(), 128));
    WSKB_STATISTICS statistics = Statistics();
    EXPECT_EQ(WSKB_MAXIMUM_OPERATIONS, statistics.OperationsInFlight);
    ExpectAnswers(batch, file);
    /* Another socket has its own quota. */
    EXPECT_STATUS(STATUS_SUCCESS, BoundDatagram().SendTo(Loopback(WSKB_AF_INET, 9), ""));
    file.Close();
    batch.ExpectAllCancelled();
}

/* The other operations of a connection still work, and so does DISCONNECT. */
TEST_F(QuotaTest, OperationsOfAConnectionLeaveTheRestAlone)
{
    peer::Tcp other;
    File file = Connected(&other);
    Batch batch(WSKB_MAXIMUM_OPERATIONS + 1, 4096);
    WSKB_ADDRESS address;
    WSKB_TRANSFER disconnect = {sizeof disconnect, 0, 0};
    batch.port.Associate(file);
    for (ULONG i = 0; i < WSKB_MAXIMUM_OPERATIONS; i++) {
        ASSERT_STATUS(STATUS_PENDING, batch.Start(file, IOCTL_WSKB_RECEIVE, batch.memory.data(), 1));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED,
                  batch.StartRefused(file, IOCTL_WSKB_RECEIVE, batch.memory.data(), 1));
    ExpectAnswers(batch, file);
    EXPECT_STATUS(STATUS_SUCCESS,
                  Ask(batch, file, IOCTL_WSKB_GET_REMOTE_ADDRESS, nullptr, 0, &address, sizeof address));
    EXPECT_STATUS(STATUS_SUCCESS,
                  Ask(batch, file, IOCTL_WSKB_DISCONNECT, &disconnect, sizeof disconnect, nullptr, 0));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    file.Close();
    batch.ExpectAllCancelled();
}

/* A stream must have no gaps: after a refused send all later ones are refused, even when there is room again,
 * until one acknowledges the refusal. */
TEST_F(QuotaTest, BehindARefusedSendAllAreRefused)
{
    peer::Tcp other;
    Transfer stuck;
    File file = ConnectedAndSending(&other, &stuck);
    std::vector<std::unique_ptr<Transfer>> sends;
    for (ULONG i = 1; i < WSKB_MAXIMUM_OPERATIONS; i++) {
        sends.push_back(std::make_unique<Transfer>());
        ASSERT_STATUS(STATUS_PENDING, sends.back()->StartSend(file, {'a'}));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Send("b", 1));
    std::vector<uint8_t> received(stuck.Data().size() + sends.size());
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    for (auto& send : sends) {
        EXPECT_STATUS(STATUS_SUCCESS, send->Wait());
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Send("c", 1)) << "it was started before its sender knew";
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("b", 1, nullptr, WSKB_SEND_AFTER_REFUSAL));
    EXPECT_STATUS(STATUS_SUCCESS, file.Send("c", 1));
    char text[2] = {};
    ASSERT_TRUE(other.ReceiveAll(text, 2));
    EXPECT_EQ("bc", std::string(text, 2));
}

/* WSK buffers no sends, so the driver bounds those in flight. */
TEST_F(QuotaTest, SendBufferOfASocket)
{
    peer::Tcp other;
    Transfer stuck, second, third;
    File file = ConnectedAndSending(&other, &stuck);
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_SEND_BUFFER, 1000));
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Send("x", 1)) << "there is more than that in flight";
    size_t length = stuck.Data().size();
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_SEND_BUFFER, (ULONG)length + 10));
    ASSERT_STATUS(STATUS_PENDING,
                  second.StartSend(file, std::vector<uint8_t>(10, 'y'), WSKB_SEND_AFTER_REFUSAL));
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Send("x", 1)) << "one byte too many";
    std::vector<uint8_t> received(length + 10);
    ASSERT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_STATUS(STATUS_SUCCESS, stuck.Wait());
    EXPECT_STATUS(STATUS_SUCCESS, second.Wait());
    EXPECT_EQ('y', received.back());
    /* Alone, any send may go. */
    ASSERT_STATUS(STATUS_SUCCESS, file.SetOption(WSKB_OPTION_SEND_BUFFER, 0));
    third.StartSend(file, std::vector<uint8_t>(5000, 'z'), WSKB_SEND_AFTER_REFUSAL);
    received.resize(5000);
    EXPECT_TRUE(other.ReceiveAll(received.data(), received.size()));
    EXPECT_STATUS(STATUS_SUCCESS, third.Wait());
}

TEST_F(QuotaTest, BytesOfAProcess)
{
    peer::Tcp other;
    File file = Connected(&other);
    Batch batch(65, WSKB_MAXIMUM_TRANSFER);
    batch.port.Associate(file);
    for (int i = 0; i < 64; i++) {
        ASSERT_STATUS(STATUS_PENDING,
                      batch.Start(file, IOCTL_WSKB_RECEIVE, batch.memory.data(), WSKB_MAXIMUM_TRANSFER));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED,
                  batch.StartRefused(file, IOCTL_WSKB_RECEIVE, batch.memory.data(), 1));
    /* Another process has its own quota. */
    PEPROCESS process = HostCreateProcess(HostProcessAdministrator);
    HostEnterProcess(process);
    {
        peer::Udp udp;
        EXPECT_STATUS(STATUS_SUCCESS, BoundDatagram().SendTo(Loopback(WSKB_AF_INET, udp.Port()), "x"));
    }
    HostEnterProcess(nullptr);
    HostEndProcess(process);
    file.Close();
    batch.ExpectAllCancelled();
    /* The whole quota is free again. */
    peer::Tcp another;
    File next = Connected(&another);
    std::vector<uint8_t> bytes(WSKB_MAXIMUM_TRANSFER);
    ASSERT_TRUE(another.SendAll("x"));
    ULONG_PTR moved;
    EXPECT_STATUS(STATUS_SUCCESS, next.Receive(bytes.data(), WSKB_MAXIMUM_TRANSFER, &moved));
}

TEST_F(QuotaTest, UnclaimedConnectionsOfAListener)
{
    File listener = Listener();
    peer::Tcp other = peer::Tcp::Connect(4, listener.Port());
    WSKB_ACCEPTED accepted;
    ASSERT_STATUS(STATUS_SUCCESS, listener.Accept(&accepted));
    Batch batch(WSKB_MAXIMUM_UNCLAIMED, sizeof(WSKB_ACCEPTED));
    batch.port.Associate(listener);
    for (ULONG i = 0; i + 1 < WSKB_MAXIMUM_UNCLAIMED; i++) {
        ASSERT_STATUS(STATUS_PENDING,
                      batch.Start(listener, IOCTL_WSKB_ACCEPT, batch.memory.data(), sizeof(WSKB_ACCEPTED)));
    }
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, batch.StartRefused(listener, IOCTL_WSKB_ACCEPT, batch.memory.data(),
                                                            sizeof(WSKB_ACCEPTED)));
    /* Attaching one makes room for another. */
    File file;
    ASSERT_STATUS(STATUS_SUCCESS, file.Attach(accepted.Token));
    EXPECT_STATUS(STATUS_PENDING,
                  batch.Start(listener, IOCTL_WSKB_ACCEPT, batch.memory.data(), sizeof(WSKB_ACCEPTED)));
    listener.Close();
    batch.ExpectAllCancelled();
}

/* ACCEPTs in flight count as sockets, which makes the test cheap. */
TEST_F(QuotaTest, SocketsOfAProcess)
{
    Batch batch(WSKB_MAXIMUM_SOCKETS, sizeof(WSKB_ACCEPTED));
    std::vector<File> listeners;
    ULONG sockets = 0;
    while (sockets < WSKB_MAXIMUM_SOCKETS) {
        listeners.push_back(Listener());
        batch.port.Associate(listeners.back());
        sockets++;
        for (ULONG i = 0; i < WSKB_MAXIMUM_UNCLAIMED && sockets < WSKB_MAXIMUM_SOCKETS; i++, sockets++) {
            ASSERT_STATUS(STATUS_PENDING, batch.Start(listeners.back(), IOCTL_WSKB_ACCEPT,
                                                      batch.memory.data(), sizeof(WSKB_ACCEPTED)));
        }
    }
    File file;
    EXPECT_STATUS(STATUS_QUOTA_EXCEEDED, file.Create(WSKB_CATEGORY_DATAGRAM));
    listeners.pop_back();
    EXPECT_TRUE(Await([&] { return file.Create(WSKB_CATEGORY_DATAGRAM) == STATUS_SUCCESS; }));
    listeners.clear();
    batch.ExpectAllCancelled();
}
