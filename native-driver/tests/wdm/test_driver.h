/* SPDX-License-Identifier: Apache-2.0
 *
 * A plain WDM driver whose routines the tests supply, and short forms of user-mode calls.
 */
#ifndef TESTS_WDM_TEST_DRIVER_H
#define TESTS_WDM_TEST_DRIVER_H

#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "host.h"

constexpr ULONG ControlCode(ULONG function, ULONG method, ULONG access = FILE_ANY_ACCESS)
{
    return CTL_CODE(FILE_DEVICE_UNKNOWN, function, method, access);
}

constexpr ULONG kBuffered = ControlCode(0x800, METHOD_BUFFERED);
constexpr ULONG kInDirect = ControlCode(0x801, METHOD_IN_DIRECT);
constexpr ULONG kOutDirect = ControlCode(0x802, METHOD_OUT_DIRECT);
constexpr ULONG kNeither = ControlCode(0x803, METHOD_NEITHER);

using Dispatch = std::function<NTSTATUS(PIRP, PIO_STACK_LOCATION)>;

/* What the driver does; set before it is loaded, or while no request is in progress. */
struct TestDriver {
    Dispatch create, cleanup, close, control;
    std::function<void()> beforeUnload;
    PCWSTR sddl = nullptr; /* nullptr: IoCreateDevice */
    BOOLEAN exclusive = FALSE;
    CCHAR stackSize = 1;
    PDEVICE_OBJECT device = nullptr;
    PDRIVER_OBJECT driver = nullptr;

    void Log(const std::string& text)
    {
        std::lock_guard<std::mutex> guard(mutex);
        log.push_back(text);
    }
    std::vector<std::string> TakeLog()
    {
        std::lock_guard<std::mutex> guard(mutex);
        return std::move(log);
    }

  private:
    std::mutex mutex;
    std::vector<std::string> log;
};

extern TestDriver* testDriver;

NTSTATUS TestDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

NTSTATUS Complete(PIRP irp, NTSTATUS status, ULONG_PTR information = 0);

/* A cancel-safe queue of IRPs, as WDM drivers write it. */
class IrpQueue {
  public:
    IrpQueue();
    NTSTATUS Insert(PIRP irp); /* returns STATUS_PENDING */
    PIRP Remove();             /* oldest, or nullptr */
    size_t CompleteAll(NTSTATUS status, ULONG_PTR information = 0);

  private:
    static void Cancel(PDEVICE_OBJECT device, PIRP irp);
    KSPIN_LOCK lock;
    LIST_ENTRY head;
};

/* Loads the driver for the test and unloads it, which checks that nothing leaked. */
class DriverTest : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;
    void Load();
    void Unload();
    HANDLE Open(ACCESS_MASK access = GENERIC_READ | GENERIC_WRITE);

    TestDriver driver;
    bool loaded = false;
};

NTSTATUS Control(HANDLE file, ULONG code, PIO_STATUS_BLOCK block, PVOID input = nullptr,
                 ULONG inputLength = 0, PVOID output = nullptr, ULONG outputLength = 0,
                 PVOID apcContext = nullptr, HANDLE event = nullptr);
HANDLE CreatePort();
/* Takes up to count packets. */
std::vector<FILE_IO_COMPLETION_INFORMATION> TakePackets(HANDLE port, ULONG count, NTSTATUS* status = nullptr,
                                                        LONGLONG milliseconds = kPatience);

#endif
