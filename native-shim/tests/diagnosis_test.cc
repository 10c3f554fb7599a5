/* SPDX-License-Identifier: Apache-2.0
 *
 * Control requests, error texts, the layout of the structures, and injected faults.
 */
#include "support.h"

#include <algorithm>
#include <map>
#include <sstream>

class DiagnosisTest : public ShimTest {};

namespace {

std::string Text(int32_t (*function)(uint64_t, int32_t))
{
    int32_t length = function(U(""), 0);
    EXPECT_GT(length, 0);
    std::string text((size_t)length + 1, 'x');
    EXPECT_EQ(length, function(U(&text[0]), length + 1));
    EXPECT_EQ('\0', text[(size_t)length]);
    text.resize((size_t)length);
    return text;
}

std::map<std::string, std::string> Lines(const std::string& text)
{
    std::map<std::string, std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        size_t at = line.find('=');
        EXPECT_NE(std::string::npos, at) << line;
        EXPECT_TRUE(lines.emplace(line.substr(0, at), line.substr(at + 1)).second) << line;
    }
    return lines;
}

} // namespace

TEST_F(DiagnosisTest, ControlRequestsAnswer)
{
    Port port;
    uint64_t socket = port.Open();
    WSKB_VERSION_REQUEST in = {sizeof in, WSKB_MAGIC, WSKB_VERSION_MAJOR, 0};
    WSKB_VERSION out = {};
    uint32_t returned = 0;
    EXPECT_STATUS(0, wskshim_control(socket, IOCTL_WSKB_GET_VERSION, U(&in), sizeof in, U(&out), sizeof out,
                                     U(&returned)));
    EXPECT_EQ(sizeof out, returned);
    EXPECT_EQ(WSKB_MAGIC, out.Magic);
    returned = 99;
    EXPECT_STATUS(kInfoLengthMismatch, wskshim_control(socket, IOCTL_WSKB_GET_VERSION, U(&in), 3, U(&out),
                                                       sizeof out, U(&returned)));
    EXPECT_EQ(0u, returned);
    EXPECT_NE(std::string::npos, LastError().find("0x"));
    EXPECT_STATUS(kInvalidDeviceState, Bind(socket, Loopback(WSKB_AF_INET, 0)));
    EXPECT_TRUE(port.Empty());
}

TEST_F(DiagnosisTest, LastErrorBelongsToTheThread)
{
    wskshim_port_close(0x1234);
    EXPECT_NE(std::string::npos, LastError().find("1234"));
    std::thread([] {
        EXPECT_EQ("", LastError());
        wskshim_socket_close(0xABCD);
        EXPECT_NE(std::string::npos, LastError().find("abcd"));
    }).join();
    EXPECT_NE(std::string::npos, LastError().find("1234"));
}

TEST_F(DiagnosisTest, TextsAreCutToTheRoomThereIs)
{
    std::vector<int32_t (*)(uint64_t, int32_t)> functions = {wskshim_describe, wskshim_layout};
    if (kEmbedded) {
        functions.push_back(wskshim_embedded_accounting);
    }
    for (auto function : functions) {
        std::string whole = Text(function);
        for (int32_t room : {1, 2, 5, 17, 100}) {
            char text[128];
            memset(text, 'x', sizeof text);
            EXPECT_EQ((int32_t)whole.size(), function(U(text), room));
            int32_t shown = std::min(room - 1, (int32_t)whole.size());
            EXPECT_EQ(whole.substr(0, (size_t)shown), std::string(text));
            EXPECT_EQ('x', text[room]);
        }
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, function(0, 10));
        char text[1];
        EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, function(U(text), -1));
    }
}

TEST_F(DiagnosisTest, DescribeTellsWhatThisIs)
{
    auto lines = Lines(Text(wskshim_describe));
    EXPECT_EQ(kEmbedded ? "embedded" : "device", lines["transport"]);
    EXPECT_EQ(std::to_string(WSKSHIM_ABI_VERSION), lines["abi"]);
    EXPECT_EQ(std::to_string(WSKB_VERSION_MAJOR) + "." + std::to_string(WSKB_VERSION_MINOR),
              lines["protocol"]);
    EXPECT_FALSE(lines["version"].empty());
}

/* The library's layout agrees with this program's compiler, and is complete. */
TEST_F(DiagnosisTest, LayoutsAgree)
{
    auto lines = Lines(Text(wskshim_layout));
    std::map<std::string, std::string> expected;
    auto add = [&](const std::string& name, std::initializer_list<uint64_t> numbers) {
        std::string text;
        for (uint64_t number : numbers) {
            text += (text.empty() ? "" : ":") + std::to_string(number);
        }
        EXPECT_TRUE(expected.emplace(name, text).second) << name;
    };
#define ADD_FIELD(type, field) add(#type "." #field, {offsetof(type, field), sizeof(((type*)0)->field)});
#define ADD_STRUCTURE(type, size, fields)                                                                    \
    add(#type, {size});                                                                                      \
    fields(ADD_FIELD, type)
    WSKSHIM_STRUCTURES(ADD_STRUCTURE)
    WSKB_STRUCTURES(ADD_STRUCTURE)
    WSKB_SOCKADDR_V4_FIELDS(ADD_FIELD, WSKB_SOCKADDR)
#define ADD_CODE(name, function, method, access, in, out)                                                    \
    add("code.IOCTL_WSKB_" #name, {IOCTL_WSKB_##name, WSKB_SIZE_OF(in), WSKB_SIZE_OF(out)});
    WSKB_CONTROL_CODES(ADD_CODE)
#define ADD_OPTION(name, number, type) add("option." #name, {number, sizeof(type)});
    WSKB_OPTIONS(ADD_OPTION)
#define ADD_GATE(name, number, major, minor, build, product)                                                 \
    add("gate." #name, {major, minor, build});                                                               \
    expected["gate." #name] += ":" product;
    WSKB_GATES(ADD_GATE)
#define ADD_CONSTANT(name, value) add("constant." #name, {value});
    WSKB_CONSTANTS(ADD_CONSTANT)
    WSKSHIM_CONSTANTS(ADD_CONSTANT)
#define ADD_OPCODE(name, number, ...) add("constant." #name, {number});
    WSKSHIM_OPERATIONS(ADD_OPCODE)
    EXPECT_EQ(expected, lines);
    /* Fields of a structure lie within it and don't overlap. */
    std::map<std::string, std::map<unsigned, unsigned>> fields;
    for (const auto& line : lines) {
        size_t dot = line.first.find('.');
        if (lines.count(line.first.substr(0, dot)) != 0 && dot != std::string::npos &&
            line.first.find('.', dot + 1) == std::string::npos) {
            unsigned offset = 0;
            unsigned size = 0;
            ASSERT_EQ(2, sscanf(line.second.c_str(), "%u:%u", &offset, &size)) << line.first;
            EXPECT_TRUE(fields[line.first.substr(0, dot)].emplace(offset, size).second) << line.first;
        }
    }
    for (const auto& structure : fields) {
        unsigned end = 0;
        for (const auto& field : structure.second) {
            EXPECT_GE(field.first, end) << structure.first;
            end = field.first + field.second;
        }
        EXPECT_LE(end, (unsigned)std::stoul(lines[structure.first])) << structure.first;
    }
}

/* ---- faults ------------------------------------------------------------------------------------------ */

TEST_F(DiagnosisTest, WithoutTheDriverThereIsNoPort)
{
    HideDriver(true);
    EXPECT_STATUS(kObjectNameNotFound, wskshim_port_open(WSKSHIM_ABI_VERSION));
    EXPECT_NE("", LastError());
    HideDriver(false);
    Port port;
}

TEST_F(DiagnosisTest, PlainUsersGetNoPort)
{
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_ACCESS_DENIED, 1, 0));
    EXPECT_STATUS(kAccessDenied, wskshim_port_open(WSKSHIM_ABI_VERSION));
    EXPECT_NE("", LastError());
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_ACCESS_DENIED, 0, 0));
    Port port;
}

TEST_F(DiagnosisTest, ADriverOfAnotherMajorVersionIsRefused)
{
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_CLIENT_VERSION, WSKB_VERSION_MAJOR + 1, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_REVISION_MISMATCH, wskshim_port_open(WSKSHIM_ABI_VERSION));
    EXPECT_NE(std::string::npos, LastError().find(std::to_string(WSKB_VERSION_MAJOR + 1) + ".0"));
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_CLIENT_VERSION, 0, 0));
    Port port;
}

TEST_F(DiagnosisTest, WithoutWskSocketsAreNotReady)
{
    /* Before the device is first opened, which is when the driver captures the provider. */
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_PROVIDER_GONE, 1, 0));
    Port port;
    uint64_t socket = port.Open();
    EXPECT_STATUS(kDeviceNotReady, Create(socket, WSKB_CATEGORY_DATAGRAM));
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_NONE, 0, 0));
    EXPECT_STATUS(0, Create(socket, WSKB_CATEGORY_DATAGRAM));
}

TEST_F(DiagnosisTest, AForcedCloseIsReported)
{
    Port port;
    uint64_t socket = port.Datagram();
    DatagramBuffer buffer;
    port.Submit(buffer.Receive(socket, 1));
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_FORCE_CLOSE, 0, 0));
    EXPECT_STATUS(kForcedClosed, port.WaitOne().status);
    port.Submit(buffer.Receive(socket, 1));
    EXPECT_STATUS(kForcedClosed, port.WaitOne().status);
}

TEST_F(DiagnosisTest, AWskCallFailsOnOrder)
{
    Port port;
    uint64_t socket = port.Datagram();
    WSKB_SOCKADDR to = Loopback(WSKB_AF_INET, 9);
    wskshim_submission entry;
    wskshim_prepare_send_to(&entry, socket, "x", 1, &to, 0);
    ASSERT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_WSK_CALL, 2, (int32_t)0xC000023D));
    for (int32_t expected : {0, (int32_t)0xC000023D, 0}) {
        port.Submit(entry);
        EXPECT_STATUS(expected, port.WaitOne().status);
    }
}

TEST_F(DiagnosisTest, EachAllocationFailsOnce)
{
    int successes = 0;
    for (uint64_t nth = 1; successes < 5; nth++) {
        ASSERT_LT(nth, 1000u);
        wskshim_embedded_fault(WSKSHIM_FAULT_ALLOCATION, nth, 0);
        int64_t port = wskshim_port_open(WSKSHIM_ABI_VERSION);
        int64_t socket = port < 0 ? port : wskshim_socket_open((uint64_t)port);
        int32_t status = socket < 0 ? (int32_t)socket : Create((uint64_t)socket, WSKB_CATEGORY_DATAGRAM);
        if (status >= 0) {
            status = Bind((uint64_t)socket, Loopback(WSKB_AF_INET, 0));
        }
        if (status >= 0) {
            WSKB_SOCKADDR to = Loopback(WSKB_AF_INET, 9);
            DatagramBuffer buffer;
            wskshim_submission entries[2] = {buffer.Receive((uint64_t)socket, 1)};
            wskshim_prepare_send_to(&entries[1], (uint64_t)socket, "x", 1, &to, 2);
            EXPECT_EQ(2, wskshim_submit((uint64_t)port, U(entries), 0, 0, 2));
            EXPECT_STATUS(0, wskshim_socket_close((uint64_t)socket));
            for (int taken = 0; taken < 2;) {
                wskshim_completion completions[2];
                int32_t count = wskshim_wait((uint64_t)port, U(completions), 2, kPatience);
                ASSERT_GT(count, 0);
                for (int32_t i = 0; i < count; i++) {
                    bool expected = completions[i].status ==
                                    (completions[i].user_data == 1 ? WSKSHIM_STATUS_CANCELLED : 0);
                    status = expected ? status : completions[i].status;
                }
                taken += count;
            }
        }
        wskshim_embedded_fault(WSKSHIM_FAULT_NONE, 0, 0);
        EXPECT_TRUE(status == 0 || status == WSKSHIM_STATUS_INSUFFICIENT_RESOURCES || status == kNoMemory)
            << nth << " " << StatusName(status);
        successes = status == 0 ? successes + 1 : 0;
        if (port >= 0) {
            EXPECT_STATUS(0, wskshim_port_close((uint64_t)port));
        }
    }
}

/* An entry with an invalid socket fails at once, through the port. There is no memory for its packet, and a
 * thread is waiting already. */
TEST_F(DiagnosisTest, ACompletionWithoutMemoryComesAllTheSame)
{
    Port port;
    wskshim_completion completion = {};
    ThreadNumber number{0};
    std::atomic<int32_t> taken{-1};
    std::thread waiter([&] {
        number = OwnThreadNumber();
        taken = wskshim_wait(port.Token(), U(&completion), 1, -1);
    });
    EXPECT_TRUE(AwaitSleep(number));
    wskshim_submission entry;
    wskshim_prepare(&entry, WSKSHIM_NOP, 0, 7);
    EXPECT_STATUS(0, wskshim_embedded_fault(WSKSHIM_FAULT_ALLOCATION, 1, 0));
    port.Submit(entry);
    EXPECT_TRUE(Await([&] { return taken == 1; }));
    if (taken < 0) {
        wskshim_wake(port.Token());
    }
    waiter.join();
    EXPECT_EQ(7u, completion.user_data);
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_HANDLE, completion.status);
}

TEST_F(DiagnosisTest, OnlyTheEmbeddedDriverIsTraced)
{
    char text[16];
    if (!kEmbedded) {
        EXPECT_STATUS(WSKSHIM_STATUS_NOT_SUPPORTED, wskshim_embedded_trace(1));
        EXPECT_STATUS(WSKSHIM_STATUS_NOT_SUPPORTED, wskshim_embedded_trace_take(U(text), sizeof text, 0));
    }
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_embedded_trace_take(0, sizeof text, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_embedded_trace_take(U(text), -1, 0));
    EXPECT_STATUS(WSKSHIM_STATUS_INVALID_PARAMETER, wskshim_embedded_trace_take(U(text), sizeof text, -2));
}

TEST_F(DiagnosisTest, UnknownFaultsAreRefused)
{
    int32_t refusal = kEmbedded ? WSKSHIM_STATUS_INVALID_PARAMETER : WSKSHIM_STATUS_NOT_SUPPORTED;
#define NEXT(name, number) unknown = std::max<int32_t>(unknown, number + 1);
    int32_t unknown = 0;
    WSKSHIM_FAULTS(NEXT)
    EXPECT_STATUS(refusal, wskshim_embedded_fault(unknown, 0, 0));
    EXPECT_STATUS(refusal, wskshim_embedded_fault(-1, 0, 0));
}
