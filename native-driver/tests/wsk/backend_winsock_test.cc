/* SPDX-License-Identifier: Apache-2.0
 *
 * The Winsock backend by itself: sockets against plain blocking ones, and edges. The other backend is
 * exercised by the provider's tests.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

extern "C" {
#include "backend.h"
}

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace wsk {

constexpr int Patience = 10000; /* milliseconds */

/* ---- peers ------------------------------------------------------------------------------------------- */

struct Address {
    sockaddr_storage Native = {};
    int Length = 0;

    static Address Loopback(int Family, uint16_t Port)
    {
        Address Result;
        if (Family == AF_INET6) {
            auto* V6 = reinterpret_cast<sockaddr_in6*>(&Result.Native);
            V6->sin6_family = AF_INET6;
            V6->sin6_port = htons(Port);
            V6->sin6_addr.s6_addr[15] = 1;
            Result.Length = sizeof(*V6);
        } else {
            auto* V4 = reinterpret_cast<sockaddr_in*>(&Result.Native);
            V4->sin_family = AF_INET;
            V4->sin_port = htons(Port);
            V4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            Result.Length = sizeof(*V4);
        }
        return Result;
    }
    const sockaddr* Get() const
    {
        return reinterpret_cast<const sockaddr*>(&Native);
    }
};

/* A blocking socket at a loopback port, that gives up after a while. */
class Peer {
  public:
    Peer(int Type, int Family = AF_INET, bool Bind = true) : Family_(Family)
    {
        DWORD Timeout = Patience;
        Socket_ = socket(Family, Type, 0);
        setsockopt(Socket_, SOL_SOCKET, SO_RCVTIMEO, reinterpret_cast<char*>(&Timeout), sizeof(Timeout));
        Address Local = Address::Loopback(Family, 0);
        if (Bind) {
            EXPECT_EQ(0, bind(Socket_, Local.Get(), Local.Length));
        }
        if (Bind && Type == SOCK_STREAM) {
            EXPECT_EQ(0, listen(Socket_, SOMAXCONN));
        }
    }
    explicit Peer(SOCKET Socket) : Socket_(Socket)
    {
    }
    Peer(Peer&& Other) noexcept : Socket_(Other.Socket_), Family_(Other.Family_)
    {
        Other.Socket_ = INVALID_SOCKET;
    }
    ~Peer()
    {
        Close();
    }
    uint16_t Port() const
    {
        sockaddr_in6 Name = {};
        int Length = sizeof(Name);
        EXPECT_EQ(0, getsockname(Socket_, reinterpret_cast<sockaddr*>(&Name), &Length));
        return ntohs(Name.sin6_port);
    }
    Peer Accept()
    {
        return Peer(accept(Socket_, nullptr, nullptr));
    }
    void Connect(uint16_t Port)
    {
        Address To = Address::Loopback(Family_, Port);
        EXPECT_EQ(0, connect(Socket_, To.Get(), To.Length)) << WSAGetLastError();
    }
    void SendTo(const std::string& Data, uint16_t Port)
    {
        Address To = Address::Loopback(Family_, Port);
        EXPECT_EQ(static_cast<int>(Data.size()),
                  sendto(Socket_, Data.data(), static_cast<int>(Data.size()), 0, To.Get(), To.Length))
            << WSAGetLastError();
    }
    void Send(const std::string& Data)
    {
        EXPECT_EQ(static_cast<int>(Data.size()),
                  send(Socket_, Data.data(), static_cast<int>(Data.size()), 0));
    }
    /* "<error>" when nothing came. */
    std::string Receive(size_t Size = 65536, uint16_t* From = nullptr)
    {
        std::string Data(Size, '\0');
        sockaddr_in6 Name = {};
        int Length = sizeof(Name);
        int Bytes = recvfrom(Socket_, &Data[0], static_cast<int>(Size), 0, reinterpret_cast<sockaddr*>(&Name),
                             &Length);
        if (Bytes < 0) {
            return "<" + std::to_string(WSAGetLastError()) + ">";
        }
        if (From != nullptr) {
            *From = ntohs(Name.sin6_port);
        }
        Data.resize(static_cast<size_t>(Bytes));
        return Data;
    }
    /* A receive may tell a reset as the end of the stream, see backend_winsock.c. */
    bool WasReset(int Milliseconds = Patience)
    {
        auto End = std::chrono::steady_clock::now() + std::chrono::milliseconds(Milliseconds);
        do {
            WSAPOLLFD Descriptor = {Socket_, 0, 0};
            if (WSAPoll(&Descriptor, 1, 0) > 0 && (Descriptor.revents & POLLERR)) {
                return true;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        } while (std::chrono::steady_clock::now() < End);
        return false;
    }
    void Shutdown()
    {
        EXPECT_EQ(0, shutdown(Socket_, SD_SEND));
    }
    void Reset()
    {
        linger Now = {1, 0};
        setsockopt(Socket_, SOL_SOCKET, SO_LINGER, reinterpret_cast<char*>(&Now), sizeof(Now));
        Close();
    }
    void Close()
    {
        if (Socket_ != INVALID_SOCKET) {
            closesocket(Socket_);
        }
        Socket_ = INVALID_SOCKET;
    }

  private:
    SOCKET Socket_;
    int Family_ = AF_INET;
};

/* ---- the backend's side ------------------------------------------------------------------------------ */

class Watcher;
static std::atomic<int> Quiescents{0};

/* A socket of the backend, and the events it got. */
class Watcher {
  public:
    explicit Watcher(BACKEND_KIND Kind, uint16_t Family = BACKEND_IPV4) : Family_(Family)
    {
        EXPECT_EQ(0, BackendCreate(Family, Kind, &Handle_));
    }
    explicit Watcher(BACKEND_HANDLE Handle) : Handle_(Handle)
    {
    }
    ~Watcher()
    {
        Close(true);
        Quiesce();
    }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    BACKEND_HANDLE Get() const
    {
        return Handle_;
    }
    BACKEND_ADDRESS Loopback(uint16_t Port) const
    {
        BACKEND_ADDRESS Result = {};
        Result.Family = Family_;
        Result.Port = htons(Port);
        if (Family_ == BACKEND_IPV6) {
            Result.Bytes[15] = 1;
        } else {
            Result.Bytes[0] = 127;
            Result.Bytes[3] = 1;
        }
        return Result;
    }
    int32_t Bind(uint16_t Port = 0)
    {
        BACKEND_ADDRESS Local = Loopback(Port);
        return BackendBind(Handle_, &Local);
    }
    BACKEND_ADDRESS Local() const
    {
        BACKEND_ADDRESS Result = {};
        EXPECT_EQ(0, BackendGetLocalAddress(Handle_, &Result));
        return Result;
    }
    uint16_t Port() const
    {
        return ntohs(Local().Port);
    }
    int32_t Connect(uint16_t Port)
    {
        BACKEND_ADDRESS Remote = Loopback(Port);
        return BackendConnect(Handle_, &Remote);
    }
    /* Connects a watched stream to the end. */
    int32_t ConnectFully(uint16_t Port)
    {
        int32_t Error = Connect(Port);
        return Until(BACKEND_READABLE | BACKEND_WRITABLE, [&] {
            if (Error == BACKEND_WOULD_BLOCK) {
                Error = BackendFinishConnect(Handle_);
            }
            return Error;
        });
    }
    void Watch(uint32_t Flags = BACKEND_READABLE)
    {
        EXPECT_EQ(0, BackendWatch(Handle_, this, Flags));
        Watched_ = true;
    }
    int32_t Send(const std::string& Data, size_t* Moved)
    {
        BACKEND_SEGMENT Segment = {const_cast<char*>(Data.data()), Data.size()};
        return BackendSend(Handle_, &Segment, 1, Moved);
    }
    int32_t Receive(std::string* Data, size_t Size = 65536)
    {
        std::string Buffer(Size, '\0');
        BACKEND_SEGMENT Segment = {&Buffer[0], Size};
        size_t Moved = 0;
        int32_t Error = BackendReceive(Handle_, &Segment, 1, &Moved);
        *Data = Buffer.substr(0, Moved);
        return Error;
    }
    int32_t SendTo(const std::string& Data, uint16_t Port)
    {
        BACKEND_SEGMENT Segment = {const_cast<char*>(Data.data()), Data.size()};
        BACKEND_ADDRESS To = Loopback(Port);
        size_t Moved = 0;
        int32_t Error = BackendSendTo(Handle_, &Segment, 1, (Port != 0) ? &To : nullptr, &Moved);
        EXPECT_EQ((Error == 0) ? Data.size() : 0, Moved);
        return Error;
    }
    int32_t ReceiveFrom(std::string* Data, size_t Size = 65536, BACKEND_ADDRESS* From = nullptr,
                        bool* Truncated = nullptr)
    {
        std::string Buffer(Size, '\0');
        BACKEND_SEGMENT Segment = {&Buffer[0], Size};
        BACKEND_ADDRESS Address = {};
        size_t Moved = 0;
        bool Cut = false;
        int32_t Error = BackendReceiveFrom(Handle_, &Segment, 1, &Address, &Moved, &Cut);
        *Data = Buffer.substr(0, Moved);
        if (From != nullptr) {
            *From = Address;
        }
        if (Truncated != nullptr) {
            *Truncated = Cut;
        }
        return Error;
    }
    /* Attempts at each event until it does not block. */
    int32_t Until(uint32_t Flags, const std::function<int32_t()>& Attempt)
    {
        for (;;) {
            int32_t Error = Attempt();
            if (Error != BACKEND_WOULD_BLOCK || !Await(Flags)) {
                return Error;
            }
        }
    }
    /* Waits for one of the flags and takes it. */
    bool Await(uint32_t Flags, int Milliseconds = Patience)
    {
        std::unique_lock<std::mutex> Hold(Lock_);
        bool Came = Changed_.wait_for(Hold, std::chrono::milliseconds(Milliseconds),
                                      [&] { return (Flags_ & Flags) != 0; });
        Flags_ &= ~Flags;
        return Came;
    }
    int Events() const
    {
        return Events_;
    }
    void Close(bool Reset)
    {
        if (Handle_ != BACKEND_NO_HANDLE) {
            if (Watched_) {
                BackendUnwatch(Handle_);
            }
            BackendClose(Handle_, Reset);
        }
        Handle_ = BACKEND_NO_HANDLE;
    }
    /* After that nothing is reported that was unwatched before. */
    static void Quiesce()
    {
        int Before = Quiescents;
        BackendWake();
        while (Quiescents == Before) {
            std::this_thread::yield();
        }
    }
    static void Ready(void* Cookie, uint32_t Flags)
    {
        auto* Self = static_cast<Watcher*>(Cookie);
        std::lock_guard<std::mutex> Hold(Self->Lock_);
        Self->Events_++;
        Self->Flags_ |= Flags;
        Self->Changed_.notify_all();
    }

  private:
    BACKEND_HANDLE Handle_ = BACKEND_NO_HANDLE;
    uint16_t Family_ = BACKEND_IPV4;
    bool Watched_ = false;
    std::mutex Lock_;
    std::condition_variable Changed_;
    uint32_t Flags_ = 0;
    std::atomic<int> Events_{0};
};

class BackendWinsockTest : public testing::Test {
  protected:
    void SetUp() override
    {
        static const BACKEND_EVENTS Events = {Watcher::Ready, [] { Quiescents++; }};
        WSADATA Data;
        ASSERT_EQ(0, WSAStartup(MAKEWORD(2, 2), &Data));
        ASSERT_EQ(0, BackendStart(&Events));
    }
    void TearDown() override
    {
        BackendStop();
        WSACleanup();
    }
    static void Pause(int Milliseconds = 30)
    {
        std::this_thread::sleep_for(std::chrono::milliseconds(Milliseconds));
    }
    static std::string Pattern(size_t Size)
    {
        std::string Data(Size, '\0');
        for (size_t Index = 0; Index < Size; Index++) {
            Data[Index] = static_cast<char>(Index * 7 + Index / 251);
        }
        return Data;
    }
    static uint16_t UnusedPort(int Type)
    {
        return Peer(Type).Port();
    }
    static int32_t ReceiveFromFully(Watcher& Udp, std::string* Data)
    {
        return Udp.Until(BACKEND_READABLE, [&] { return Udp.ReceiveFrom(Data); });
    }
};

/* A connected pair: the backend's stream and a peer. */
struct Pair {
    explicit Pair(uint16_t Family = BACKEND_IPV4)
        : Listener(SOCK_STREAM, (Family == BACKEND_IPV6) ? AF_INET6 : AF_INET), Tcp(BackendStream, Family)
    {
        EXPECT_EQ(0, Tcp.Bind());
        Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
        Far = std::make_unique<Peer>(Listener.Accept());
    }
    /* Sends until the system has no room. */
    size_t Fill()
    {
        std::string Block(65536, 'x');
        size_t Total = 0, Moved = 0;
        int32_t Error;
        while ((Error = Tcp.Send(Block, &Moved)) == 0) {
            Total += Moved;
        }
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Error);
        return Total;
    }

    Peer Listener;
    Watcher Tcp;
    std::unique_ptr<Peer> Far;
};

/* ---- datagrams --------------------------------------------------------------------------------------- */

TEST_F(BackendWinsockTest, DatagramsBothWaysIPv4)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM);
    BACKEND_ADDRESS From = {};
    uint16_t Port = 0;
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_EQ(0, Udp.SendTo("ping", Far.Port()));
    EXPECT_EQ("ping", Far.Receive(100, &Port));
    EXPECT_EQ(Udp.Port(), Port);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    Far.SendTo("pong", Port);
    ASSERT_TRUE(Udp.Await(BACKEND_READABLE));
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 100, &From));
    EXPECT_EQ("pong", Got);
    EXPECT_EQ(BACKEND_IPV4, From.Family);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    EXPECT_EQ(127, From.Bytes[0]);
}

TEST_F(BackendWinsockTest, DatagramsBothWaysIPv6)
{
    Watcher Udp(BackendDatagram, BACKEND_IPV6);
    Peer Far(SOCK_DGRAM, AF_INET6);
    BACKEND_ADDRESS From = {};
    uint32_t Value = 0;
    std::string Got;
    EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendV6Only, &Value));
    EXPECT_EQ(1u, Value);
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    EXPECT_EQ(0, Udp.SendTo("ping", Far.Port()));
    EXPECT_EQ("ping", Far.Receive());
    Far.SendTo("pong", Udp.Port());
    EXPECT_EQ(0, Udp.Until(BACKEND_READABLE, [&] { return Udp.ReceiveFrom(&Got, 100, &From); }));
    EXPECT_EQ("pong", Got);
    EXPECT_EQ(BACKEND_IPV6, From.Family);
    EXPECT_EQ(1, From.Bytes[15]);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
}

TEST_F(BackendWinsockTest, TruncationAndZeroLength)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM);
    BACKEND_ADDRESS From = {};
    bool Truncated = false;
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    for (const char* Text : {"abcdef", "abc", "", "uvw"}) {
        Far.SendTo(Text, Udp.Port());
    }
    Pause();
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 3, &From, &Truncated));
    EXPECT_EQ("abc", Got);
    EXPECT_TRUE(Truncated);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 3, &From, &Truncated));
    EXPECT_EQ("abc", Got);
    EXPECT_FALSE(Truncated);
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 3, &From, &Truncated));
    EXPECT_EQ("", Got);
    EXPECT_FALSE(Truncated);
    EXPECT_EQ(Far.Port(), ntohs(From.Port));
    size_t Moved = 9;
    EXPECT_EQ(0, BackendReceiveFrom(Udp.Get(), nullptr, 0, &From, &Moved, &Truncated));
    EXPECT_EQ(0u, Moved);
    EXPECT_TRUE(Truncated);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    Peer Other(SOCK_DGRAM);
    EXPECT_EQ(0, Udp.SendTo("", Other.Port()));
    EXPECT_EQ("", Other.Receive());
}

TEST_F(BackendWinsockTest, SegmentsAreGatheredAndScattered)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM);
    char A[] = "one", B[] = "", C[] = "two";
    BACKEND_SEGMENT Parts[] = {{A, 3}, {B, 0}, {C, 3}};
    BACKEND_ADDRESS To = Udp.Loopback(Far.Port()), From = {};
    size_t Moved = 0;
    bool Truncated = true;
    ASSERT_EQ(0, Udp.Bind());
    EXPECT_EQ(0, BackendSendTo(Udp.Get(), Parts, 3, &To, &Moved));
    EXPECT_EQ(6u, Moved);
    EXPECT_EQ("onetwo", Far.Receive());
    Far.SendTo("12345", Udp.Port());
    Pause();
    EXPECT_EQ(0, BackendReceiveFrom(Udp.Get(), Parts, 3, &From, &Moved, &Truncated));
    EXPECT_EQ(5u, Moved);
    EXPECT_FALSE(Truncated);
    EXPECT_STREQ("123", A);
    EXPECT_STREQ("45o", C);
}

TEST_F(BackendWinsockTest, MessageBatches)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM);
    std::vector<std::string> Texts;
    std::vector<BACKEND_SEGMENT> Segments(100);
    std::vector<BACKEND_MESSAGE> Messages(100);
    BACKEND_ADDRESS To = Udp.Loopback(Far.Port());
    uint32_t Sent = 0;
    ASSERT_EQ(0, Udp.Bind());
    for (size_t Index = 0; Index < 100; Index++) {
        Texts.push_back("message " + std::to_string(Index));
    }
    for (size_t Index = 0; Index < 100; Index++) {
        Segments[Index] = {&Texts[Index][0], Texts[Index].size()};
        Messages[Index] = {&Segments[Index], 1};
    }
    EXPECT_EQ(0, BackendSendMessages(Udp.Get(), Messages.data(), 100, &To, &Sent));
    EXPECT_EQ(100u, Sent);
    for (const std::string& Text : Texts) {
        EXPECT_EQ(Text, Far.Receive());
    }
    Segments[3].Length = 70000;
    std::string Big(70000, 'x');
    Segments[3].Base = &Big[0];
    EXPECT_EQ(WSAEMSGSIZE, BackendSendMessages(Udp.Get(), Messages.data(), 100, &To, &Sent));
    EXPECT_EQ(3u, Sent) << "those before the one that is too long";
}

TEST_F(BackendWinsockTest, ConnectedDatagramsAndDissolve)
{
    for (uint16_t Family : {BACKEND_IPV4, BACKEND_IPV6}) {
        int Native = (Family == BACKEND_IPV6) ? AF_INET6 : AF_INET;
        Watcher Udp(BackendDatagram, Family);
        Peer Far(SOCK_DGRAM, Native), Stranger(SOCK_DGRAM, Native);
        std::string Got;
        uint16_t From = 0;
        ASSERT_EQ(0, Udp.Bind());
        ASSERT_EQ(0, BackendSetOption(Udp.Get(), BackendReceiveBuffer, 50000));
        Udp.Watch();
        BACKEND_ADDRESS Local = Udp.Local();
        EXPECT_EQ(0, Udp.Connect(Far.Port()));
        EXPECT_EQ(0, Udp.SendTo("default", 0));
        EXPECT_EQ("default", Far.Receive());
        EXPECT_EQ(0, Udp.SendTo("explicit", Stranger.Port()));
        EXPECT_EQ("explicit", Stranger.Receive());
        Stranger.SendTo("dropped", ntohs(Local.Port));
        Far.SendTo("kept", ntohs(Local.Port));
        EXPECT_EQ(0, ReceiveFromFully(Udp, &Got));
        EXPECT_EQ("kept", Got);
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));

        for (int Round = 0; Round < 3; Round++) {
            ASSERT_EQ(0, BackendDissolve(Udp.Get(), &Local));
            EXPECT_EQ(Local.Port, Udp.Local().Port);
            EXPECT_NE(0, Udp.SendTo("nowhere", 0));
            Stranger.SendTo("again", ntohs(Local.Port));
            EXPECT_EQ(0, ReceiveFromFully(Udp, &Got)) << "the new socket is watched";
            EXPECT_EQ("again", Got);
            EXPECT_EQ(0, Udp.SendTo("from", Stranger.Port()));
            EXPECT_EQ("from", Stranger.Receive(100, &From));
            EXPECT_EQ(ntohs(Local.Port), From) << "the port was kept";
            EXPECT_EQ(0, Udp.Connect(Far.Port()));
        }
        uint32_t Value = 0;
        EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendReceiveBuffer, &Value));
        EXPECT_EQ(100000u, Value) << "options are kept";
        Watcher Other(BackendDatagram, Family);
        EXPECT_EQ(0, BackendSetOption(Other.Get(), BackendShareAddress, 1));
        EXPECT_NE(0, Other.Bind(ntohs(Local.Port))) << "the address is not shared any more";
    }
}

TEST_F(BackendWinsockTest, ADissolvedSocketStaysArmed)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM), Stranger(SOCK_DGRAM);
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    BACKEND_ADDRESS Local = Udp.Local();
    Udp.Watch();
    EXPECT_EQ(0, Udp.Connect(Far.Port()));
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    Pause();
    ASSERT_EQ(0, BackendDissolve(Udp.Get(), &Local));
    /* No attempt since; the arming is for the handle. */
    Pause();
    Stranger.SendTo("x", ntohs(Local.Port));
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE));
    EXPECT_EQ(0, ReceiveFromFully(Udp, &Got));
}

TEST_F(BackendWinsockTest, UnreachablePortFailsConnectedReceivesOnly)
{
    for (int Round = 0; Round < 20; Round++) {
        Watcher Udp(BackendDatagram);
        Peer Far(SOCK_DGRAM);
        uint16_t Dead = UnusedPort(SOCK_DGRAM);
        std::string Got;
        ASSERT_EQ(0, Udp.Bind());
        Udp.Watch();
        EXPECT_EQ(0, Udp.SendTo("anyone?", Dead));
        Far.SendTo("me", Udp.Port());
        EXPECT_EQ(0, ReceiveFromFully(Udp, &Got));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got)) << "not connected";

        EXPECT_EQ(0, Udp.Connect(Dead));
        if (Round % 2) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
        }
        EXPECT_EQ(0, Udp.SendTo("anyone?", 0));
        EXPECT_EQ(WSAECONNREFUSED, ReceiveFromFully(Udp, &Got)) << "round " << Round;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got)) << "told once";

        EXPECT_EQ(0, Udp.Connect(Far.Port()));
        EXPECT_EQ(0, Udp.SendTo("hello", 0));
        EXPECT_EQ("hello", Far.Receive());
        Far.SendTo("there", Udp.Port());
        EXPECT_EQ(0, ReceiveFromFully(Udp, &Got)) << "the old error is gone";
        EXPECT_EQ("there", Got);
    }
}

TEST_F(BackendWinsockTest, DatagramSendErrors)
{
    Watcher Udp(BackendDatagram);
    std::string Big(70000, 'x');
    BACKEND_SEGMENT Segment = {&Big[0], 4};
    BACKEND_ADDRESS Everybody = {};
    size_t Moved = 0;
    Everybody.Family = BACKEND_IPV4;
    Everybody.Port = htons(9);
    memset(Everybody.Bytes, 255, 4);
    ASSERT_EQ(0, Udp.Bind());
    EXPECT_EQ(WSAEMSGSIZE, Udp.SendTo(Big, 9));
    EXPECT_EQ(WSAEACCES, BackendSendTo(Udp.Get(), &Segment, 1, &Everybody, &Moved));
    EXPECT_NE(0, Udp.SendTo("x", 0)) << "no address";
}

/* ---- streams ----------------------------------------------------------------------------------------- */

TEST_F(BackendWinsockTest, ConnectSendReceiveEnd)
{
    for (uint16_t Family : {BACKEND_IPV4, BACKEND_IPV6}) {
        Pair Both(Family);
        std::string Got;
        size_t Moved = 0;
        BACKEND_ADDRESS Remote = {};
        EXPECT_EQ(0, BackendGetRemoteAddress(Both.Tcp.Get(), &Remote));
        EXPECT_EQ(Both.Listener.Port(), ntohs(Remote.Port));
        EXPECT_EQ(0, Both.Tcp.Send("hello", &Moved));
        EXPECT_EQ(5u, Moved);
        EXPECT_EQ("hello", Both.Far->Receive());
        for (const char* Text : {"a", "bc", "def"}) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
            Both.Far->Send(Text);
            EXPECT_EQ(0, Both.Tcp.Until(BACKEND_READABLE, [&] { return Both.Tcp.Receive(&Got); }));
            EXPECT_EQ(Text, Got);
        }
        EXPECT_FALSE(BackendIsAtEnd(Both.Tcp.Get()));
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        Both.Far->Shutdown();
        EXPECT_EQ(0, Both.Tcp.Until(BACKEND_READABLE, [&] { return Both.Tcp.Receive(&Got); }));
        EXPECT_EQ("", Got) << "the end";
        EXPECT_TRUE(BackendIsAtEnd(Both.Tcp.Get()));
        EXPECT_EQ(0, Both.Tcp.Send("late", &Moved));
        EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
        EXPECT_EQ(0, BackendFinishSend(Both.Tcp.Get()));
        EXPECT_EQ("late", Both.Far->Receive());
        EXPECT_EQ("", Both.Far->Receive());
        EXPECT_EQ(WSAESHUTDOWN, Both.Tcp.Send("x", &Moved));
    }
}

TEST_F(BackendWinsockTest, ConnectRefusedAndTriedAgain)
{
    for (int Round = 0; Round < 10; Round++) {
        Watcher Tcp(BackendStream);
        Peer Listener(SOCK_STREAM);
        ASSERT_EQ(0, Tcp.Bind());
        BACKEND_ADDRESS Local = Tcp.Local();
        Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        EXPECT_EQ(WSAECONNREFUSED, Tcp.ConnectFully(UnusedPort(SOCK_STREAM)));
        EXPECT_EQ(0, BackendDissolve(Tcp.Get(), &Local));
        EXPECT_EQ(Local.Port, Tcp.Local().Port);
        EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
        EXPECT_EQ(Local.Port, Tcp.Local().Port);
        Peer Far = Listener.Accept();
        size_t Moved = 0;
        std::string Got;
        EXPECT_EQ(0, Tcp.Send("x", &Moved));
        EXPECT_EQ("x", Far.Receive());
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Tcp.Receive(&Got));
        Far.Send("y");
        EXPECT_EQ(0, Tcp.Until(BACKEND_READABLE, [&] { return Tcp.Receive(&Got); }));
    }
}

TEST_F(BackendWinsockTest, PendingConnectIsReportedOnceItEnds)
{
    /* Attempts only after events: FinishConnect must see what the event is about. */
    for (int Round = 0; Round < 10; Round++) {
        Watcher Good(BackendStream), Bad(BackendStream);
        Peer Listener(SOCK_STREAM);
        ASSERT_EQ(0, Good.Bind());
        ASSERT_EQ(0, Bad.Bind());
        Good.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        Bad.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        for (Watcher* Tcp : {&Good, &Bad}) {
            int32_t Error = Tcp->Connect((Tcp == &Good) ? Listener.Port() : UnusedPort(SOCK_STREAM));
            while (Error == BACKEND_WOULD_BLOCK && Tcp->Await(BACKEND_WRITABLE)) {
                Error = BackendFinishConnect(Tcp->Get());
            }
            EXPECT_EQ((Tcp == &Good) ? 0 : WSAECONNREFUSED, Error);
        }
    }
}

TEST_F(BackendWinsockTest, ConnectGivenUp)
{
    Watcher Tcp(BackendStream);
    Peer Listener(SOCK_STREAM);
    ASSERT_EQ(0, Tcp.Bind());
    BACKEND_ADDRESS Local = Tcp.Local();
    Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
    for (int Round = 0; Round < 20; Round++) {
        int32_t Error = Tcp.Connect(Listener.Port());
        EXPECT_TRUE(Error == 0 || Error == BACKEND_WOULD_BLOCK) << Error;
        ASSERT_EQ(0, BackendDissolve(Tcp.Get(), &Local)) << "in use when it was connected already?";
    }
    EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
}

TEST_F(BackendWinsockTest, AcceptIncludingResetOnes)
{
    Watcher Listener(BackendStream);
    BACKEND_HANDLE Handle = BACKEND_NO_HANDLE;
    BACKEND_ADDRESS Remote = {};
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    Listener.Watch();
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendAccept(Listener.Get(), &Handle, &Remote));
    {
        Peer Far(SOCK_STREAM, AF_INET, false);
        Far.Connect(Listener.Port());
        EXPECT_EQ(0, Listener.Until(BACKEND_READABLE,
                                    [&] { return BackendAccept(Listener.Get(), &Handle, &Remote); }));
        EXPECT_EQ(Far.Port(), ntohs(Remote.Port));
        Watcher Accepted(Handle);
        Accepted.Watch();
        EXPECT_EQ(Listener.Port(), Accepted.Port());
        std::string Got;
        size_t Moved = 0;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Accepted.Receive(&Got)) << "non-blocking";
        EXPECT_EQ(0, Accepted.Send("hi", &Moved));
        EXPECT_EQ("hi", Far.Receive());
        Far.Send("there");
        EXPECT_EQ(0, Accepted.Until(BACKEND_READABLE, [&] { return Accepted.Receive(&Got); }));
        EXPECT_EQ("there", Got);
    }
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendAccept(Listener.Get(), &Handle, &Remote));
    for (int Round = 0; Round < 10; Round++) {
        Peer Gone(SOCK_STREAM, AF_INET, false), Far(SOCK_STREAM, AF_INET, false);
        Gone.Connect(Listener.Port());
        uint16_t GonePort = Gone.Port();
        Gone.Reset();
        if (Round % 2) {
            Pause();
        }
        Far.Connect(Listener.Port());
        for (bool Found = false; !Found;) {
            ASSERT_EQ(0, Listener.Until(BACKEND_READABLE,
                                        [&] { return BackendAccept(Listener.Get(), &Handle, &Remote); }));
            Watcher Accepted(Handle);
            Found = (Far.Port() == ntohs(Remote.Port));
            EXPECT_TRUE(Found || GonePort == ntohs(Remote.Port));
        }
    }
}

TEST_F(BackendWinsockTest, SendUntilItWouldBlockThenAnEdge)
{
    Pair Both;
    std::string Data = Pattern(12000000), Got;
    std::thread Reader([&] {
        Pause(100);
        for (std::string Part; !(Part = Both.Far->Receive()).empty();) {
            Got += Part;
        }
    });
    size_t Done = 0, Blocked = 0;
    while (Done < Data.size()) {
        BACKEND_SEGMENT Segments[2];
        size_t Half = (Data.size() - Done + 1) / 2, Moved = 0;
        Segments[0] = {&Data[Done], Half};
        Segments[1] = {&Data[0] + Done + Half, Data.size() - Done - Half};
        int32_t Error = BackendSend(Both.Tcp.Get(), Segments, 2, &Moved);
        if (Error == BACKEND_WOULD_BLOCK) {
            Blocked++;
            ASSERT_TRUE(Both.Tcp.Await(BACKEND_WRITABLE)) << "after " << Done;
        } else {
            ASSERT_EQ(0, Error);
        }
        Done += Moved;
    }
    EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
    Reader.join();
    EXPECT_GT(Blocked, 0u);
    EXPECT_TRUE(Got == Data) << Got.size();
}

TEST_F(BackendWinsockTest, SendWaitsWithThePeersEndThere)
{
    Pair Both;
    std::string Got, Block(65536, 'x');
    size_t Sent = Both.Fill(), Moved = 0, Taken = 0;
    Both.Far->Shutdown();
    EXPECT_EQ(0, Both.Tcp.Until(BACKEND_READABLE, [&] { return Both.Tcp.Receive(&Got); }));
    EXPECT_EQ("", Got);
    Sent += Both.Fill();
    (void)Both.Tcp.Await(BACKEND_WRITABLE, 0);
    int Before = Both.Tcp.Events(), RoundsBefore = Quiescents;
    /* Each event is answered by an attempt, as the provider does. */
    for (auto End = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
         std::chrono::steady_clock::now() < End;) {
        if (Both.Tcp.Await(BACKEND_WRITABLE, 50)) {
            Sent += Both.Fill();
        }
    }
    EXPECT_LT(Both.Tcp.Events() - Before, 60) << "not in a circle";
    EXPECT_LT(Quiescents - RoundsBefore, 150);
    std::thread Reader([&] {
        for (std::string Part; !(Part = Both.Far->Receive()).empty() && Part[0] != '<';) {
            Taken += Part.size();
        }
    });
    EXPECT_EQ(0, Both.Tcp.Until(BACKEND_WRITABLE, [&] { return Both.Tcp.Send(Block, &Moved); }));
    Sent += Moved;
    Both.Tcp.Close(false);
    Reader.join();
    EXPECT_EQ(Sent, Taken);
}

TEST_F(BackendWinsockTest, ResetIsNotAnEnd)
{
    for (int Round = 0; Round < 20; Round++) {
        Pair Both;
        std::string Got;
        size_t Moved = 0;
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Both.Tcp.Receive(&Got));
        if (Round % 2) {
            Both.Far->Send("last");
        }
        Both.Far->Reset();
        int32_t Error = Both.Tcp.Until(BACKEND_READABLE, [&] { return Both.Tcp.Receive(&Got); });
        if (Error == 0 && Round % 2) {
            EXPECT_EQ("last", Got);
            Error = Both.Tcp.Until(BACKEND_READABLE, [&] { return Both.Tcp.Receive(&Got); });
        }
        EXPECT_EQ(WSAECONNRESET, Error);
        EXPECT_FALSE(BackendIsAtEnd(Both.Tcp.Get()));
        Error = Both.Tcp.Send("x", &Moved);
        EXPECT_TRUE(Error == WSAECONNRESET || Error == WSAESHUTDOWN) << Error;
    }
}

TEST_F(BackendWinsockTest, ResetWhileSendWaits)
{
    Pair Both;
    size_t Moved = 0;
    Both.Fill();
    std::thread Resetter([&] {
        Pause();
        Both.Far->Reset();
    });
    EXPECT_EQ(WSAECONNRESET, Both.Tcp.Until(BACKEND_WRITABLE, [&] { return Both.Tcp.Send("x", &Moved); }));
    Resetter.join();
}

TEST_F(BackendWinsockTest, CloseResetsOrEndsInOrder)
{
    size_t Moved = 0;
    {
        Pair Both;
        Both.Tcp.Close(true);
        EXPECT_TRUE(Both.Far->WasReset());
    }
    {
        Pair Both;
        EXPECT_EQ(0, Both.Tcp.Send("bye", &Moved));
        Both.Tcp.Close(false);
        EXPECT_EQ("bye", Both.Far->Receive());
        EXPECT_EQ("", Both.Far->Receive());
        EXPECT_FALSE(Both.Far->WasReset(50));
    }
    {
        Pair Both;
        ASSERT_EQ(0, BackendDissolve(Both.Tcp.Get(), nullptr));
        EXPECT_TRUE(Both.Far->WasReset()) << "an abort";
        uint32_t Value = 0;
        EXPECT_EQ(0, BackendGetOption(Both.Tcp.Get(), BackendNoDelay, &Value)) << "still a socket";
        EXPECT_NE(0, Both.Tcp.Send("x", &Moved));
    }
    {
        Pair Both;
        size_t Sent = Both.Fill(), Taken = 0;
        Both.Far->Send("unread");
        EXPECT_EQ(0, BackendShutdownSend(Both.Tcp.Get()));
        EXPECT_EQ(0, BackendFinishSend(Both.Tcp.Get()));
        Pause();
        Both.Tcp.Close(true);
        std::string Part;
        while (!(Part = Both.Far->Receive()).empty() && Part[0] != '<') {
            Taken += Part.size();
        }
        EXPECT_EQ("", Part);
        EXPECT_FALSE(Both.Far->WasReset(50));
        EXPECT_EQ(Sent, Taken) << "what was sent before the shutdown arrives";
    }
}

TEST_F(BackendWinsockTest, DiscardAndReadable)
{
    Pair Both;
    size_t Moved = 0, Total = 0, Bytes = 0;
    Both.Far->Send(std::string(5, 'x'));
    Pause();
    EXPECT_EQ(0, BackendQueryReadable(Both.Tcp.Get(), &Bytes));
    EXPECT_EQ(5u, Bytes);
    EXPECT_EQ(0, BackendDiscard(Both.Tcp.Get(), &Moved));
    EXPECT_EQ(5u, Moved);
    EXPECT_EQ(BACKEND_WOULD_BLOCK, BackendDiscard(Both.Tcp.Get(), &Moved));
    std::thread Sender([&] {
        Both.Far->Send(std::string(1000000, 'x'));
        Both.Far->Shutdown();
    });
    do {
        EXPECT_EQ(0,
                  Both.Tcp.Until(BACKEND_READABLE, [&] { return BackendDiscard(Both.Tcp.Get(), &Moved); }));
        Total += Moved;
    } while (Moved != 0);
    Sender.join();
    EXPECT_EQ(1000000u, Total);
}

/* ---- options and addresses --------------------------------------------------------------------------- */

TEST_F(BackendWinsockTest, Options)
{
    struct {
        BACKEND_OPTION Option;
        uint32_t Set, Get;
    } Cases[] = {
        {BackendReceiveBuffer, 20000, 40000},
        {BackendSendBuffer, 20000, 40000},
        {BackendKeepIdle, 11, 11},
        {BackendKeepInterval, 12, 12},
        {BackendKeepAlive, 1, 1},
        {BackendKeepIdle, 21, 21},
        {BackendNoDelay, 1, 1},
        {BackendNoDelay, 0, 0},
        {BackendKeepAlive, 0, 0},
    };
    Watcher Tcp(BackendStream), Udp(BackendDatagram), Six(BackendDatagram, BACKEND_IPV6);
    uint32_t Value = 0;
    for (const auto& Case : Cases) {
        EXPECT_EQ(0, BackendGetOption(Tcp.Get(), Case.Option, &Value)) << Case.Option;
        EXPECT_EQ(0, BackendSetOption(Tcp.Get(), Case.Option, Case.Set)) << Case.Option;
        EXPECT_EQ(0, BackendGetOption(Tcp.Get(), Case.Option, &Value)) << Case.Option;
        EXPECT_EQ(Case.Get, Value) << Case.Option;
    }
    int32_t Error = BackendSetOption(Tcp.Get(), BackendKeepCount, 5);
    EXPECT_TRUE(Error == 0 || Error == WSAENOPROTOOPT);
    EXPECT_EQ(WSAEINVAL, BackendSetOption(Tcp.Get(), BackendKeepIdle, 0));
    EXPECT_EQ(0, BackendSetOption(Udp.Get(), BackendBroadcast, 1));
    EXPECT_EQ(0, BackendGetOption(Udp.Get(), BackendBroadcast, &Value));
    EXPECT_EQ(1u, Value);
    EXPECT_EQ(0, BackendSetOption(Six.Get(), BackendV6Only, 0));
    EXPECT_EQ(0, BackendGetOption(Six.Get(), BackendV6Only, &Value));
    EXPECT_EQ(0u, Value);
}

TEST_F(BackendWinsockTest, DualStackWhenAsked)
{
    Watcher Udp(BackendDatagram, BACKEND_IPV6);
    BACKEND_ADDRESS Any = {}, From = {};
    Peer Far(SOCK_DGRAM);
    std::string Got;
    Any.Family = BACKEND_IPV6;
    ASSERT_EQ(0, BackendSetOption(Udp.Get(), BackendV6Only, 0));
    ASSERT_EQ(0, BackendBind(Udp.Get(), &Any));
    Far.SendTo("four", Udp.Port());
    Pause();
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got, 100, &From));
    EXPECT_EQ("four", Got);
    EXPECT_EQ(0xff, From.Bytes[11]);
    EXPECT_EQ(127, From.Bytes[12]);
}

TEST_F(BackendWinsockTest, AddressesInUse)
{
    Watcher A(BackendDatagram), B(BackendDatagram), Listener(BackendStream), Other(BackendStream);
    ASSERT_EQ(0, A.Bind());
    EXPECT_EQ(WSAEADDRINUSE, B.Bind(A.Port()));
    EXPECT_EQ(0, BackendSetOption(A.Get(), BackendShareAddress, 1));
    EXPECT_EQ(0, BackendSetOption(B.Get(), BackendShareAddress, 1));
    EXPECT_EQ(0, B.Bind(A.Port()));
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    EXPECT_EQ(WSAEADDRINUSE, Other.Bind(Listener.Port()));
}

TEST_F(BackendWinsockTest, AClosedSocketsAddressIsFreeAtOnce)
{
    uint16_t UdpPort = 0, TcpPort = 0;
    std::string Got;
    for (int Round = 0; Round < 100; Round++) {
        Watcher Udp(BackendDatagram), Listener(BackendStream);
        ASSERT_EQ(0, Udp.Bind(UdpPort)) << Round;
        ASSERT_EQ(0, Listener.Bind(TcpPort)) << Round;
        ASSERT_EQ(0, BackendListen(Listener.Get())) << Round;
        UdpPort = Udp.Port();
        TcpPort = Listener.Port();
        Udp.Watch();
        Listener.Watch();
        EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
        if (Round % 3 == 0) {
            Pause(2);
        }
        Udp.Close(true);
        Listener.Close(true);
        Watcher Again(BackendDatagram);
        ASSERT_EQ(0, Again.Bind(UdpPort)) << "no quiescent point in between";
    }
}

TEST_F(BackendWinsockTest, TimeWaitDoesNotHinder)
{
    Watcher Listener(BackendStream);
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    uint16_t Port = Listener.Port();
    Peer Far(SOCK_STREAM, AF_INET, false);
    Far.Connect(Port);
    BACKEND_HANDLE Handle = BACKEND_NO_HANDLE;
    BACKEND_ADDRESS Remote = {};
    Listener.Watch();
    ASSERT_EQ(
        0, Listener.Until(BACKEND_READABLE, [&] { return BackendAccept(Listener.Get(), &Handle, &Remote); }));
    EXPECT_EQ(0, BackendShutdownSend(Handle));
    EXPECT_EQ("", Far.Receive());
    Far.Close();
    Pause();
    BackendClose(Handle, false);
    Listener.Close(false);
    Watcher Again(BackendStream);
    EXPECT_EQ(0, Again.Bind(Port));
    EXPECT_EQ(0, BackendListen(Again.Get()));
}

/* ---- the poller -------------------------------------------------------------------------------------- */

TEST_F(BackendWinsockTest, StartAndStopAgainAndAgain)
{
    static const BACKEND_EVENTS Events = {Watcher::Ready, [] { Quiescents++; }};
    for (int Round = 0; Round < 20; Round++) {
        Watcher::Quiesce();
        BackendStop();
        ASSERT_EQ(0, BackendStart(&Events));
    }
}

TEST_F(BackendWinsockTest, AnEdgeIsReportedOnce)
{
    Watcher Udp(BackendDatagram);
    Peer Far(SOCK_DGRAM);
    std::string Got;
    ASSERT_EQ(0, Udp.Bind());
    Udp.Watch();
    Far.SendTo("x", Udp.Port());
    ASSERT_TRUE(Udp.Await(BACKEND_READABLE));
    EXPECT_FALSE(Udp.Await(BACKEND_READABLE, 100)) << "it is a state, but was told";
    EXPECT_EQ(0, BackendRewatch(Udp.Get(), &Udp, BACKEND_READABLE));
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE)) << "told again when asked";
    EXPECT_EQ(0, BackendRewatch(Udp.Get(), &Udp, BACKEND_READABLE | BACKEND_WRITABLE));
    EXPECT_TRUE(Udp.Await(BACKEND_WRITABLE));
    EXPECT_EQ(0, Udp.ReceiveFrom(&Got));
    int Before = Udp.Events();
    Pause(100);
    EXPECT_EQ(Before, Udp.Events()) << "nothing is armed";
    EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp.ReceiveFrom(&Got));
    Far.SendTo("y", Udp.Port());
    EXPECT_TRUE(Udp.Await(BACKEND_READABLE));
}

TEST_F(BackendWinsockTest, NothingAfterAQuiescentPoint)
{
    Peer Far(SOCK_DGRAM);
    for (int Round = 0; Round < 200; Round++) {
        Watcher Udp(BackendDatagram);
        ASSERT_EQ(0, Udp.Bind());
        uint16_t Port = Udp.Port();
        Udp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        Far.SendTo("x", Port);
        if (Round % 2) {
            std::this_thread::yield();
        }
        Udp.Close(true);
        Watcher::Quiesce();
        int Before = Udp.Events();
        std::this_thread::yield();
        Watcher::Quiesce();
        ASSERT_EQ(Before, Udp.Events());
    }
}

TEST_F(BackendWinsockTest, HundredsOfWatchedSockets)
{
    constexpr size_t Count = 300;
    std::vector<std::unique_ptr<Watcher>> All;
    Peer Far(SOCK_DGRAM);
    std::string Got;
    for (size_t Index = 0; Index < Count; Index++) {
        All.push_back(std::make_unique<Watcher>(BackendDatagram));
        ASSERT_EQ(0, All[Index]->Bind());
        All[Index]->Watch();
    }
    for (int Round = 0; Round < 3; Round++) {
        for (auto& Udp : All) {
            EXPECT_EQ(BACKEND_WOULD_BLOCK, Udp->ReceiveFrom(&Got));
        }
        for (size_t Index = 0; Index < Count; Index++) {
            Far.SendTo(std::to_string(Index), All[Index]->Port());
        }
        for (size_t Index = 0; Index < Count; Index++) {
            EXPECT_EQ(0, ReceiveFromFully(*All[Index], &Got));
            EXPECT_EQ(std::to_string(Index), Got);
        }
    }
    for (auto& Udp : All) {
        Udp->Close(true); /* so that one quiescent point does for most */
    }
}

/* Each datagram is sent only when the one before was received, so that a lost edge stops everything. */
TEST_F(BackendWinsockTest, ManyEdgesManyThreads)
{
    constexpr int Threads = 4, Rounds = 1000;
    std::vector<std::thread> Workers;
    for (int Index = 0; Index < Threads; Index++) {
        Workers.emplace_back([] {
            Watcher Near(BackendDatagram), Far(BackendDatagram);
            std::string Got;
            ASSERT_EQ(0, Near.Bind());
            ASSERT_EQ(0, Far.Bind());
            Near.Watch();
            Far.Watch();
            uint16_t NearPort = Near.Port(), FarPort = Far.Port();
            std::thread Echo([&] {
                std::string Data;
                for (int Round = 0; Round < Rounds; Round++) {
                    ASSERT_EQ(0, ReceiveFromFully(Far, &Data)) << "round " << Round;
                    ASSERT_EQ(0, Far.SendTo(Data, NearPort));
                }
            });
            for (int Round = 0; Round < Rounds; Round++) {
                EXPECT_EQ(0, Near.SendTo(std::to_string(Round), FarPort));
                int32_t Error = ReceiveFromFully(Near, &Got);
                EXPECT_EQ(0, Error) << "round " << Round;
                EXPECT_EQ(std::to_string(Round), Got);
                if (Error != 0) {
                    break;
                }
            }
            Echo.join();
        });
    }
    std::atomic<bool> Stop{false};
    std::thread Disturber([&] {
        /* Sockets come and go, and take over the numbers of closed ones. */
        while (!Stop) {
            Watcher Udp(BackendDatagram);
            EXPECT_EQ(0, Udp.Bind());
            Udp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
            std::this_thread::yield();
        }
    });
    for (auto& Worker : Workers) {
        Worker.join();
    }
    Stop = true;
    Disturber.join();
}

TEST_F(BackendWinsockTest, StreamsBothWaysManyThreads)
{
    constexpr int Pairs = 3;
    const std::string Data = Pattern(3000000);
    std::vector<std::thread> Workers;
    std::vector<std::unique_ptr<Watcher>> Streams;
    Watcher Listener(BackendStream);
    ASSERT_EQ(0, Listener.Bind());
    ASSERT_EQ(0, BackendListen(Listener.Get()));
    Listener.Watch();
    for (int Index = 0; Index < Pairs; Index++) {
        BACKEND_HANDLE Handle = BACKEND_NO_HANDLE;
        BACKEND_ADDRESS Remote = {};
        Streams.push_back(std::make_unique<Watcher>(BackendStream));
        ASSERT_EQ(0, Streams.back()->Bind());
        Streams.back()->Watch(BACKEND_READABLE | BACKEND_WRITABLE);
        ASSERT_EQ(0, Streams.back()->ConnectFully(Listener.Port()));
        ASSERT_EQ(0, Listener.Until(BACKEND_READABLE,
                                    [&] { return BackendAccept(Listener.Get(), &Handle, &Remote); }));
        Streams.push_back(std::make_unique<Watcher>(Handle));
        Streams.back()->Watch(BACKEND_READABLE | BACKEND_WRITABLE);
    }
    for (auto& Stream : Streams) {
        Watcher* Tcp = Stream.get();
        Workers.emplace_back([Tcp, &Data] {
            for (size_t Done = 0; Done < Data.size();) {
                size_t Moved = 0;
                std::string Part = Data.substr(Done, 100000);
                int32_t Error = Tcp->Until(BACKEND_WRITABLE, [&] { return Tcp->Send(Part, &Moved); });
                ASSERT_EQ(0, Error);
                Done += Moved;
            }
            EXPECT_EQ(0, BackendShutdownSend(Tcp->Get()));
        });
        Workers.emplace_back([Tcp, &Data] {
            std::string Got, Part;
            do {
                int32_t Error = Tcp->Until(BACKEND_READABLE, [&] { return Tcp->Receive(&Part, 30000); });
                ASSERT_EQ(0, Error);
                Got += Part;
            } while (!Part.empty());
            EXPECT_TRUE(Got == Data) << Got.size();
        });
    }
    for (auto& Worker : Workers) {
        Worker.join();
    }
}

} // namespace wsk
