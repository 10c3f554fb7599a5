/* SPDX-License-Identifier: Apache-2.0
 *
 * A program that uses a sample driver.
 */
#ifndef TESTS_SAMPLES_SUPPORT_H
#define TESTS_SAMPLES_SUPPORT_H

#include <string>

#include <gtest/gtest.h>

#include "host.h"

EXTERN_C NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);

/* One read, write or IOCTL; must be complete when it is destroyed. */
class Request {
  public:
    explicit Request(HANDLE file);
    ~Request();
    /* Send it and return what the call returned. */
    NTSTATUS Control(ULONG code, PVOID input, size_t inputLength, PVOID output, size_t outputLength);
    NTSTATUS Read(PVOID buffer, size_t length);
    NTSTATUS Write(const std::string& data);

    bool IsDone() const;
    NTSTATUS Cancel();
    NTSTATUS Wait(); /* returns the final status */
    ULONG_PTR Information() const
    {
        return block.Information;
    }

  private:
    NTSTATUS Sent(NTSTATUS status);

    HANDLE file;
    HANDLE event;
    IO_STATUS_BLOCK block = {};
    LARGE_INTEGER offset = {};
};

/* Loads the driver for the test, and checks that it leaves nothing behind. */
class SampleTest : public ::testing::Test {
  protected:
    SampleTest(PCWSTR service, PDRIVER_INITIALIZE entry, PCWSTR device)
        : service(service), entry(entry), device(device)
    {
    }
    void SetUp() override;
    void TearDown() override;
    void Unload();
    /* Loads the driver repeatedly, each time with a later allocation failing, until none fails. */
    void FailEachAllocationOfTheLoad();
    HANDLE Open(ACCESS_MASK access = GENERIC_READ | GENERIC_WRITE);
    /* Sends an IOCTL, waits, and returns the final status and the number of bytes. */
    NTSTATUS Control(ULONG code, PVOID input, size_t inputLength, PVOID output, size_t outputLength,
                     ULONG_PTR* information = nullptr);
    NTSTATUS Write(const std::string& data, HANDLE file = nullptr);
    NTSTATUS Read(std::string* data, size_t room);

    HANDLE file = nullptr;

  private:
    PCWSTR service;
    PDRIVER_INITIALIZE entry;
    PCWSTR device;
    bool loaded = false;
};

#endif
