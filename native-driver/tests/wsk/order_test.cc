/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of one direction complete in the order in which they were posted, whichever thread completes them.
 * Four threads read from one socket; the numbers in the data show in which order the provider served their
 * requests, and the completion routines record in which order it completed them.
 *
 * WSKB_ORDER_SECONDS sets how long each test runs; without it each reads a bounded number of messages.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>
#include <cstdlib>

namespace wsk {

class OrderTest : public ClientTest {
  protected:
    static constexpr int kReaders = 4;
    static constexpr ULONG kMessages = 20000;

    /* The results of the completion routines, in order. */
    class Checker {
      public:
        void Completed(const char* Memory)
        {
            ULONG Number;
            memcpy(&Number, Memory, sizeof(Number));
            std::lock_guard<std::mutex> Guard(Lock_);
            Disordered_ += (Number < Next_);
            Next_ = Number + 1;
            Count_++;
        }
        ULONG Disordered()
        {
            std::lock_guard<std::mutex> Guard(Lock_);
            return Disordered_;
        }
        ULONG Count()
        {
            std::lock_guard<std::mutex> Guard(Lock_);
            return Count_;
        }

      private:
        std::mutex Lock_;
        ULONG Next_ = 0;
        ULONG Disordered_ = 0;
        ULONG Count_ = 0;
    };

    /* When a test has run long enough. */
    class Limit {
      public:
        bool IsReached(ULONG Messages) const
        {
            return Seconds_ == 0 ? Messages >= kMessages : std::chrono::steady_clock::now() >= End_;
        }

      private:
        static int Seconds()
        {
            const char* Text = std::getenv("WSKB_ORDER_SECONDS");
            return Text == nullptr ? 0 : std::atoi(Text);
        }

        int Seconds_ = Seconds();
        std::chrono::steady_clock::time_point End_ =
            std::chrono::steady_clock::now() + std::chrono::seconds(Seconds_);
    };

    /* Each reader posts one receive after the other until one fails. */
    using Post = std::function<NTSTATUS(Buffer&, PIRP)>;
    static std::vector<std::thread> Read(Checker& Log, const Post& Receive)
    {
        std::vector<std::thread> Readers;
        for (int Index = 0; Index < kReaders; Index++) {
            Readers.emplace_back([&Log, Receive] {
                Buffer Payload(sizeof(ULONG));
                Request Call;
                Call.OnCompletion = [&] {
                    if (Call.Irp()->IoStatus.Information == sizeof(ULONG)) {
                        Log.Completed(Payload.Memory());
                    }
                };
                while (NT_SUCCESS(Call.Finish(Receive(Payload, Call.Arm()))) &&
                       Call.Information() == sizeof(ULONG)) {
                }
            });
        }
        return Readers;
    }
    static void Join(std::vector<std::thread>& Threads)
    {
        for (auto& Thread : Threads) {
            Thread.join();
        }
    }
    static std::string Text(ULONG Number)
    {
        return std::string(reinterpret_cast<const char*>(&Number), sizeof(Number));
    }
};

TEST_F(OrderTest, ReceivesOfFourReadersCompleteInTheOrderOfTheStream)
{
    Listener Server(*Owner);
    PWSK_SOCKET Handle = nullptr;
    Checker Log;
    Limit Limit_;
    ULONG Sent = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Server.Bind(V4(0)));
    {
        peer::Tcp Peer = peer::Tcp::Connect(4, Server.Port());
        ASSERT_STATUS(STATUS_SUCCESS, Server.Accept(&Handle));
        Connection Tcp(Handle);
        auto Readers = Read(Log, [&](Buffer& Payload, PIRP Irp) {
            return Tcp->WskReceive(Tcp.Get(), Payload.Wsk(), WSK_FLAG_WAITALL, Irp);
        });
        while (!Limit_.IsReached(Sent)) {
            std::string Batch;
            for (ULONG End = Sent + 1 + Sent % 7; Sent < End; Sent++) {
                Batch += Text(Sent);
            }
            if (!Peer.SendAll(Batch)) {
                ADD_FAILURE() << "the peer could not send";
                break;
            }
        }
        Peer.ShutdownSend();
        Join(Readers);
    }
    EXPECT_EQ(Sent, Log.Count());
    EXPECT_EQ(0u, Log.Disordered()) << "of " << Sent;
}

TEST_F(OrderTest, ReceivesOfFourReadersCompleteInTheOrderOfTheDatagrams)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    Checker Log;
    Limit Limit_;
    ULONG Sent = 0;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    USHORT Port = Udp.Port();
    auto Readers = Read(Log, [&](Buffer& Payload, PIRP Irp) {
        return Udp->WskReceiveFrom(Udp.Get(), Payload.Wsk(), 0, nullptr, nullptr, nullptr, nullptr, Irp);
    });
    for (; !Limit_.IsReached(Sent); Sent++) {
        ASSERT_TRUE(Peer.SendTo(Port, Text(Sent)));
        if (Sent % 16 == 15) {
            std::this_thread::yield();
        }
    }
    /* An empty datagram for each reader tells it to stop; any of them may be lost. */
    std::atomic<bool> Stopped{false};
    std::thread Stopper([&] {
        while (!Stopped) {
            (void)Peer.SendTo(Port, "");
            std::this_thread::yield();
        }
    });
    Join(Readers);
    Stopped = true;
    Stopper.join();
    EXPECT_LT(0u, Log.Count());
    EXPECT_EQ(0u, Log.Disordered()) << "of " << Log.Count();
}

/* Sends that go out at once are completed by the threads that post them, unless another thread is completing
 * already. */
TEST_F(OrderTest, SendsOfFourWritersCompleteInTheOrderOfTheDatagrams)
{
    Datagram Udp(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    std::atomic<int> Inside{0};
    std::atomic<ULONG> Together{0};
    std::vector<std::thread> Writers;
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    for (int Index = 0; Index < kReaders; Index++) {
        Writers.emplace_back([&] {
            Buffer Payload("x");
            Request Call;
            Call.OnCompletion = [&] {
                Together += (Inside.fetch_add(1) != 0);
                std::this_thread::yield();
                Inside--;
            };
            for (ULONG Round = 0; Round < kMessages / 10; Round++) {
                Call.Finish(Udp->WskSendTo(Udp.Get(), Payload.Wsk(), 0, Raw(To), 0, nullptr, Call.Arm()));
            }
        });
    }
    Join(Writers);
    EXPECT_EQ(0u, Together.load()) << "two completions at a time have no order";
}

/* A completion routine that posts the next request must neither deadlock nor recurse. */
TEST_F(OrderTest, CompletionRoutinesMayPostForEver)
{
    constexpr int kRounds = 100000;
    Datagram Udp(*Owner);
    peer::Udp Peer;
    SOCKADDR_INET To = V4(Peer.Port());
    Buffer Payload("x");
    Request Last;
    struct Loop {
        static NTSTATUS Completed(PDEVICE_OBJECT, PIRP Irp, PVOID Context)
        {
            Loop* Self = static_cast<Loop*>(Context);
            if (--Self->Left > 0) {
                IoReuseIrp(Irp, STATUS_SUCCESS);
                Self->Post();
            } else {
                Self->Done = true;
            }
            return STATUS_MORE_PROCESSING_REQUIRED;
        }
        void Post()
        {
            IoSetCompletionRoutine(Irp, Completed, this, TRUE, TRUE, TRUE);
            (void)(*Udp)->WskSendTo(Udp->Get(), Payload->Wsk(), 0, Raw(*To), 0, nullptr, Irp);
        }
        Datagram* Udp;
        Buffer* Payload;
        SOCKADDR_INET* To;
        PIRP Irp;
        int Left;
        std::atomic<bool> Done{false};
    } Loop_{&Udp, &Payload, &To, IoAllocateIrp(1, FALSE), kRounds};
    ASSERT_STATUS(STATUS_SUCCESS, Udp.Bind(V4(0)));
    Loop_.Post();
    EXPECT_TRUE(Await([&] { return Loop_.Done.load(); }));
    IoFreeIrp(Loop_.Irp);
}

} // namespace wsk
