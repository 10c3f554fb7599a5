/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared parts of the backend's tests.
 */
#include "support.h"

#include <chrono>

namespace wsk {

/* ---- sockets ----------------------------------------------------------------------------------------- */

Watcher::Watcher(BACKEND_KIND Kind, uint16_t Family) : Family_(Family)
{
    EXPECT_EQ(0, BackendCreate(Family, Kind, &Handle_));
}

Watcher::~Watcher()
{
    Close(true);
    Poller::Quiesce();
}

void Watcher::Close(bool Reset)
{
    if (Handle_ != BACKEND_NO_HANDLE) {
        if (Watched_) {
            BackendUnwatch(Handle_);
        }
        BackendClose(Handle_, Reset);
    }
    Handle_ = BACKEND_NO_HANDLE;
}

BACKEND_ADDRESS Watcher::Loopback(uint16_t Port) const
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

BACKEND_ADDRESS Watcher::Local() const
{
    BACKEND_ADDRESS Result = {};
    EXPECT_EQ(0, BackendGetLocalAddress(Handle_, &Result));
    return Result;
}

uint16_t Watcher::Port() const
{
    return ntohs(Local().Port);
}

int32_t Watcher::Bind(uint16_t Port)
{
    BACKEND_ADDRESS Local = Loopback(Port);
    return BackendBind(Handle_, &Local);
}

int32_t Watcher::Connect(uint16_t Port)
{
    BACKEND_ADDRESS Remote = Loopback(Port);
    return BackendConnect(Handle_, &Remote);
}

BACKEND_MESSAGE MessageOf(const BACKEND_SEGMENT* Segments, size_t Count, BACKEND_ADDRESS* Address)
{
    BACKEND_MESSAGE Message = {};
    Message.Segments = Segments;
    Message.Count = static_cast<uint32_t>(Count);
    Message.Address = Address;
    return Message;
}

int32_t Watcher::Send(BACKEND_MESSAGE* Message)
{
    uint32_t Sent = 9;
    int32_t Error = BackendSend(Handle_, Message, 1, &Sent);
    EXPECT_EQ(Error == 0 ? 1u : 0u, Sent);
    return Error;
}

int32_t Watcher::Send(const std::string& Data, size_t* Moved)
{
    BACKEND_SEGMENT Segment = {const_cast<char*>(Data.data()), Data.size()};
    BACKEND_MESSAGE Message = MessageOf(&Segment, 1);
    int32_t Error = Send(&Message);
    *Moved = Message.Moved;
    return Error;
}

int32_t Watcher::Receive(std::string* Data, size_t Size)
{
    std::string Buffer(Size, '\0');
    BACKEND_SEGMENT Segment = {&Buffer[0], Size};
    BACKEND_MESSAGE Message = MessageOf(&Segment, 1);
    int32_t Error = BackendReceive(Handle_, &Message);
    *Data = Buffer.substr(0, Message.Moved);
    return Error;
}

int32_t Watcher::SendTo(const std::string& Data, uint16_t Port)
{
    BACKEND_SEGMENT Segment = {const_cast<char*>(Data.data()), Data.size()};
    BACKEND_ADDRESS To = Loopback(Port);
    BACKEND_MESSAGE Message = MessageOf(&Segment, 1, (Port != 0) ? &To : nullptr);
    int32_t Error = Send(&Message);
    EXPECT_EQ((Error == 0) ? Data.size() : 0, Message.Moved);
    return Error;
}

int32_t Watcher::ReceiveFrom(std::string* Data, size_t Size, BACKEND_ADDRESS* From, bool* Truncated)
{
    std::string Buffer(Size, '\0');
    BACKEND_SEGMENT Segment = {&Buffer[0], Size};
    BACKEND_ADDRESS Address = {};
    BACKEND_MESSAGE Message = MessageOf(&Segment, 1, &Address);
    int32_t Error = BackendReceive(Handle_, &Message);
    *Data = Buffer.substr(0, Message.Moved);
    if (From != nullptr) {
        *From = Address;
    }
    if (Truncated != nullptr) {
        *Truncated = (Message.Flags & BACKEND_TRUNCATED) != 0;
    }
    return Error;
}

bool Watcher::AwaitReadable(size_t Bytes)
{
    return ::Await([&] {
        size_t There = 0;
        EXPECT_EQ(0, BackendQueryReadable(Handle_, &There));
        return There == Bytes;
    });
}

/* ---- events ------------------------------------------------------------------------------------------ */

void Watcher::Watch(uint32_t Flags)
{
    EXPECT_EQ(0, BackendWatch(Handle_, this, Flags));
    Watched_ = true;
}

int32_t Watcher::Until(uint32_t Flags, const std::function<int32_t()>& Attempt)
{
    for (;;) {
        int32_t Error = Attempt();
        if (Error != BACKEND_WOULD_BLOCK || !Await(Flags)) {
            return Error;
        }
    }
}

bool Watcher::Await(uint32_t Flags, int Milliseconds)
{
    std::unique_lock<std::mutex> Hold(Lock_);
    Awaiting_++;
    bool Came = Changed_.wait_for(Hold, std::chrono::milliseconds(Milliseconds),
                                  [&] { return (Flags_ & Flags) != 0; });
    Awaiting_--;
    Flags_ &= ~Flags;
    return Came;
}

void Watcher::Ready(void* Cookie, uint32_t Flags)
{
    auto* Self = static_cast<Watcher*>(Cookie);
    std::lock_guard<std::mutex> Hold(Self->Lock_);
    Self->Events_++;
    Self->Flags_ |= Flags;
    Self->Changed_.notify_all();
}

int32_t Watcher::ConnectFully(uint16_t Port)
{
    int32_t Error = Connect(Port);
    return Until(BACKEND_READABLE | BACKEND_WRITABLE, [&] {
        if (Error == BACKEND_WOULD_BLOCK) {
            Error = BackendFinishConnect(Handle_);
        }
        return Error;
    });
}

int32_t Watcher::AcceptFully(BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote)
{
    return Until(BACKEND_READABLE, [&] { return BackendAccept(Handle_, Accepted, Remote); });
}

int32_t Watcher::ReceiveFully(std::string* Data, size_t Size)
{
    return Until(BACKEND_READABLE, [&] { return Receive(Data, Size); });
}

int32_t Watcher::ReceiveFromFully(std::string* Data, size_t Size, BACKEND_ADDRESS* From, bool* Truncated)
{
    return Until(BACKEND_READABLE, [&] { return ReceiveFrom(Data, Size, From, Truncated); });
}

/* ---- the poller -------------------------------------------------------------------------------------- */

std::atomic<int> Poller::Rounds_{0};
std::atomic<DWORD> Poller::Thread_{0};

void Poller::Start()
{
    static const BACKEND_EVENTS Events = {Watcher::Ready, Poller::Woken, Poller::Quiescent, nullptr};
    ASSERT_EQ(0, BackendStart(&Events));
    Quiesce();
}

void Poller::Stop()
{
    BackendStop();
}

void Poller::Woken()
{
}

void Poller::Quiescent()
{
    Thread_ = GetCurrentThreadId();
    Rounds_++;
}

void Poller::Quiesce()
{
    int Before = Rounds_;
    BackendWake();
    EXPECT_TRUE(::Await([&] { return Rounds_ != Before; }));
}

void Poller::Settle()
{
    EXPECT_TRUE(::Await([] {
        int Before = Rounds_;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        return Rounds_ == Before;
    }));
}

Poller::Halt::Halt()
    : Thread_(OpenThread(THREAD_SUSPEND_RESUME, FALSE, Poller::Thread_)), Releaser_([this] { Release(); })
{
    DWORD Before = SuspendThread(Thread_);
    Stopped_ = true;
    EXPECT_EQ(0u, Before);
}

Poller::Halt::~Halt()
{
    Releaser_.join();
    CloseHandle(Thread_);
}

void Poller::Halt::Release()
{
    (void)::Await([this] { return Stopped_.load(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    Over_ = true;
    ResumeThread(Thread_);
}

/* ---- streams ----------------------------------------------------------------------------------------- */

/* Dissolving releases the port for a moment, hence a quiet port. */
Pair::Pair(uint16_t Family) : Listener(Family), Tcp(BackendStream, Family)
{
    EXPECT_EQ(0, Tcp.Bind(peer::QuietPort()));
    Tcp.Watch(BACKEND_READABLE | BACKEND_WRITABLE);
    EXPECT_EQ(0, Tcp.ConnectFully(Listener.Port()));
    Far = Listener.Accept();
    EXPECT_TRUE(Far.IsOpen());
}

size_t Pair::Fill()
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

std::string Pattern(size_t Size)
{
    std::string Data(Size, '\0');
    for (size_t Index = 0; Index < Size; Index++) {
        Data[Index] = static_cast<char>(Index * 7 + Index / 251);
    }
    return Data;
}

} // namespace wsk
