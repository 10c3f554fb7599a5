/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries that point to a message: they do what a plain entry does, and what this version can't do is
 * refused.
 */
#include "support.h"

#include <memory>

class MessageTest : public ShimTest {};

namespace {

/* A message of one piece, and an entry that points to it. Stays where it is. */
struct Message {
    wskshim_buffer piece = {};
    wskshim_message message = {};

    Message(const void* buffer, size_t length)
    {
        piece.address = U(buffer);
        piece.length = (uint32_t)length;
        message.payload = U(&piece);
        message.payload_count = 1;
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;

    wskshim_submission Entry(uint16_t opcode, uint64_t socket, uint32_t flags = 0) const
    {
        wskshim_submission entry;
        wskshim_prepare_message(&entry, opcode, socket, &message, flags, 7);
        return entry;
    }
};

wskshim_completion Finish(const Port& port, const wskshim_submission& entry)
{
    wskshim_completion completion = port.Finish({entry})[0];
    EXPECT_EQ(7u, completion.user_data);
    EXPECT_EQ(entry.opcode, completion.opcode);
    return completion;
}

} // namespace

TEST_F(MessageTest, DatagramsBothWays)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    char text[] = "hello";
    Message send(text, 5);
    send.message.address = Loopback(WSKB_AF_INET, other.Port());
    wskshim_completion sent = Finish(port, send.Entry(WSKSHIM_SEND_TO, socket));
    EXPECT_STATUS(0, sent.status);
    EXPECT_EQ(5u, sent.bytes);
    EXPECT_EQ("hello", other.ReceiveText());

    DatagramBuffer buffer;
    Message receive(buffer.bytes.data(), buffer.bytes.size());
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "answer"));
    wskshim_completion received = Finish(port, receive.Entry(WSKSHIM_RECEIVE_FROM, socket));
    EXPECT_STATUS(0, received.status);
    EXPECT_EQ("answer", buffer.Text(received));
    WSKB_SOCKADDR sender = Loopback(WSKB_AF_INET, other.Port());
    EXPECT_EQ(0, memcmp(&sender, &received.address, sizeof sender));
}

TEST_F(MessageTest, AStreamBothWays)
{
    Port port;
    peer::TcpListener listener;
    uint64_t socket = port.Socket(WSKB_CATEGORY_CONNECTION);
    Message connect(nullptr, 0);
    connect.message.payload_count = 0;
    connect.message.address = Loopback(WSKB_AF_INET, listener.Port());
    ASSERT_STATUS(0, Finish(port, connect.Entry(WSKSHIM_CONNECT, socket)).status);
    peer::Tcp other = listener.Accept();

    char text[] = "hello";
    Message send(text, 5);
    EXPECT_EQ(5u, Finish(port, send.Entry(WSKSHIM_SEND, socket, WSKB_SEND_NODELAY)).bytes);
    EXPECT_EQ("hello", other.ReceiveText(5));

    char room[8];
    Message receive(room, 6);
    ASSERT_TRUE(other.SendAll("answer"));
    wskshim_completion received = Finish(port, receive.Entry(WSKSHIM_RECEIVE, socket, WSKB_RECEIVE_WAITALL));
    EXPECT_STATUS(0, received.status);
    EXPECT_EQ("answer", std::string(room, received.bytes));
}

/* Only the bytes that the piece names have to stay. */
TEST_F(MessageTest, IsNotReadAfterItsSubmission)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    DatagramBuffer buffer;
    {
        auto receive = std::make_unique<Message>(buffer.bytes.data(), buffer.bytes.size());
        port.Submit(receive->Entry(WSKSHIM_RECEIVE_FROM, socket));
        memset((void*)&receive->message, 0xEE, sizeof receive->message);
        memset((void*)&receive->piece, 0xEE, sizeof receive->piece);
    }
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "late"));
    wskshim_completion completion = port.WaitOne();
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ("late", buffer.Text(completion));
}

TEST_F(MessageTest, WhatThisVersionCantDoIsRefused)
{
    Port port;
    uint64_t socket = port.Datagram();
    char byte = 0;
    auto refused = [&](uint16_t opcode, void (*change)(wskshim_message*)) {
        Message message(&byte, 1);
        message.message.address = Loopback(WSKB_AF_INET, 9);
        change(&message.message);
        EXPECT_STATUS(WSKSHIM_STATUS_NOT_SUPPORTED, Finish(port, message.Entry(opcode, socket)).status)
            << opcode;
    };
    static WSKB_CONTROL_INFO control = {};
    for (uint16_t opcode = 0; opcode < WSKSHIM_OPCODES; opcode++) {
        if (opcode != WSKSHIM_SEND_TO && opcode != WSKSHIM_SEND_MESSAGES) {
            refused(opcode, [](wskshim_message* message) {
                message->control = U(&control);
                message->control_length = sizeof control;
            });
        }
    }
    for (uint16_t opcode : {WSKSHIM_SEND_TO, WSKSHIM_RECEIVE_FROM, WSKSHIM_SEND, WSKSHIM_RECEIVE}) {
        refused(opcode, [](wskshim_message* message) { message->payload_count = 0; });
    }
    for (uint16_t opcode : {WSKSHIM_NOP, WSKSHIM_ACCEPT}) {
        refused(opcode, [](wskshim_message*) {});
    }
    refused(WSKSHIM_NOP, [](wskshim_message* message) { message->payload_count = 0; });
}

TEST_F(MessageTest, WhatMakesNoSenseIsRefused)
{
    Port port;
    uint64_t socket = port.Datagram();
    char byte = 0;
    Message message(&byte, 1);
    message.message.address = Loopback(WSKB_AF_INET, 9);
    const wskshim_submission right = message.Entry(WSKSHIM_SEND_TO, socket);
    EXPECT_STATUS(0, Finish(port, right).status);
    auto refused = [&](const wskshim_submission& entry) {
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, entry).status);
    };
    for (uint32_t length : {0u, 1u, 63u, 65u, 0xFFFFFFFFu}) {
        wskshim_submission entry = right;
        entry.length = length;
        refused(entry);
    }
    wskshim_submission entry = right;
    entry.buffer = 0;
    refused(entry);
    entry = right;
    entry.address = Loopback(WSKB_AF_INET, 9);
    refused(entry);
    entry = right;
    entry.opcode = WSKSHIM_OPCODES;
    refused(entry);
    entry = right;
    entry.modifiers |= 0x8000;
    refused(entry);
    entry = right;
    entry.flags = 2; /* the driver's to refuse */
    refused(entry);

    message.piece.reserved = 1;
    refused(right);
    message.piece.reserved = 0;
    message.piece.address = 0;
    refused(right);
    message.piece.address = U(&byte);
    message.message.reserved = 1;
    refused(right);
    message.message.reserved = 0;
    for (uint32_t length : {1u, (uint32_t)sizeof(WSKB_CONTROL_INFO), 0xFFFFFFFFu}) {
        message.message.control_length = length;
        refused(right);
    }
    WSKB_CONTROL_INFO control = {};
    message.message.control = U(&control);
    for (uint32_t length : {0u, 1u, (uint32_t)sizeof control - 1, (uint32_t)sizeof control + 1}) {
        message.message.control_length = length;
        refused(right);
    }
    message.message.control_length = 0;
    message.message.control = 0;
    message.message.deadline = 0x100000000;
    refused(right);
    message.message.deadline = 0;
    message.message.payload = 0;
    refused(right);
    message.message.payload = U(&message.piece);
    EXPECT_STATUS(0, Finish(port, right).status);
}

/* ---- several pieces ---------------------------------------------------------------------------------- */

namespace {

/* A message whose pieces are the given ranges of one text, which is filled or sent. */
struct Pieces {
    std::string text;
    std::vector<wskshim_buffer> pieces;
    wskshim_message message = {};

    Pieces(const std::string& bytes, const std::vector<std::pair<uint32_t, uint32_t>>& ranges) : text(bytes)
    {
        for (const auto& range : ranges) {
            pieces.push_back({U(text.data()) + range.first, range.second, 0});
        }
        message.payload = U(pieces.data());
        message.payload_count = (uint32_t)pieces.size();
    }
    Pieces(const Pieces&) = delete;
    Pieces& operator=(const Pieces&) = delete;

    wskshim_submission Entry(uint16_t opcode, uint64_t socket, uint32_t flags = 0) const
    {
        wskshim_submission entry;
        wskshim_prepare_message(&entry, opcode, socket, &message, flags, 7);
        return entry;
    }
};

} // namespace

TEST_F(MessageTest, PiecesGoOutAsOne)
{
    Port port;
    peer::Tcp other;
    peer::Udp udp;
    uint64_t connection = port.Connected(&other);
    Pieces apart("0123456789", {{5, 3}, {0, 2}, {9, 0}, {8, 1}});
    Pieces together("0123456789", {{2, 3}, {5, 0}, {5, 4}});
    wskshim_completion sent = Finish(port, apart.Entry(WSKSHIM_SEND, connection));
    EXPECT_STATUS(0, sent.status);
    EXPECT_EQ(6u, sent.bytes);
    EXPECT_EQ(7u, Finish(port, together.Entry(WSKSHIM_SEND, connection)).bytes);
    EXPECT_EQ("567018"
              "2345678",
              other.ReceiveText(13));

    uint64_t datagrams = port.Datagram();
    apart.message.address = together.message.address = Loopback(WSKB_AF_INET, udp.Port());
    EXPECT_EQ(6u, Finish(port, apart.Entry(WSKSHIM_SEND_TO, datagrams)).bytes);
    EXPECT_EQ(7u, Finish(port, together.Entry(WSKSHIM_SEND_TO, datagrams)).bytes);
    EXPECT_EQ("567018", udp.ReceiveText());
    EXPECT_EQ("2345678", udp.ReceiveText());
}

TEST_F(MessageTest, PiecesAreFilledOneAfterTheOther)
{
    Port port;
    peer::Tcp other;
    uint64_t connection = port.Connected(&other);
    Pieces apart("..........", {{5, 3}, {0, 2}, {9, 0}, {8, 1}});
    for (const auto& [bytes, filled] : std::vector<std::pair<std::string, std::string>>{
             {"a", ".....a...."}, {"abcd", "d....abc.."}, {"abcdef", "de...abcf."}}) {
        apart.text.assign(10, '.');
        ASSERT_TRUE(other.SendAll(bytes));
        wskshim_completion completion =
            Finish(port, apart.Entry(WSKSHIM_RECEIVE, connection,
                                     bytes.size() == 6 ? (uint32_t)WSKB_RECEIVE_WAITALL : 0));
        EXPECT_STATUS(0, completion.status);
        EXPECT_EQ(bytes.size(), completion.bytes);
        EXPECT_EQ(filled, apart.text);
    }
}

/* The prefix is taken from the pieces' bytes as from one buffer. */
TEST_F(MessageTest, ADatagramFillsPieces)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    Pieces apart(std::string(200, '.'), {{100, 50}, {0, 20}, {180, 20}});
    ASSERT_TRUE(other.SendTo(LocalPort(socket), "0123456789"));
    wskshim_completion completion = Finish(port, apart.Entry(WSKSHIM_RECEIVE_FROM, socket));
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(10u, completion.bytes);
    EXPECT_EQ("012345", apart.text.substr(14, 6));
    EXPECT_EQ("6789.", apart.text.substr(180, 5));
    ASSERT_TRUE(other.SendTo(LocalPort(socket), std::string(100, 'x')));
    completion = Finish(port, apart.Entry(WSKSHIM_RECEIVE_FROM, socket));
    EXPECT_STATUS(WSKSHIM_STATUS_BUFFER_OVERFLOW, completion.status);
    EXPECT_EQ(26u, completion.bytes);
    EXPECT_EQ(std::string(20, 'x'), apart.text.substr(180));
}

TEST_F(MessageTest, PiecesThatMakeNoSenseAreRefused)
{
    Port port;
    peer::Tcp other;
    uint64_t connection = port.Connected(&other);
    Pieces apart("0123456789", {{5, 3}, {0, 2}});
    auto refused = [&](int32_t status) {
        EXPECT_STATUS(status, Finish(port, apart.Entry(WSKSHIM_SEND, connection)).status);
        EXPECT_STATUS(status, Finish(port, apart.Entry(WSKSHIM_RECEIVE, connection)).status);
    };
    for (uint32_t count : {WSKSHIM_MAXIMUM_PIECES + 1u, 0xFFFFFFFFu}) {
        apart.message.payload_count = count;
        refused(WSKSHIM_STATUS_INVALID_PARAMETER);
    }
    apart.message.payload_count = 2;
    apart.pieces[1].reserved = 1;
    refused(WSKSHIM_STATUS_INVALID_PARAMETER);
    apart.pieces[1].reserved = 0;
    uint64_t address = apart.pieces[1].address;
    apart.pieces[1].address = 0;
    refused(WSKSHIM_STATUS_INVALID_PARAMETER);
    apart.pieces[1].address = address;
    apart.pieces[0].length = apart.pieces[1].length = 0xFFFFFFFF;
    refused(WSKSHIM_STATUS_INVALID_PARAMETER);
    apart.pieces[0].length = 1;
    apart.pieces[1].length = WSKB_MAXIMUM_TRANSFER + 64;
    refused(WSKSHIM_STATUS_INVALID_BUFFER_SIZE);
    apart.pieces[0].length = apart.pieces[1].length = 0;
    refused(WSKSHIM_STATUS_INVALID_PARAMETER); /* a stream has no empty transfers */
    apart.pieces[0].length = 1;
    EXPECT_STATUS(0, Finish(port, apart.Entry(WSKSHIM_SEND, connection)).status);
    EXPECT_EQ("5", other.ReceiveText(1));
}

/* Cancelled, or left when the socket and the port are closed: the memory of the library is given back, which
 * the sanitizers check, and the pieces stay as they were. */
TEST_F(MessageTest, PiecesOfWhatIsCancelledStayAsTheyWere)
{
    Port port;
    peer::Tcp other;
    uint64_t connection = port.Connected(&other);
    Pieces cancelled("0123456789", {{5, 3}, {0, 2}});
    Pieces closed("0123456789", {{5, 3}, {0, 2}});
    uint64_t token = 0;
    port.Submit(cancelled.Entry(WSKSHIM_RECEIVE, connection), &token);
    EXPECT_STATUS(0, wskshim_cancel(port.Token(), token));
    EXPECT_STATUS(WSKSHIM_STATUS_CANCELLED, port.WaitOne().status);
    port.Submit(closed.Entry(WSKSHIM_RECEIVE, connection));
    EXPECT_STATUS(0, port.Close());
    EXPECT_EQ("0123456789", cancelled.text);
    EXPECT_EQ("0123456789", closed.text);
}

/* The last data of a stream, and a receive without a buffer. */
TEST_F(MessageTest, BothEndsOfAStream)
{
    Port port;
    peer::Tcp other;
    uint64_t connection = port.Connected(&other);
    Pieces last("0123456789", {{5, 3}, {0, 2}});
    wskshim_completion completion = Finish(port, last.Entry(WSKSHIM_DISCONNECT, connection));
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(5u, completion.bytes);
    EXPECT_EQ("56701", other.ReceiveText(5));
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
    Pieces nothing("", {});
    nothing.message.payload = 0;
    port.Submit(nothing.Entry(WSKSHIM_RECEIVE, connection, WSKB_RECEIVE_DRAIN));
    ASSERT_TRUE(other.SendAll("dropped"));
    other.ShutdownSend();
    completion = port.WaitOne();
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(0u, completion.bytes);

    uint64_t plain = port.Connected(&other);
    wskshim_submission entry;
    char text[] = "plain";
    wskshim_prepare_disconnect(&entry, plain, 0, 7);
    wskshim_prepare_buffer(&entry, text, 5);
    EXPECT_EQ(5u, Finish(port, entry).bytes);
    EXPECT_EQ("plain", other.ReceiveText(5));
}

/* ---- deadlines --------------------------------------------------------------------------------------- */

TEST_F(MessageTest, WhatIsNotOverAtItsDeadlineTimesOut)
{
    Port port;
    peer::TcpListener full(4, 0);
    peer::Tcp other;
    full.Fill();
    char room[100];
    DatagramBuffer buffer;
    uint64_t connection = port.Connected(&other);
    Message datagram(buffer.bytes.data(), buffer.bytes.size());
    Message data(room, sizeof room);
    Message connect(nullptr, 0);
    Message accept(nullptr, 0);
    connect.message.payload_count = accept.message.payload_count = 0;
    connect.message.address = Loopback(WSKB_AF_INET, full.Port());
    struct {
        const Message& message;
        uint16_t opcode;
        uint64_t socket;
    } cases[] = {
        {datagram, WSKSHIM_RECEIVE_FROM, port.Datagram()},
        {data, WSKSHIM_RECEIVE, connection},
        {connect, WSKSHIM_CONNECT, port.Socket(WSKB_CATEGORY_CONNECTION)},
        {accept, WSKSHIM_ACCEPT, port.Socket(WSKB_CATEGORY_LISTEN)},
    };
    for (const auto& entry : cases) {
        const_cast<Message&>(entry.message).message.deadline = 30;
        EXPECT_STATUS(kIoTimeout, Finish(port, entry.message.Entry(entry.opcode, entry.socket)).status)
            << entry.opcode;
    }
    ASSERT_TRUE(other.SendAll("in time"));
    data.message.deadline = 20000;
    EXPECT_EQ(7u, Finish(port, data.Entry(WSKSHIM_RECEIVE, connection)).bytes);
    Message disconnect(nullptr, 0);
    disconnect.message.payload_count = 0;
    disconnect.message.deadline = 20000;
    EXPECT_STATUS(0, Finish(port, disconnect.Entry(WSKSHIM_DISCONNECT, connection)).status);
    EXPECT_EQ(peer::End::Eof, other.AwaitEnd());
}

/* ---- control information ----------------------------------------------------------------------------- */

TEST_F(MessageTest, ControlInformationBothWays)
{
    Port port;
    uint64_t sender = port.Datagram();
    uint64_t receiver = port.Datagram();
    struct {
        WSKB_OPTION header;
        uint32_t value;
    } option = {{sizeof option, WSKB_OPTION_RECEIVE_TRAFFIC_CLASS, sizeof option.value, 0}, 1};
    ASSERT_STATUS(
        0, wskshim_control(receiver, (uint32_t)IOCTL_WSKB_SET_OPTION, U(&option), sizeof option, 0, 0, 0));
    WSKB_CONTROL_INFO info = {};
    info.Size = sizeof info;
    info.Present = WSKB_CONTROL_TRAFFIC_CLASS;
    info.TrafficClass = 0x48;
    char text[] = "told";
    Message send(text, 4);
    send.message.address = Loopback(WSKB_AF_INET, LocalPort(receiver));
    send.message.control = U(&info);
    send.message.control_length = sizeof info;
    wskshim_completion sent = Finish(port, send.Entry(WSKSHIM_SEND_TO, sender));
    EXPECT_STATUS(0, sent.status);
    EXPECT_EQ(4u, sent.bytes);

    std::vector<uint8_t> buffer(sizeof(WSKB_DATAGRAM) + sizeof(WSKB_CONTROL_INFO) + 100);
    wskshim_submission entry;
    wskshim_prepare_receive_from(&entry, receiver, buffer.data(), (uint32_t)buffer.size(), 7);
    entry.flags = WSKB_RECEIVE_FROM_CONTROL;
    wskshim_completion received = Finish(port, entry);
    EXPECT_STATUS(0, received.status);
    EXPECT_EQ(4u, received.bytes);
    WSKB_CONTROL_INFO told;
    memcpy(&told, buffer.data() + sizeof(WSKB_DATAGRAM), sizeof told);
    EXPECT_EQ(WSKB_CONTROL_TRAFFIC_CLASS, told.Present);
    EXPECT_EQ(0x48u, told.TrafficClass);
    EXPECT_EQ(0, memcmp(buffer.data() + sizeof(WSKB_DATAGRAM) + sizeof told, "told", 4));

    info.TrafficClass = 256;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, send.Entry(WSKSHIM_SEND_TO, sender)).status);
    info.TrafficClass = 1;
    send.piece.reserved = 1;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, send.Entry(WSKSHIM_SEND_TO, sender)).status);
    send.piece.reserved = 0;
    send.piece.address = 0;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, send.Entry(WSKSHIM_SEND_TO, sender)).status);
    send.piece.length = 0;
    EXPECT_STATUS(0, Finish(port, send.Entry(WSKSHIM_SEND_TO, sender)).status) << "an empty datagram";
}

/* ---- SEND_MESSAGES ----------------------------------------------------------------------------------- */

namespace {

/* A batch of datagrams that follow one another in one text. */
struct Batch {
    std::string text;
    std::vector<wskshim_buffer> pieces;
    wskshim_message message = {};

    Batch(const std::string& joined, const std::vector<uint32_t>& lengths, uint16_t port) : text(joined)
    {
        uint64_t at = U(text.data());
        for (uint32_t length : lengths) {
            pieces.push_back({at, length, 0});
            at += length;
        }
        message.payload = U(pieces.data());
        message.payload_count = (uint32_t)pieces.size();
        message.address = Loopback(WSKB_AF_INET, port);
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

    wskshim_submission Entry(uint64_t socket) const
    {
        wskshim_submission entry;
        wskshim_prepare_message(&entry, WSKSHIM_SEND_MESSAGES, socket, &message, 0, 7);
        return entry;
    }
};

} // namespace

TEST_F(MessageTest, EachPieceIsADatagram)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    Batch batch("onetwo!", {3, 0, 3, 1}, other.Port());
    wskshim_completion completion = Finish(port, batch.Entry(socket));
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(7u, completion.bytes);
    for (const char* text : {"one", "", "two", "!"}) {
        EXPECT_EQ(text, other.ReceiveText());
    }
}

TEST_F(MessageTest, ABatchThatMakesNoSenseIsRefused)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    Batch batch("onetwo!", {3, 3, 1}, other.Port());
    batch.pieces[1].address++;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, batch.Entry(socket)).status);
    batch.pieces[1].address--;
    batch.pieces[1].reserved = 1;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, batch.Entry(socket)).status);
    batch.pieces[1].reserved = 0;
    for (uint32_t count : {0u, WSKB_MAXIMUM_MESSAGES + 1u, 0xFFFFFFFFu}) {
        batch.message.payload_count = count;
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, batch.Entry(socket)).status) << count;
    }
    batch.message.payload_count = 3;
    wskshim_submission plain;
    wskshim_prepare(&plain, WSKSHIM_SEND_MESSAGES, socket, 7);
    wskshim_prepare_buffer(&plain, "x", 1);
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, plain).status);
    batch.message.deadline = 0x100000000;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, batch.Entry(socket)).status);
    batch.message.deadline = 0xFFFFFFFF;
    EXPECT_STATUS(0, Finish(port, batch.Entry(socket)).status);
    EXPECT_EQ("one", other.ReceiveText());
}

TEST_F(MessageTest, ABatchHasControlInformation)
{
    Port port;
    peer::Udp other;
    uint64_t socket = port.Datagram();
    Batch batch("onetwo!", {6, 1}, other.Port());
    WSKB_CONTROL_INFO info = {};
    info.Size = sizeof info;
    info.Present = WSKB_CONTROL_SEGMENT_SIZE;
    info.SegmentSize = 3;
    batch.message.control = U(&info);
    batch.message.control_length = sizeof info;
    wskshim_completion completion = Finish(port, batch.Entry(socket));
    EXPECT_STATUS(0, completion.status);
    EXPECT_EQ(7u, completion.bytes);
    for (const char* text : {"one", "two", "!"}) {
        EXPECT_EQ(text, other.ReceiveText());
    }
    info.Present = 0x80000000;
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, Finish(port, batch.Entry(socket)).status);
}
