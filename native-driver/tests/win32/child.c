/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes through Win32; see child.h.
 */
#include "child.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define PATIENCE_MS   60000
#define ARGUMENT      "WSKBRIDGE_CHILD"
#define ARGUMENT_SIZE 32

void* ChildStart(const wchar_t* test, uint64_t argument)
{
    wchar_t program[MAX_PATH];
    wchar_t command[MAX_PATH + 256];
    char text[ARGUMENT_SIZE];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    GetModuleFileNameW(NULL, program, MAX_PATH);
    _snwprintf(command, sizeof command / sizeof command[0],
               L"\"%ls\" --gtest_also_run_disabled_tests --gtest_brief=1 --gtest_filter=%ls", program, test);
    snprintf(text, ARGUMENT_SIZE, "%llu", (unsigned long long)argument);
    SetEnvironmentVariableA(ARGUMENT, text);
    if (!CreateProcessW(program, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) {
        fprintf(stderr, "cannot start a process: error %lu\n", (unsigned long)GetLastError());
        return NULL;
    }
    CloseHandle(process.hThread);
    return process.hProcess;
}

uint64_t ChildArgument(void)
{
    char text[ARGUMENT_SIZE] = "";
    GetEnvironmentVariableA(ARGUMENT, text, ARGUMENT_SIZE);
    return strtoull(text, NULL, 10);
}

uint32_t ChildWait(void* child)
{
    DWORD code = 1;
    if (WaitForSingleObject(child, PATIENCE_MS) == WAIT_OBJECT_0) {
        GetExitCodeProcess(child, &code);
        CloseHandle(child);
    } else {
        ChildKill(child);
    }
    return code;
}

void ChildKill(void* child)
{
    TerminateProcess(child, 1);
    WaitForSingleObject(child, PATIENCE_MS);
    CloseHandle(child);
}
