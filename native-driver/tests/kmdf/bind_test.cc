/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding a driver to the framework, the function table, driver creation.
 */
#include "support.h"

namespace {

using Bind = KmdfTest;

/* Calls Body with the driver object of a service that fails to load afterwards. */
void WithDriverObject(TestDriver& Driver, const std::function<void(PDRIVER_OBJECT, PUNICODE_STRING)>& Body)
{
    Driver.Entry = [&](PDRIVER_OBJECT Object, PUNICODE_STRING Path) {
        Body(Object, Path);
        return STATUS_UNSUCCESSFUL;
    };
    EXPECT_STATUS(STATUS_UNSUCCESSFUL, HostLoadDriver(L"KmdfTest", FxDriverEntry));
}

struct Client {
    const WDFFUNC* Table = nullptr;
    WDF_BIND_INFO Info = {
        sizeof(WDF_BIND_INFO), const_cast<PWCHAR>(L"KmdfLibrary"), {1, 15, 0}, 444, nullptr, nullptr};
    PWDF_DRIVER_GLOBALS Globals = nullptr;

    Client()
    {
        Info.FuncTable = static_cast<WDFFUNC*>(static_cast<PVOID>(&Table));
    }

    NTSTATUS Bind(PDRIVER_OBJECT Object, PUNICODE_STRING Path)
    {
        NTSTATUS Status = WdfVersionBind(Object, Path, &Info, &Globals);
        if (NT_SUCCESS(Status)) {
            EXPECT_STATUS(STATUS_SUCCESS, WdfVersionUnbind(Path, &Info, Globals));
        }
        return Status;
    }
};

TEST_F(Bind, AcceptsEachVersionWithItsOwnCount)
{
    WithDriverObject(Driver, [](PDRIVER_OBJECT Object, PUNICODE_STRING Path) {
        Client Exact;
        EXPECT_STATUS(STATUS_SUCCESS, Exact.Bind(Object, Path));
        EXPECT_EQ(nullptr, Exact.Table) << "unbinding takes the table back";
        Client WrongCount;
        WrongCount.Info.FuncCount = 443;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, WrongCount.Bind(Object, Path));
        WrongCount.Info.FuncCount = 438;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, WrongCount.Bind(Object, Path));
        WrongCount.Info.FuncCount = 445;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, WrongCount.Bind(Object, Path));
        Client WrongSize;
        WrongSize.Info.Size = 40;
        EXPECT_FALSE(NT_SUCCESS(WrongSize.Bind(Object, Path)));
        Client WrongComponent;
        WrongComponent.Info.Component = const_cast<PWCHAR>(L"KmdfLibrar");
        EXPECT_FALSE(NT_SUCCESS(WrongComponent.Bind(Object, Path)));
        Client TooNew;
        TooNew.Info.Version.Minor = 33;
        TooNew.Info.FuncCount = 458;
        EXPECT_FALSE(NT_SUCCESS(TooNew.Bind(Object, Path)));
        Client OtherMajor;
        OtherMajor.Info.Version.Major = 2;
        EXPECT_FALSE(NT_SUCCESS(OtherMajor.Bind(Object, Path)));
    });
}

TEST_F(Bind, FillsTheArrayOfAnOldDriver)
{
    WithDriverObject(Driver, [](PDRIVER_OBJECT Object, PUNICODE_STRING Path) {
        std::vector<WDFFUNC> Table(397, nullptr);
        Client Old;
        Old.Info.Version.Minor = 9;
        Old.Info.FuncCount = 396;
        Old.Info.FuncTable = Table.data();
        ASSERT_STATUS(STATUS_SUCCESS, Old.Bind(Object, Path));
        for (size_t i = 0; i < 396; i++) {
            EXPECT_NE(nullptr, Table[i]) << i;
        }
        EXPECT_EQ(nullptr, Table[396]);
    });
}

TEST_F(Bind, ServesANewDriverThatCanDoWithLess)
{
    WithDriverObject(Driver, [](PDRIVER_OBJECT Object, PUNICODE_STRING Path) {
        ULONG Minimum = 15, Count = 0, Structs = 9;
        BOOLEAN Higher = FALSE;
        Client New;
        WDF_BIND_INFO2 Info = {New.Info, &Minimum, &Higher, &Count, &Structs, nullptr};
        Info.V1.Size = sizeof(Info);
        Info.V1.Version.Minor = 25;
        Info.V1.FuncCount = 453;
        ASSERT_STATUS(STATUS_SUCCESS, WdfVersionBind(Object, Path, &Info.V1, &New.Globals));
        EXPECT_TRUE(Higher);
        EXPECT_EQ(444u, Count);
        EXPECT_EQ(0u, Structs);
        WdfVersionUnbind(Path, &Info.V1, New.Globals);
        Minimum = 25;
        EXPECT_FALSE(NT_SUCCESS(WdfVersionBind(Object, Path, &Info.V1, &New.Globals)));
    });
}

TEST_F(Bind, FillsEachSlotWithAFunctionOfItsOwn)
{
    Load();
    for (ULONG i = 0; i < WdfFunctionTableNumEntries; i++) {
        ASSERT_NE(nullptr, WdfFunctions[i]) << i;
        for (ULONG j = 0; j < i; j++) {
            ASSERT_NE(WdfFunctions[j], WdfFunctions[i]) << i << " and " << j;
        }
    }
}

TEST_F(Bind, StopsAtAFunctionThatIsNotImplemented)
{
    EXPECT_STOP(
        {
            Load();
            WdfFunctions[WdfDeviceCreateDeviceInterfaceTableIndex]();
        },
        "WdfDeviceCreateDeviceInterface \\(slot 77");
    EXPECT_STOP(
        {
            Load();
            WdfFunctions[0]();
        },
        "slot 0 of the function table");
}

TEST_F(Bind, NamesTheDriverAfterItsService)
{
    Load();
    EXPECT_STREQ("KmdfTest", WdfDriverGlobals->DriverName);
    EXPECT_EQ(0x66646D4Bu, WdfDriverGlobals->DriverTag) << "the first letters of the name";
    EXPECT_EQ(Driver.Driver, WdfGetDriver());
    EXPECT_TRUE(WdfDriverGlobals->DisplaceDriverUnload);
    EXPECT_EQ(nullptr, WdfDriverWdmGetDriverObject(Driver.Driver)->DriverExtension->AddDevice);
    PWSTR Path = WdfDriverGetRegistryPath(Driver.Driver);
    static const WCHAR Start[] = L"\\Registry\\Machine\\";
    EXPECT_EQ(0, memcmp(Path, Start, sizeof(Start) - sizeof(WCHAR)));
}

TEST_F(Bind, KnowsItsVersion)
{
    Load();
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS Params;
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS_INIT(&Params, 1, 15);
    EXPECT_TRUE(WdfDriverIsVersionAvailable(Driver.Driver, &Params));
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS_INIT(&Params, 1, 17);
    EXPECT_FALSE(WdfDriverIsVersionAvailable(Driver.Driver, &Params));
    WDF_DRIVER_VERSION_AVAILABLE_PARAMS_INIT(&Params, 2, 0);
    EXPECT_FALSE(WdfDriverIsVersionAvailable(Driver.Driver, &Params));
}

TEST_F(Bind, ChecksTheDriverConfiguration)
{
    WithDriverObject(Driver, [](PDRIVER_OBJECT Object, PUNICODE_STRING Path) {
        WDF_DRIVER_CONFIG Config;
        WDFDRIVER Handle;
        WDF_DRIVER_CONFIG_INIT(&Config, nullptr);
        Config.Size = 31;
        EXPECT_STATUS(STATUS_INFO_LENGTH_MISMATCH, WdfDriverCreate(Object, Path, nullptr, &Config, &Handle));
        WDF_DRIVER_CONFIG_INIT(&Config, nullptr);
        Config.DriverInitFlags = 0x100;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, WdfDriverCreate(Object, Path, nullptr, &Config, &Handle));
        WDF_DRIVER_CONFIG_INIT(&Config, [](WDFDRIVER, PWDFDEVICE_INIT) { return STATUS_SUCCESS; });
        Config.DriverInitFlags = WdfDriverInitNonPnpDriver;
        EXPECT_STATUS(STATUS_INVALID_PARAMETER, WdfDriverCreate(Object, Path, nullptr, &Config, &Handle));
        WDF_DRIVER_CONFIG_INIT(&Config, nullptr);
        Config.DriverInitFlags = WdfDriverInitNonPnpDriver;
        ASSERT_STATUS(STATUS_SUCCESS, WdfDriverCreate(Object, Path, nullptr, &Config, &Handle));
        EXPECT_STATUS(STATUS_DRIVER_INTERNAL_ERROR, WdfDriverCreate(Object, Path, nullptr, &Config, &Handle));
        EXPECT_FALSE(WdfDriverGlobals->DisplaceDriverUnload)
            << "without EvtDriverUnload it can't be unloaded";
    });
}

int Cleanups;

TEST_F(Bind, DeletesTheObjectsOfADriverThatFailsToLoad)
{
    Cleanups = 0;
    Driver.DeviceAttributes.EvtCleanupCallback = [](WDFOBJECT) { Cleanups++; };
    bool Unloaded = false;
    Driver.Unload = [&](WDFDRIVER) { Unloaded = true; };
    Driver.DispatchType = WdfIoQueueDispatchInvalid;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, TryLoad());
    EXPECT_EQ(1, Cleanups);
    EXPECT_FALSE(Unloaded);
    Driver.DispatchType = WdfIoQueueDispatchParallel;
    Load();
    Unload();
    EXPECT_TRUE(Unloaded);
    EXPECT_EQ(2, Cleanups);
}

} // namespace
