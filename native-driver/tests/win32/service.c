/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver as a service.
 */
#include "service.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define PATIENCE_MS 60000
#define POLL_MS     5

static const wchar_t*
    found_running; /* the service's name, if it was running before this program started or stopped it */

static uint32_t Failed(const char* what, const wchar_t* name)
{
    DWORD error = GetLastError();
    fprintf(stderr, "%s %ls: error %lu\n", what, name, (unsigned long)error);
    return error;
}

static uint32_t AwaitState(SC_HANDLE service, const wchar_t* name, DWORD state)
{
    SERVICE_STATUS status;
    for (int waited = 0; waited < PATIENCE_MS; waited += POLL_MS) {
        if (!QueryServiceStatus(service, &status)) {
            return Failed("cannot ask for the state of the service", name);
        }
        if (status.dwCurrentState == state) {
            return ERROR_SUCCESS;
        }
        Sleep(POLL_MS);
    }
    SetLastError(ERROR_SERVICE_REQUEST_TIMEOUT);
    return Failed(state == SERVICE_RUNNING ? "does not start:" : "does not stop:", name);
}

static void LeaveAsFound(void)
{
    if (found_running != NULL) {
        ServiceStart(found_running);
    }
}

static void Remember(SC_HANDLE service, const wchar_t* name)
{
    static bool remembered;
    SERVICE_STATUS status;
    if (!remembered && QueryServiceStatus(service, &status)) {
        remembered = true;
        found_running = status.dwCurrentState == SERVICE_RUNNING ? name : NULL;
        atexit(LeaveAsFound);
    }
}

static uint32_t Start(SC_HANDLE service, const wchar_t* name)
{
    Remember(service, name);
    if (!StartServiceW(service, 0, NULL) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING) {
        return Failed("cannot start the service", name);
    }
    return AwaitState(service, name, SERVICE_RUNNING);
}

static uint32_t Stop(SC_HANDLE service, const wchar_t* name)
{
    SERVICE_STATUS status;
    if (!ControlService(service, SERVICE_CONTROL_STOP, &status) &&
        GetLastError() != ERROR_SERVICE_NOT_ACTIVE) {
        return Failed("cannot stop the service", name);
    }
    return AwaitState(service, name, SERVICE_STOPPED);
}

static uint32_t With(const wchar_t* name, uint32_t (*act)(SC_HANDLE service, const wchar_t* name))
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, name, SERVICE_START | SERVICE_STOP | SERVICE_QUERY_STATUS);
    uint32_t error = service == NULL ? Failed("cannot open the service", name) : act(service, name);
    if (service != NULL) {
        CloseServiceHandle(service);
    }
    if (manager != NULL) {
        CloseServiceHandle(manager);
    }
    return error;
}

uint32_t ServiceStart(const wchar_t* name)
{
    return With(name, Start);
}

uint32_t ServiceStop(const wchar_t* name)
{
    return With(name, Stop);
}
