/* SPDX-License-Identifier: Apache-2.0
 *
 * A KMDF driver whose behaviour each test composes, and a program that uses it.
 */
#ifndef TESTS_KMDF_SUPPORT_H
#define TESTS_KMDF_SUPPORT_H

#include <wdf.h>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host.h"

#define TEST_IOCTL(Function, Method)                                                                         \
    CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800 + (Function), Method, FILE_ANY_ACCESS)

/* What the driver does; a test fills it in before it loads the driver. */
struct TestDriver {
    std::function<NTSTATUS(PDRIVER_OBJECT, PUNICODE_STRING)> Entry; /* instead of everything below */
    std::function<void(PWDFDEVICE_INIT)> Configure;
    std::function<void(WDFDEVICE)> DeviceCreated; /* before WdfControlFinishInitializing */
    std::function<void(WDFDEVICE, WDFREQUEST, WDFFILEOBJECT)> Create;
    std::function<void(WDFFILEOBJECT)> Cleanup, Close;
    std::function<void(WDFDEVICE, WDFREQUEST)> InCaller;
    std::function<void(WDFQUEUE, WDFREQUEST, size_t, size_t, ULONG)> Control;
    std::function<void(WDFQUEUE, WDFREQUEST)> CanceledOnQueue;
    std::function<void(WDFREQUEST)> Cancel;
    std::function<void(WDFDRIVER)> Unload;
    WDF_IO_QUEUE_DISPATCH_TYPE DispatchType = WdfIoQueueDispatchParallel;
    ULONG Presented = 0; /* 0: what the configuration's INIT says */
    bool DefaultQueue = true;
    bool Exclusive = false;
    bool Files = true;
    WDF_FILEOBJECT_CLASS FileClass = WdfFileObjectWdfCannotUseFsContexts;
    WDF_OBJECT_ATTRIBUTES DeviceAttributes, QueueAttributes, FileAttributes, RequestAttributes;

    WDFDRIVER Driver = nullptr;
    WDFDEVICE Device = nullptr;
    WDFQUEUE Queue = nullptr;

    TestDriver();
};

extern TestDriver* TheDriver;

/* An IOCTL in progress, with its buffers. */
class Call {
  public:
    Call(HANDLE File, ULONG Code, size_t InputLength = 0, size_t OutputLength = 0);
    ~Call();
    NTSTATUS Send();
    NTSTATUS Wait(); /* until it is complete; returns the final status */
    bool IsDone() const;
    void Cancel();

    std::vector<UCHAR> Input, Output;
    IO_STATUS_BLOCK Result = {};

  private:
    HANDLE File;
    HANDLE Event;
    ULONG Code;
};

class KmdfTest : public ::testing::Test {
  protected:
    KmdfTest();
    ~KmdfTest() override;
    void Load();
    NTSTATUS TryLoad();
    void Unload();
    HANDLE Open();
    NTSTATUS TryOpen(PHANDLE File);
    void Close(HANDLE File);

    /* Sends and waits. */
    NTSTATUS Ioctl(HANDLE File, ULONG Code, size_t InputLength = 0, size_t OutputLength = 0);

    void Log(const std::string& Line);
    std::vector<std::string> TakeLog();

    TestDriver Driver;
    bool Loaded = false;

  private:
    std::mutex LogLock;
    std::vector<std::string> LogLines;
};

/* The message that a death test expects in the output. */
#define EXPECT_STOP(Statement, Message)                                                                      \
    do {                                                                                                     \
        GTEST_FLAG_SET(death_test_style, "threadsafe");                                                      \
        EXPECT_DEATH(Statement, Message);                                                                    \
    } while (0)

EXTERN_C_START
VOID NTAPI TestEvtIoDeviceControl(WDFQUEUE Queue, WDFREQUEST Request, size_t OutputLength, size_t InputLength,
                                  ULONG Code);
VOID NTAPI TestEvtRequestCancel(WDFREQUEST Request);
VOID NTAPI TestEvtIoCanceledOnQueue(WDFQUEUE Queue, WDFREQUEST Request);
EXTERN_C_END

#endif
