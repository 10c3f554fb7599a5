/* SPDX-License-Identifier: Apache-2.0
 *
 * WskRegister, WskDeregister, capture and release, client-level controls.
 */
#include "fixture.h"

#include <atomic>

namespace wsk {

class RegistrationTest : public WskTest {
  protected:
    WSK_CLIENT_DISPATCH Dispatch = {MAKE_WSK_VERSION(1, 0), 0, nullptr};
    WSK_CLIENT_NPI Npi = {nullptr, &Dispatch};
    WSK_REGISTRATION Registration = {};
    WSK_PROVIDER_NPI Provider = {};

    void TearDown() override
    {
        WskHostSetAvailable(TRUE);
        WskTest::TearDown();
    }
};

TEST_F(RegistrationTest, RegisterAndDeregister)
{
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    EXPECT_EQ(1u, Accounting().Registrations);
    WskDeregister(&Registration);
    EXPECT_EQ(0u, Accounting().Registrations);
}

TEST_F(RegistrationTest, RegisterNeedsADispatchTable)
{
    WSK_CLIENT_NPI None = {nullptr, nullptr};
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, WskRegister(&None, &Registration));
}

TEST_F(RegistrationTest, CaptureGivesTheTable)
{
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    ASSERT_STATUS(STATUS_SUCCESS, WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &Provider));
    EXPECT_NE(nullptr, Provider.Client);
    EXPECT_EQ(MAKE_WSK_VERSION(1, 0), Provider.Dispatch->Version);
    EXPECT_EQ(1u, Accounting().Captures);
    WskReleaseProviderNPI(&Registration);
    WskDeregister(&Registration);
}

TEST_F(RegistrationTest, CaptureAtDispatchLevelWithoutWaiting)
{
    KIRQL Irql;
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    KeRaiseIrql(DISPATCH_LEVEL, &Irql);
    EXPECT_STATUS(STATUS_SUCCESS, WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &Provider));
    WskReleaseProviderNPI(&Registration);
    KeLowerIrql(Irql);
    WskDeregister(&Registration);
}

TEST_F(RegistrationTest, UnknownVersionIsNoInterface)
{
    WSK_PROVIDER_CHARACTERISTICS Characteristics = {};
    Dispatch.Version = MAKE_WSK_VERSION(9, 9);
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    EXPECT_STATUS(STATUS_NOINTERFACE, WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &Provider));
    EXPECT_STATUS(STATUS_SUCCESS, WskQueryProviderCharacteristics(&Registration, &Characteristics));
    EXPECT_EQ(MAKE_WSK_VERSION(1, 0), Characteristics.HighestVersion);
    EXPECT_EQ(MAKE_WSK_VERSION(1, 0), Characteristics.LowestVersion);
    WskDeregister(&Registration);
}

TEST_F(RegistrationTest, CaptureOfAnUnavailableProviderTimesOut)
{
    WskHostSetAvailable(FALSE);
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &Provider));
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, WskCaptureProviderNPI(&Registration, 5, &Provider));
    WskDeregister(&Registration);
}

TEST_F(RegistrationTest, CaptureWaitsUntilTheProviderIsThere)
{
    WskHostSetAvailable(FALSE);
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    std::thread Later([] { WskHostSetAvailable(TRUE); });
    EXPECT_STATUS(STATUS_SUCCESS, WskCaptureProviderNPI(&Registration, kPatience, &Provider));
    Later.join();
    WskReleaseProviderNPI(&Registration);
    WskDeregister(&Registration);
}

TEST_F(RegistrationTest, DeregisterWakesAWaitingCapture)
{
    ThreadNumber Number{0};
    NTSTATUS Status = STATUS_SUCCESS;
    WskHostSetAvailable(FALSE);
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    std::thread Captor([&] {
        Number = OwnThreadNumber();
        Status = WskCaptureProviderNPI(&Registration, WSK_INFINITE_WAIT, &Provider);
    });
    EXPECT_TRUE(AwaitSleep(Number));
    WskDeregister(&Registration);
    Captor.join();
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, Status);
}

TEST_F(RegistrationTest, DeregisterWaitsForSocketsAndCaptures)
{
    std::atomic<int> Step{0};
    Request Create;
    ASSERT_STATUS(STATUS_SUCCESS, WskRegister(&Npi, &Registration));
    ASSERT_STATUS(STATUS_SUCCESS, WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &Provider));
    ASSERT_STATUS(STATUS_SUCCESS,
                  Create.Finish(Provider.Dispatch->WskSocket(
                      Provider.Client, AF_INET, SOCK_DGRAM, IPPROTO_UDP, WSK_FLAG_DATAGRAM_SOCKET, nullptr,
                      nullptr, nullptr, nullptr, nullptr, Create.Irp())));
    Socket Open(reinterpret_cast<PWSK_SOCKET>(Create.Information()));

    std::thread Deregister([&] {
        Step = 1;
        WskDeregister(&Registration);
        Step = 2;
    });
    ASSERT_TRUE(Await([&] { return Step == 1; }));
    EXPECT_TRUE(Await([&] {
        /* No capture succeeds once deregistration started. */
        WSK_PROVIDER_NPI More;
        NTSTATUS Status = WskCaptureProviderNPI(&Registration, WSK_NO_WAIT, &More);
        if (NT_SUCCESS(Status)) {
            WskReleaseProviderNPI(&Registration);
        }
        return Status == STATUS_DEVICE_NOT_READY;
    }));
    EXPECT_EQ(1, Step);
    Open.Close();
    std::this_thread::sleep_for(std::chrono::milliseconds(10)); /* for nothing to happen */
    EXPECT_EQ(1, Step) << "a capture is not released yet";
    WskReleaseProviderNPI(&Registration);
    Deregister.join();
    EXPECT_EQ(2, Step);
}

TEST_F(RegistrationTest, SeveralClientsAtOnce)
{
    Client First;
    {
        Client Second;
        Datagram Socket(Second);
        EXPECT_EQ(2u, Accounting().Registrations);
        EXPECT_EQ(1u, Accounting().Sockets);
    }
    Datagram Socket(First);
    EXPECT_STATUS(STATUS_SUCCESS, Socket.Bind(V4(0)));
}

TEST_F(RegistrationTest, TdiBehaviorBeforeTheFirstSocketOnly)
{
    Client Owner;
    ULONG Bypass = WSK_TDI_BEHAVIOR_BYPASS_TDI;
    EXPECT_STATUS(STATUS_SUCCESS, Owner->WskControlClient(Owner.Npi.Client, WSK_TDI_BEHAVIOR, sizeof(Bypass),
                                                          &Bypass, 0, nullptr, nullptr, nullptr));
    Datagram Socket(Owner);
    EXPECT_STATUS(STATUS_INVALID_DEVICE_STATE,
                  Owner->WskControlClient(Owner.Npi.Client, WSK_TDI_BEHAVIOR, sizeof(Bypass), &Bypass, 0,
                                          nullptr, nullptr, nullptr));
}

TEST_F(RegistrationTest, TransportListTellsItsSizeFirst)
{
    Client Owner;
    SIZE_T Size = 0;
    EXPECT_STATUS(STATUS_BUFFER_OVERFLOW, Owner->WskControlClient(Owner.Npi.Client, WSK_TRANSPORT_LIST_QUERY,
                                                                  0, nullptr, 0, nullptr, &Size, nullptr));
    std::vector<WSK_TRANSPORT> List(Size / sizeof(WSK_TRANSPORT));
    ASSERT_EQ(4u, List.size());
    EXPECT_STATUS(STATUS_SUCCESS, Owner->WskControlClient(Owner.Npi.Client, WSK_TRANSPORT_LIST_QUERY, 0,
                                                          nullptr, Size, List.data(), &Size, nullptr));
    EXPECT_EQ(AF_INET, List[0].AddressFamily);
}

TEST_F(RegistrationTest, TransportListChangeCompletesItsIrp)
{
    Client Owner;
    Request Change;
    EXPECT_STATUS(STATUS_NOT_SUPPORTED,
                  Change.Finish(Owner->WskControlClient(Owner.Npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0,
                                                        nullptr, 0, nullptr, nullptr, Change.Irp())));
}

} // namespace wsk
