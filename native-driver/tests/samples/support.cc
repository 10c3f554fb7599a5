/* SPDX-License-Identifier: Apache-2.0
 *
 * The program that uses a sample driver.
 */
#include "support.h"

Request::Request(HANDLE file) : file(file), event(CreateEventHandle())
{
}

Request::~Request()
{
    NtClose(event);
}

/* A request that fails without having pended is reported by the return value alone. */
NTSTATUS Request::Sent(NTSTATUS status)
{
    if (status != STATUS_PENDING && NT_ERROR(status)) {
        block = {};
        block.Status = status;
    }
    return status;
}

NTSTATUS Request::Control(ULONG code, PVOID input, size_t inputLength, PVOID output, size_t outputLength)
{
    return Sent(NtDeviceIoControlFile(file, event, nullptr, nullptr, &block, code, input,
                                      static_cast<ULONG>(inputLength), output,
                                      static_cast<ULONG>(outputLength)));
}

NTSTATUS Request::Read(PVOID buffer, size_t length)
{
    return Sent(NtReadFile(file, event, nullptr, nullptr, &block, buffer, static_cast<ULONG>(length), &offset,
                           nullptr));
}

NTSTATUS Request::Write(const std::string& data)
{
    return Sent(NtWriteFile(file, event, nullptr, nullptr, &block, const_cast<char*>(data.data()),
                            static_cast<ULONG>(data.size()), &offset, nullptr));
}

bool Request::IsDone() const
{
    return IsSignalled(event);
}

NTSTATUS Request::Cancel()
{
    IO_STATUS_BLOCK ignored;
    return NtCancelIoFileEx(file, &block, &ignored);
}

NTSTATUS Request::Wait()
{
    EXPECT_TRUE(AwaitSignal(event));
    return block.Status;
}

void SampleTest::SetUp()
{
    ASSERT_STATUS(STATUS_SUCCESS, HostLoadDriver(service, entry));
    loaded = true;
    file = Open();
}

void SampleTest::TearDown()
{
    if (file != nullptr) {
        EXPECT_STATUS(STATUS_SUCCESS, NtClose(file));
    }
    if (loaded) {
        Unload();
    }
    ExpectNothingLeft();
}

void SampleTest::FailEachAllocationOfTheLoad()
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    NtClose(file);
    file = nullptr;
    Unload();
    for (ULONG nth = 1; status == STATUS_INSUFFICIENT_RESOURCES; nth++) {
        ExpectNothingLeft();
        HostFailAllocation(nth, 0);
        status = HostLoadDriver(service, entry);
        ASSERT_LT(nth, 1000u);
    }
    HostFailAllocation(0, 0);
    EXPECT_STATUS(STATUS_SUCCESS, status);
    loaded = NT_SUCCESS(status);
}

void SampleTest::Unload()
{
    loaded = false;
    EXPECT_STATUS(STATUS_SUCCESS, HostUnloadDriver(service));
}

HANDLE SampleTest::Open(ACCESS_MASK access)
{
    return OpenDevice(device, access);
}

NTSTATUS SampleTest::Control(ULONG code, PVOID input, size_t inputLength, PVOID output, size_t outputLength,
                             ULONG_PTR* information)
{
    Request request(file);
    NTSTATUS status = request.Control(code, input, inputLength, output, outputLength);
    if (status == STATUS_PENDING) {
        status = request.Wait();
    }
    if (information != nullptr) {
        *information = request.Information();
    }
    return status;
}

NTSTATUS SampleTest::Write(const std::string& data, HANDLE by)
{
    Request request(by != nullptr ? by : file);
    NTSTATUS status = request.Write(data);
    return status == STATUS_PENDING ? request.Wait() : status;
}

NTSTATUS SampleTest::Read(std::string* data, size_t room)
{
    Request request(file);
    data->resize(room);
    NTSTATUS status = request.Read(&(*data)[0], room);
    if (status == STATUS_PENDING) {
        status = request.Wait();
    }
    data->resize(request.Information());
    return status;
}
