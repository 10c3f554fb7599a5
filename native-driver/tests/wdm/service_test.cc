/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading and unloading of drivers, and what they must not leave behind.
 */
#include "test_driver.h"

#include <atomic>

#include <unistd.h>

namespace {

constexpr ULONG kTag = 0x6B61654C; /* 'Leak' */

class Service : public DriverTest {};
using ServiceDeath = Service;

NTSTATUS EntryWithoutUnload(PDRIVER_OBJECT, PUNICODE_STRING)
{
    return STATUS_SUCCESS;
}

std::u16string seenPath, seenName;
PEPROCESS seenProcess;

NTSTATUS EntryThatFails(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    seenPath.assign(reinterpret_cast<const char16_t*>(path->Buffer), path->Length / 2);
    seenName.assign(reinterpret_cast<const char16_t*>(driver->DriverName.Buffer),
                    driver->DriverName.Length / 2);
    seenProcess = PsGetCurrentProcess();
    return STATUS_DEVICE_NOT_READY;
}

TEST_F(Service, EntryIsToldItsNamesAndMayFail)
{
    EXPECT_STATUS(STATUS_DEVICE_NOT_READY, HostLoadDriver(L"Some", EntryThatFails));
    EXPECT_EQ(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\Some", seenPath);
    EXPECT_EQ(u"\\Driver\\Some", seenName);
    EXPECT_EQ((HANDLE)4, PsGetProcessId(seenProcess));
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, HostUnloadDriver(L"Some"));
}

TEST_F(Service, LoadsOnceAndAgainAfterUnload)
{
    Load();
    EXPECT_STATUS(STATUS_IMAGE_ALREADY_LOADED, HostLoadDriver(L"wdmtest", TestDriverEntry));
    EXPECT_STATUS(STATUS_OBJECT_NAME_COLLISION, HostLoadDriver(L"Second", TestDriverEntry));
    Unload();
    Load();
    NtClose(Open());
}

TEST_F(Service, DevicesAreReadyAfterEntry)
{
    Load();
    EXPECT_EQ(0u, driver.device->Flags & DO_DEVICE_INITIALIZING);
    EXPECT_NE(0u, driver.device->Flags & DO_DEVICE_HAS_NAME);
    EXPECT_EQ(driver.device, driver.driver->DeviceObject);
}

TEST_F(Service, WithoutUnloadRoutineADriverStays)
{
    EXPECT_EXIT(
        {
            HostLoadDriver(L"Stays", EntryWithoutUnload);
            exit(HostUnloadDriver(L"Stays") == STATUS_INVALID_DEVICE_REQUEST ? 7 : 1);
        },
        ::testing::ExitedWithCode(7), "");
}

TEST_F(Service, UnloadWaitsForOpenFilesAndRefusesNewOnes)
{
    Load();
    HANDLE file = Open();
    std::atomic<bool> unloaded{false};
    std::thread unloader([&] {
        EXPECT_STATUS(STATUS_SUCCESS, HostUnloadDriver(L"WdmTest"));
        unloaded = true;
    });
    HANDLE refused = nullptr;
    EXPECT_TRUE(Await([&] {
        NTSTATUS status = HostOpenFile(L"\\\\.\\WdmTest", GENERIC_READ, &refused);
        if (NT_SUCCESS(status)) {
            NtClose(refused);
        }
        return status == STATUS_DELETE_PENDING;
    }));
    EXPECT_STATUS(STATUS_DELETE_PENDING, HostUnloadDriver(L"WdmTest"));
    IO_STATUS_BLOCK block;
    EXPECT_STATUS(STATUS_SUCCESS, Control(file, kBuffered, &block)); /* an open file still works */
    EXPECT_FALSE(unloaded);
    std::vector<std::string> log = driver.TakeLog();
    EXPECT_EQ(0, std::count(log.begin(), log.end(), "unload"));
    NtClose(file);
    unloader.join();
    loaded = false;
    EXPECT_EQ((std::vector<std::string>{"cleanup", "close", "unload"}), driver.TakeLog());
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, HostOpenFile(L"\\\\.\\WdmTest", GENERIC_READ, &refused));
}

/* A completion routine may free its IRP, signal that, and have its driver unloaded before it returns. */
TEST_F(Service, UnloadWaitsForACompletionRoutineThatKeepsTheDriver)
{
    std::atomic<bool> running{false}, go{false}, unloaded{false};
    struct Context {
        std::atomic<bool>*running, *go;
    } context = {&running, &go};
    Load();
    PIRP irp = IoAllocateIrp(1, FALSE);
    ASSERT_STATUS(STATUS_SUCCESS, IoSetCompletionRoutineEx(
                                      driver.device, irp,
                                      [](PDEVICE_OBJECT, PIRP irp, PVOID raw) -> NTSTATUS {
                                          auto* context = static_cast<Context*>(raw);
                                          IoFreeIrp(irp);
                                          *context->running = true;
                                          EXPECT_TRUE(Await([&] { return context->go->load(); }));
                                          return STATUS_MORE_PROCESSING_REQUIRED;
                                      },
                                      &context, TRUE, TRUE, TRUE));
    IoSetNextIrpStackLocation(irp);
    std::thread completer([&] { Complete(irp, STATUS_SUCCESS); });
    ASSERT_TRUE(Await([&] { return running.load(); }));
    std::thread unloader([&] {
        Unload();
        unloaded = true;
    });
    EXPECT_TRUE(Await([&] {
        std::vector<std::string> log = driver.TakeLog();
        return std::count(log.begin(), log.end(), "unload") == 1;
    })) << "it does not keep the unload routine from running";
    EXPECT_FALSE(unloaded);
    go = true;
    completer.join();
    unloader.join();
}

TEST_F(Service, ACompletionRoutineThatKeepsTheDriverNeedsMemory)
{
    Load();
    PIRP irp = IoAllocateIrp(1, FALSE);
    HostFailAllocation(1, 0);
    EXPECT_STATUS(STATUS_INSUFFICIENT_RESOURCES,
                  IoSetCompletionRoutineEx(
                      driver.device, irp, [](PDEVICE_OBJECT, PIRP, PVOID) { return STATUS_SUCCESS; }, nullptr,
                      TRUE, TRUE, TRUE));
    IoFreeIrp(irp);
}

TEST_F(Service, ManyLoads)
{
    for (int i = 0; i < 50; i++) {
        Load();
        NtClose(Open());
        Unload();
    }
}

TEST_F(Service, SymbolicLinksCollideAndAreDeletedOnce)
{
    UNICODE_STRING link, device;
    RtlInitUnicodeString(&link, L"\\??\\WdmTestLink");
    RtlInitUnicodeString(&device, L"\\Device\\WdmTest");
    EXPECT_STATUS(STATUS_SUCCESS, IoCreateSymbolicLink(&link, &device));
    EXPECT_STATUS(STATUS_OBJECT_NAME_COLLISION, IoCreateSymbolicLink(&link, &device));
    EXPECT_STATUS(STATUS_SUCCESS, IoDeleteSymbolicLink(&link));
    EXPECT_STATUS(STATUS_OBJECT_NAME_NOT_FOUND, IoDeleteSymbolicLink(&link));
}

TEST_F(Service, MemoryOfOthersIsNoLeak)
{
    PVOID earlier = ExAllocatePoolWithTag(NonPagedPoolNx, 10, kTag);
    Load();
    Unload();
    ExFreePool(earlier);
}

/* ---- leaks ------------------------------------------------------------------------------------------- */

TEST_F(ServiceDeath, PoolIsLeft)
{
    driver.beforeUnload = [] { ExAllocatePoolWithTag(NonPagedPoolNx, 33, kTag); };
    Load();
    EXPECT_DEATH(Unload(), "0x000000C4 .DRIVER_VERIFIER_DETECTED_VIOLATION(.|\n)*WdmTest(.|\n)*"
                           "pool 'Leak': 1 allocated, 33 bytes");
    driver.beforeUnload = nullptr;
}

TEST_F(ServiceDeath, PoolIsLeftByAnotherThread)
{
    Load();
    EXPECT_DEATH(
        {
            std::thread([] { ExAllocatePoolWithTag(NonPagedPoolNx, 33, kTag); }).join();
            Unload();
        },
        "pool 'Leak'");
}

TEST_F(ServiceDeath, OtherThingsAreLeft)
{
    static KTIMER timer;
    Load();
    struct {
        std::function<void()> leave;
        const char* report;
    } cases[] = {
        {[] { IoAllocateIrp(1, FALSE); }, "IRP 'Irp ': 1"},
        {[] { IoAllocateMdl(&timer, 8, FALSE, FALSE, nullptr); }, "MDL 'Mdl ': 1"},
        {[this] { IoAllocateWorkItem(driver.device); }, "work item"},
        {[this] { ObReferenceObject(driver.device); }, "references of objects: 1"},
        {[] {
             KeInitializeTimer(&timer);
             KeSetTimer(&timer, Milliseconds(1000000), nullptr);
         },
         "timers that are set: 1"},
        {[this] {
             PDEVICE_OBJECT extra;
             IoCreateDevice(driver.driver, 0, nullptr, FILE_DEVICE_UNKNOWN, 0, FALSE, &extra);
             driver.driver->DeviceObject = driver.device;
         },
         "devices: 1"},
        {[] {
             UNICODE_STRING link, device;
             RtlInitUnicodeString(&link, L"\\??\\WdmTestLink");
             RtlInitUnicodeString(&device, L"\\Device\\WdmTest");
             IoCreateSymbolicLink(&link, &device);
         },
         "symbolic links: 1"},
        {[] {
             HANDLE thread;
             PsCreateSystemThread(
                 &thread, THREAD_ALL_ACCESS, nullptr, nullptr, nullptr,
                 [](PVOID) {
                     for (;;) {
                         LARGE_INTEGER interval = Milliseconds(100);
                         KeDelayExecutionThread(KernelMode, FALSE, &interval);
                     }
                 },
                 nullptr);
         },
         "system threads that run: 1"},
    };
    for (auto& c : cases) {
        driver.beforeUnload = c.leave;
        EXPECT_DEATH(Unload(), c.report);
    }
    driver.beforeUnload = nullptr;
}

TEST_F(ServiceDeath, UnloadedInACompletionRoutineThatDoesNotKeepTheDriver)
{
    Load();
    EXPECT_DEATH(
        {
            std::atomic<bool> running{false};
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoSetCompletionRoutine(
                irp,
                [](PDEVICE_OBJECT, PIRP irp, PVOID running) -> NTSTATUS {
                    IoFreeIrp(irp);
                    *static_cast<std::atomic<bool>*>(running) = true;
                    pause();
                    return STATUS_MORE_PROCESSING_REQUIRED;
                },
                &running, TRUE, TRUE, TRUE);
            IoSetNextIrpStackLocation(irp);
            std::thread completer([&] { Complete(irp, STATUS_SUCCESS); });
            Await([&] { return running.load(); });
            Unload();
        },
        "0x000000CE.*\n.*WdmTest.*IoSetCompletionRoutineEx");
}

/* The memory that IoSetCompletionRoutineEx allocates is freed only when the IRP is completed. */
TEST_F(ServiceDeath, ACompletionRoutineThatIsNeverCalled)
{
    Load();
    EXPECT_DEATH(
        {
            PIRP irp = IoAllocateIrp(1, FALSE);
            IoSetCompletionRoutineEx(
                driver.device, irp, [](PDEVICE_OBJECT, PIRP, PVOID) { return STATUS_SUCCESS; }, nullptr, TRUE,
                TRUE, TRUE);
            IoFreeIrp(irp);
            Unload();
        },
        "pool 'IoUs': 1 allocated");
}

/* The driver's unload routine runs in the thread that closes the last handle. */
TEST_F(ServiceDeath, UnloadWaitsInTheThreadOfAUser)
{
    Load();
    EXPECT_DEATH(
        {
            KEVENT never;
            KeInitializeEvent(&never, NotificationEvent, FALSE);
            driver.beforeUnload = [&] {
                KeWaitForSingleObject(&never, Executive, KernelMode, FALSE, nullptr);
            };
            HANDLE file = Open();
            std::thread unloader([&] { Unload(); });
            HANDLE refused = nullptr;
            Await([&] {
                NTSTATUS status = HostOpenFile(L"\\\\.\\WdmTest", GENERIC_READ, &refused);
                if (NT_SUCCESS(status)) {
                    NtClose(refused);
                }
                return status == STATUS_DELETE_PENDING;
            });
            NtClose(file);
            unloader.join();
        },
        "DRIVER_VERIFIER.*\n.*DriverUnload routine of WdmTest waits");
}

/* Without an open handle the unload runs in a system thread. */
TEST_F(Service, UnloadMayWaitInASystemThread)
{
    driver.beforeUnload = [] {
        LARGE_INTEGER interval = Milliseconds(5500); /* a user's thread may not wait for 5 seconds */
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
    };
    Load();
    Unload();
    driver.beforeUnload = nullptr;
}

TEST_F(ServiceDeath, AFailedEntryLeavesADevice)
{
    EXPECT_DEATH(HostLoadDriver(L"Bad",
                                [](PDRIVER_OBJECT object, PUNICODE_STRING) -> NTSTATUS {
                                    PDEVICE_OBJECT device;
                                    IoCreateDevice(object, 0, nullptr, FILE_DEVICE_UNKNOWN, 0, FALSE,
                                                   &device);
                                    return STATUS_UNSUCCESSFUL;
                                }),
                 "devices: 1");
}

TEST_F(ServiceDeath, TheReportReachesTheBugcheckRoutine)
{
    EXPECT_EXIT(
        {
            HostSetBugcheckRoutine([](ULONG code, const char* report) {
                _exit(code == MANUALLY_INITIATED_CRASH && strstr(report, "0x000000E2") != nullptr ? 9 : 1);
            });
            KeBugCheckEx(MANUALLY_INITIATED_CRASH, 1, 2, 3, 4);
        },
        ::testing::ExitedWithCode(9), "STOP: 0x000000E2 .MANUALLY_INITIATED_CRASH");
}

} // namespace
