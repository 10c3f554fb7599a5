/* SPDX-License-Identifier: Apache-2.0
 *
 * Validation: any input other than what a control code expects is refused with a clear status, and the driver
 * keeps working.
 */
#include "support.h"

#include <algorithm>
#include <random>

class DoorTest : public DriverTest {};

namespace {

struct Code {
    const char* name;
    ULONG function;
    ULONG code;
    ULONG input;  /* size of its structure */
    ULONG output; /* size of what it returns, or of the prefix */
};

#define CODE(name, function, method, access, in, out)                                                        \
    {#name, function, IOCTL_WSKB_##name, WSKB_IN_##name, WSKB_OUT_##name},

const Code kCodes[] = {WSKB_CONTROL_CODES(CODE)};

/* The first function number after all defined ones. */
ULONG NextFunction()
{
    ULONG next = 0;
    for (const Code& code : kCodes) {
        next = std::max(next, code.function + 1);
    }
    return next;
}

/* Every flag that a code does not define. */
std::vector<ULONG> OtherFlags(ULONG known)
{
    std::vector<ULONG> others;
    for (ULONG bit = 0; bit < 32; bit++) {
        if ((known & 1u << bit) == 0) {
            others.push_back(1u << bit);
        }
    }
    return others;
}

/* One socket in each state that a handle can be in. */
struct Handles {
    peer::Tcp other;
    std::vector<File> files;

    Handles()
    {
        files.emplace_back();
        for (USHORT category : {WSKB_CATEGORY_DATAGRAM, WSKB_CATEGORY_CONNECTION, WSKB_CATEGORY_LISTEN}) {
            File open;
            EXPECT_STATUS(STATUS_SUCCESS, open.Create(category));
            files.push_back(std::move(open));
        }
        files.push_back(BoundDatagram());
        files.push_back(BoundConnection());
        files.push_back(Listener());
        files.push_back(Connected(&other));
    }
};

/* Sends the request and, if it pends, cancels it and waits. The driver must not change bytes outside the
 * output. */
NTSTATUS Try(const File& file, ULONG code, const std::vector<uint8_t>& in, size_t out_length)
{
    std::vector<uint8_t> out(out_length + 16, 0xEE);
    std::vector<uint8_t> exact(in); /* exactly this long, for sanitizers */
    Request request;
    NTSTATUS status = request.Start(file, code, exact.data(), (ULONG)exact.size(),
                                    out_length == 0 ? nullptr : out.data(), (ULONG)out_length);
    if (status == STATUS_PENDING && !request.Done(0)) {
        request.Cancel();
    }
    status = request.Wait();
    EXPECT_LE(request.Information(), out_length + in.size());
    for (size_t i = out_length; i < out.size(); i++) {
        EXPECT_EQ(0xEE, out[i]);
    }
    return status;
}

std::vector<uint8_t> Sized(ULONG length, ULONG size)
{
    std::vector<uint8_t> in(length);
    for (size_t i = 0; i < length && i < sizeof size; i++) {
        in[i] = (uint8_t)(size >> 8 * i);
    }
    return in;
}

void ExpectDriverWorks()
{
    peer::Udp other;
    File file = BoundDatagram();
    ASSERT_STATUS(STATUS_SUCCESS, file.SendTo(Loopback(WSKB_AF_INET, other.Port()), "still here"));
    EXPECT_EQ("still here", other.ReceiveText());
}

} // namespace

TEST_F(DoorTest, EveryTruncatedInputIsRefused)
{
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            for (ULONG length = 0; length < code.input; length++) {
                EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH,
                              Try(file, code.code, Sized(length, code.input), 128))
                    << code.name << " " << length;
            }
        }
    }
    ExpectDriverWorks();
}

TEST_F(DoorTest, SizeFieldsThatLieAreRefused)
{
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            if (code.input == 0) {
                continue;
            }
            for (ULONG size :
                 {0u, 1u, code.input - 1, code.input + 1, 0x7FFFFFFFu, 0x80000000u, 0xFFFFFFFFu}) {
                EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, Try(file, code.code, Sized(code.input, size), 128))
                    << code.name << " " << size;
            }
        }
    }
}

TEST_F(DoorTest, ShortOutputsAreRefused)
{
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            for (ULONG length = 0; length < code.output; length++) {
                EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL,
                              Try(file, code.code, Sized(code.input, code.input), length))
                    << code.name << " " << length;
            }
        }
    }
}

TEST_F(DoorTest, UnknownCodesAreRefused)
{
    Handles handles;
    for (const File& file : handles.files) {
        for (ULONG function :
             {0x000u, 0x001u, WSKB_FIRST_FUNCTION - 1, NextFunction(), NextFunction() + 1, 0x900u, 0xFFFu}) {
            for (ULONG method : {METHOD_BUFFERED, METHOD_IN_DIRECT, METHOD_OUT_DIRECT, METHOD_NEITHER}) {
                ULONG code =
                    CTL_CODE(WSKB_DEVICE_TYPE, function, method, FILE_READ_ACCESS | FILE_WRITE_ACCESS);
                EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, Try(file, code, Pattern(64, 1), 64)) << code;
            }
        }
    }
}

/* Known functions with another method, access or device type are unknown codes. */
TEST_F(DoorTest, AlteredCodesAreRefused)
{
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            for (ULONG bit : {0u, 1u, 14u, 15u, 16u, 20u, 31u}) {
                ULONG altered = code.code ^ (1u << bit);
                EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST, Try(file, altered, Sized(64, code.input), 64))
                    << altered;
            }
        }
    }
}

/* Valid requests on a handle of the wrong state or category. */
TEST_F(DoorTest, FreshHandlesRefuseWhatNeedsASocket)
{
    File fresh;
    for (const Code& code : kCodes) {
        if (code.code == IOCTL_WSKB_GET_VERSION || code.code == IOCTL_WSKB_NOP ||
            code.code == IOCTL_WSKB_GET_STATISTICS || code.code == IOCTL_WSKB_CREATE ||
            code.code == IOCTL_WSKB_ATTACH || code.code == IOCTL_WSKB_GET_TRANSPORTS) {
            continue;
        }
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, Try(fresh, code.code, Sized(code.input, code.input), 128))
            << code.name;
    }
}

TEST_F(DoorTest, CategoriesRefuseTheCodesOfOthers)
{
    peer::Tcp other;
    File datagram = BoundDatagram();
    File connection = Connected(&other);
    File listener = Listener();
    struct {
        const File& file;
        std::vector<ULONG> foreign;
    } cases[] = {
        {datagram,
         {IOCTL_WSKB_CONNECT, IOCTL_WSKB_SEND, IOCTL_WSKB_RECEIVE, IOCTL_WSKB_DISCONNECT, IOCTL_WSKB_ACCEPT,
          IOCTL_WSKB_GET_REMOTE_ADDRESS}},
        {connection,
         {IOCTL_WSKB_SEND_TO, IOCTL_WSKB_RECEIVE_FROM, IOCTL_WSKB_ACCEPT, IOCTL_WSKB_SET_REMOTE_ADDRESS,
          IOCTL_WSKB_SET_SENDTO_ADDRESS}},
        {listener,
         {IOCTL_WSKB_SEND_TO, IOCTL_WSKB_RECEIVE_FROM, IOCTL_WSKB_CONNECT, IOCTL_WSKB_SEND,
          IOCTL_WSKB_RECEIVE, IOCTL_WSKB_DISCONNECT, IOCTL_WSKB_GET_REMOTE_ADDRESS,
          IOCTL_WSKB_SET_REMOTE_ADDRESS, IOCTL_WSKB_SET_SENDTO_ADDRESS}},
    };
    for (const auto& entry : cases) {
        for (ULONG code : entry.foreign) {
            for (const Code& known : kCodes) {
                if (known.code == code) {
                    EXPECT_STATUS(STATUS_INVALID_DEVICE_REQUEST,
                                  Try(entry.file, code, Sized(known.input, known.input), 128))
                        << known.name;
                }
            }
        }
    }
}

TEST_F(DoorTest, StatesRefuseWhatComesTooEarlyOrTooLate)
{
    peer::Tcp other;
    char byte = 0;
    ULONG_PTR count;
    WSKB_SOCKADDR address;
    WSKB_ACCEPTED accepted;
    File open;
    ASSERT_STATUS(STATUS_SUCCESS, open.Create(WSKB_CATEGORY_DATAGRAM));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, open.SendTo(Loopback(WSKB_AF_INET, 9), "x"));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, open.LocalAddress(&address));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  open.SetAddress(IOCTL_WSKB_SET_REMOTE_ADDRESS, Loopback(WSKB_AF_INET, 9)));
    {
        Datagram early;
        early.Start(open);
        EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, early.Wait());
    }

    File unbound;
    ASSERT_STATUS(STATUS_SUCCESS, unbound.Create(WSKB_CATEGORY_CONNECTION));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, unbound.Connect(Loopback(WSKB_AF_INET, 9)));
    File bound = BoundConnection();
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, bound.Send(&byte, 1));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, bound.Receive(&byte, 1, &count));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, bound.Disconnect());
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, bound.RemoteAddress(&address));
    File connected = Connected(&other);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, connected.Connect(Loopback(WSKB_AF_INET, 9)));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, connected.Bind(Loopback(WSKB_AF_INET, 0)));

    File deaf;
    ASSERT_STATUS(STATUS_SUCCESS, deaf.Create(WSKB_CATEGORY_LISTEN));
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE, deaf.Accept(&accepted));
}

TEST_F(DoorTest, FlagsThatDontExistAreRefused)
{
    peer::Tcp other;
    char byte = 0;
    ULONG_PTR count;
    File connected = Connected(&other);
    for (ULONG flag : OtherFlags(WSKB_ALL(WSKB_SEND_FLAGS))) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, connected.Send(&byte, 1, nullptr, flag)) << flag;
    }
    for (ULONG flag : OtherFlags(WSKB_ALL(WSKB_RECEIVE_FLAGS))) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, connected.Receive(&byte, 1, &count, flag)) << flag;
    }
    for (ULONG flag : OtherFlags(WSKB_ALL(WSKB_DISCONNECT_FLAGS))) {
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, connected.Disconnect(flag)) << flag;
    }

    File datagram = BoundDatagram();
    for (ULONG flag : OtherFlags(WSKB_ALL(WSKB_SEND_TO_FLAGS))) {
        WSKB_SEND_TO send = {sizeof send, flag, 0, Loopback(WSKB_AF_INET, 9)};
        EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                      datagram.Control(IOCTL_WSKB_SEND_TO, &send, sizeof send, &byte, 1))
            << flag;
    }
    for (ULONG flag : OtherFlags(WSKB_ALL(WSKB_RECEIVE_FROM_FLAGS))) {
        WSKB_TRANSFER receive = {sizeof receive, flag, 0};
        WSKB_DATAGRAM prefix;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, datagram.Control(IOCTL_WSKB_RECEIVE_FROM, &receive,
                                                                 sizeof receive, &prefix, sizeof prefix))
            << flag;
    }
    File listener = Listener();
    WSKB_TRANSFER transfer = {sizeof transfer, 1, 0};
    WSKB_ACCEPTED accepted;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, listener.Control(IOCTL_WSKB_ACCEPT, &transfer, sizeof transfer,
                                                             &accepted, sizeof accepted));
}

TEST_F(DoorTest, GarbageOfEveryLengthInEveryStateDoesNoHarm)
{
    std::mt19937 random(20240229);
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            for (ULONG length = 0; length <= 128; length++) {
                std::vector<uint8_t> in(length);
                for (auto& byte : in) {
                    byte = (uint8_t)random();
                }
                EXPECT_FALSE(NT_SUCCESS(Try(file, code.code, in, random() % 129)) && code.input != 0)
                    << code.name << " " << length;
            }
        }
    }
    ExpectDriverWorks();
}

/* The size is right and the rest is garbage, except the family: a random one could be valid, and then packets
 * to random addresses would leave the machine. */
TEST_F(DoorTest, GarbageBehindARightSizeDoesNoHarm)
{
    std::mt19937 random(4711);
    Handles handles;
    for (const File& file : handles.files) {
        for (const Code& code : kCodes) {
            for (ULONG length = code.input; code.input != 0 && length <= 128; length++) {
                std::vector<uint8_t> in =
                    Sized(length, code.input + (ULONG)(random() % (length - code.input + 1)));
                for (size_t i = sizeof(ULONG); i < in.size(); i++) {
                    in[i] = (uint8_t)random();
                }
                if (code.input >= sizeof(WSKB_ADDRESS)) {
                    USHORT family = (USHORT)(random() | 0x8000);
                    bool waits = code.code == IOCTL_WSKB_SEND_TO || code.code == IOCTL_WSKB_SEND_MESSAGES ||
                                 code.code == IOCTL_WSKB_CONNECT;
                    memcpy(&in[waits ? 12 : 4], &family, sizeof family);
                }
                Try(file, code.code, in, random() % 129);
            }
        }
    }
    ExpectDriverWorks();
}
