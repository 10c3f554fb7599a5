/* SPDX-License-Identifier: Apache-2.0
 *
 * Misuse that Driver Verifier or a crash would reveal on Windows: each is a bugcheck that names the function.
 */
#include "fixture.h"
#include "peer.h"

#include <atomic>
#include <future>

namespace wsk {

class MisuseDeathTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        GTEST_FLAG_SET(death_test_style, "threadsafe");
    }
};

static NTSTATUS Ignore(PDEVICE_OBJECT, PIRP, PVOID)
{
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Closes the socket while a call is executing: the completion routine of an inline completion does not
 * return. */
static void CloseWhileInside()
{
    Client Owner;
    Datagram Udp(Owner);
    std::atomic<bool> Inside{false};
    std::promise<void> Never;
    Request Bind;
    SOCKADDR_INET Address = V4(0);
    Bind.OnCompletion = [&] {
        Inside = true;
        Never.get_future().wait();
    };
    std::thread Caller([&] { Udp->WskBind(Udp.Get(), Raw(Address), 0, Bind.Irp()); });
    Await([&] { return Inside.load(); });
    Udp.Close();
}

static void DeregisterInCompletion()
{
    Client Owner;
    Datagram Udp(Owner);
    Request Bind;
    SOCKADDR_INET Address = V4(0);
    Bind.OnCompletion = [&] { WskDeregister(&Owner.Registration); };
    Udp->WskBind(Udp.Get(), Raw(Address), 0, Bind.Irp());
}

TEST_F(MisuseDeathTest, NoIrp)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, nullptr);
        },
        "WskBind: called without an IRP");
}

TEST_F(MisuseDeathTest, NoIrpForARequiredOption)
{
    ULONG On = 1;
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Udp->Basic.WskControlSocket(Udp.Get(), WskSetOption, SO_BROADCAST, SOL_SOCKET, sizeof(On), &On, 0,
                                        nullptr, nullptr, nullptr);
        },
        "WskControlSocket: called without an IRP");
}

TEST_F(MisuseDeathTest, NoCompletionRoutine)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, IoAllocateIrp(1, FALSE));
        },
        "WskBind: the IRP has no completion routine");
}

TEST_F(MisuseDeathTest, CompletionRoutineNotForAllOutcomes)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            PIRP Irp = IoAllocateIrp(1, FALSE);
            IoSetCompletionRoutine(Irp, Ignore, nullptr, TRUE, FALSE, TRUE);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, Irp);
        },
        "WskBind: the IRP's completion routine is not set for");
}

TEST_F(MisuseDeathTest, NoStackLocation)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            PIRP Irp = IoAllocateIrp(1, FALSE);
            IoSetNextIrpStackLocation(Irp);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, Irp);
        },
        "WskBind: the IRP has no stack location");
}

TEST_F(MisuseDeathTest, CallAboveDispatchLevel)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Request Bind;
            KIRQL Irql;
            KeRaiseIrql(HIGH_LEVEL, &Irql);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, Bind.Irp());
        },
        "WskBind: called above DISPATCH_LEVEL");
}

TEST_F(MisuseDeathTest, CallAfterClose)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Request Bind;
            PWSK_SOCKET Handle = Udp.Get();
            const auto* Table = static_cast<const WSK_PROVIDER_DATAGRAM_DISPATCH*>(Handle->Dispatch);
            Udp.Close();
            Table->WskBind(Handle, Raw(Address), 0, Bind.Irp());
        },
        "WskBind: called (with what is not a socket|for a socket after)");
}

TEST_F(MisuseDeathTest, CloseTwice)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Request First;
            Request Second;
            const WSK_PROVIDER_BASIC_DISPATCH* Table = Udp.Basic();
            Table->WskCloseSocket(Udp.Get(), First.Irp());
            Table->WskCloseSocket(Udp.Get(), Second.Irp());
        },
        "WskCloseSocket: called");
}

TEST_F(MisuseDeathTest, CloseWhileAnotherThreadIsInside)
{
    EXPECT_DEATH(CloseWhileInside(), "WskCloseSocket: called while another thread executes a call");
}

TEST_F(MisuseDeathTest, WrongCategory)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Connection Tcp(Owner);
            Request Send;
            Buffer Payload("x");
            Tcp->WskSend(Udp.Get(), Payload.Wsk(), 0, Send.Irp());
        },
        "WskSend: called for a socket of a category");
}

TEST_F(MisuseDeathTest, NullSocket)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Udp->WskRelease(nullptr, nullptr);
        },
        "WskRelease: called with NULL");
}

TEST_F(MisuseDeathTest, WaitingCaptureAtDispatchLevel)
{
    EXPECT_DEATH(
        {
            Client Owner;
            WSK_PROVIDER_NPI Npi;
            KIRQL Irql;
            KeRaiseIrql(DISPATCH_LEVEL, &Irql);
            WskCaptureProviderNPI(&Owner.Registration, 10, &Npi);
        },
        "WskCaptureProviderNPI: called to wait above PASSIVE_LEVEL");
}

TEST_F(MisuseDeathTest, ReleaseWithoutCapture)
{
    EXPECT_DEATH(
        {
            Client Owner;
            WskReleaseProviderNPI(&Owner.Registration);
            WskReleaseProviderNPI(&Owner.Registration);
        },
        "WskReleaseProviderNPI: called more often");
}

TEST_F(MisuseDeathTest, CallWithoutCapture)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Request Create;
            WskReleaseProviderNPI(&Owner.Registration);
            Owner->WskSocket(Owner.Npi.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET,
                             nullptr, nullptr, nullptr, nullptr, nullptr, Create.Irp());
        },
        "WskSocket: called without a capture");
}

TEST_F(MisuseDeathTest, DeregisterFromACompletionRoutine)
{
    EXPECT_DEATH(DeregisterInCompletion(), "WskDeregister: called from a WSK callback or completion routine");
}

TEST_F(MisuseDeathTest, DeregisterOfNothing)
{
    EXPECT_DEATH(
        {
            WSK_REGISTRATION Registration = {};
            WskDeregister(&Registration);
        },
        "WskDeregister: called with a registration that WskRegister did not make");
}

TEST_F(MisuseDeathTest, DeregisterAtDispatchLevel)
{
    EXPECT_DEATH(
        {
            Client Owner;
            KIRQL Irql;
            KeRaiseIrql(DISPATCH_LEVEL, &Irql);
            WskDeregister(&Owner.Registration);
        },
        "WskDeregister: called above PASSIVE_LEVEL");
}

TEST_F(MisuseDeathTest, NoCompletionRoutineForAnIrpWithALocationOfItsOwner)
{
    SOCKADDR_INET Address = V4(0);
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            PIRP Irp = IoAllocateIrp(2, FALSE);
            IoSetNextIrpStackLocation(Irp);
            Udp->WskBind(Udp.Get(), Raw(Address), 0, Irp);
        },
        "WskBind: the IRP has no completion routine");
}

/* ---- memory that is lent ----------------------------------------------------------------------------- */

/* A connection whose peer neither reads nor sends, so that requests pend. */
struct Stuck {
    Stuck() : Tcp(Owner), Memory(32u << 20)
    {
        Tcp.ConnectTo(Server.Port());
        Peer = Server.Accept();
    }
    void Send()
    {
        Tcp->WskSend(Tcp.Get(), Memory.Wsk(), 0, Waiting.Irp());
    }
    void Receive()
    {
        Tcp->WskReceive(Tcp.Get(), Memory.Wsk(), 0, Waiting.Irp());
    }

    peer::TcpListener Server;
    peer::Tcp Peer;
    Client Owner;
    Connection Tcp;
    Buffer Memory;
    Request Waiting;
};

TEST_F(MisuseDeathTest, FreeOfTheMdlOfAPendingSend)
{
    EXPECT_DEATH(
        {
            Stuck Case;
            Case.Send();
            IoFreeMdl(Case.Memory.Wsk()->Mdl);
        },
        "IoFreeMdl was called for 0x[0-9a-f]+, which is lent to WskSend: the IRP 0x[0-9a-f]+ of the socket "
        "0x");
}

TEST_F(MisuseDeathTest, FreeOfThePoolOfAPendingSend)
{
    EXPECT_DEATH(
        {
            Stuck Case;
            Case.Send();
            ExFreePool(Case.Memory.Memory());
        },
        "ExFreePool.* was called for 0x[0-9a-f]+, which is lent to WskSend: the IRP");
}

TEST_F(MisuseDeathTest, FreeOfPoolThatAPendingReceiveHasAPieceOf)
{
    EXPECT_DEATH(
        {
            Stuck Case;
            Case.Memory.Wsk()->Mdl->StartVa = Add2Ptr(Case.Memory.Wsk()->Mdl->StartVa, 0x5000);
            Case.Memory.Wsk()->Length = 100;
            Case.Receive();
            ExFreePoolWithTag(Case.Memory.Memory(), Tag);
        },
        "ExFreePool.* was called for 0x[0-9a-f]+, which is lent to WskReceive: the IRP");
}

TEST_F(MisuseDeathTest, FreeOfTheSecondMdlOfAPendingReceiveFrom)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Datagram Udp(Owner);
            Buffer Memory(100, 2);
            Request Waiting;
            Udp.Bind(V4(0));
            Udp->WskReceiveFrom(Udp.Get(), Memory.Wsk(), 0, nullptr, nullptr, nullptr, nullptr,
                                Waiting.Irp());
            IoFreeMdl(Memory.Wsk()->Mdl->Next);
        },
        "IoFreeMdl was called for 0x[0-9a-f]+, which is lent to WskReceiveFrom: the IRP");
}

TEST_F(MisuseDeathTest, FreeAddressInfoOfNothing)
{
    EXPECT_DEATH(
        {
            Client Owner;
            Owner->WskFreeAddressInfo(Owner.Npi.Client, nullptr);
        },
        "WskFreeAddressInfo: called for a list");
}

static PADDRINFOEXW FindLoopback(Client& Owner)
{
    Request Lookup;
    WCHAR Text[] = L"127.0.0.1";
    UNICODE_STRING Node = {sizeof(Text) - sizeof(WCHAR), sizeof(Text), Text};
    PADDRINFOEXW List = nullptr;
    EXPECT_STATUS(STATUS_SUCCESS,
                  Lookup.Finish(Owner->WskGetAddressInfo(Owner.Npi.Client, &Node, nullptr, NS_ALL, nullptr,
                                                         nullptr, &List, nullptr, nullptr, Lookup.Irp())));
    return List;
}

TEST_F(MisuseDeathTest, AddressInfoThatIsNotFreedBeforeDeregister)
{
    EXPECT_DEATH(
        {
            Client Owner;
            (void)FindLoopback(Owner);
        },
        "WskDeregister: called before a list of WskGetAddressInfo was given to WskFreeAddressInfo");
}

TEST_F(MisuseDeathTest, AddressInfoThatIsFreedTwice)
{
    EXPECT_DEATH(
        {
            Client Owner;
            PADDRINFOEXW List = FindLoopback(Owner);
            Owner->WskFreeAddressInfo(Owner.Npi.Client, List);
            Owner->WskFreeAddressInfo(Owner.Npi.Client, List);
        },
        "WskFreeAddressInfo: called for a list");
}

} // namespace wsk
