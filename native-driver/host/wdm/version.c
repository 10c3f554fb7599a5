/* SPDX-License-Identifier: Apache-2.0
 *
 * The version of Windows that the host imitates, for drivers that depend on it.
 */
#include "wdmp.h"

#define NUMBERS 3

typedef struct _VERSION {
    ULONG Numbers[NUMBERS]; /* major, minor, build */
} VERSION;

static const VERSION Default = {{10, 0, 26100}};

static KSPIN_LOCK Lock; /* protects Chosen */
static VERSION Chosen;  /* major 0: none */

void HostSetSystemVersion(ULONG Major, ULONG Minor, ULONG Build)
{
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    Chosen = (VERSION){{Major, Minor, Build}};
    KeReleaseSpinLock(&Lock, irql);
}

/* Three numbers with dots between them; FALSE for any other text. */
static BOOLEAN Parse(const char* Text, VERSION* Version)
{
    for (ULONG i = 0; i < NUMBERS; i++) {
        char* end;
        unsigned long number = strtoul(Text, &end, 10);
        if (end == Text || number > MAXUSHORT || *end != (i < NUMBERS - 1 ? '.' : '\0')) {
            return FALSE;
        }
        Version->Numbers[i] = (ULONG)number;
        Text = end + 1;
    }
    return Version->Numbers[0] != 0;
}

static VERSION Read(void)
{
    const char* text = getenv("HOST_SYSTEM_VERSION");
    VERSION version;
    KIRQL irql;

    KeAcquireSpinLock(&Lock, &irql);
    version = Chosen;
    KeReleaseSpinLock(&Lock, irql);
    if (version.Numbers[0] == 0 && (text == NULL || !Parse(text, &version))) {
        version = Default;
    }
    return version;
}

NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW lpVersionInformation)
{
    VERSION version;

    HOST_MAX_IRQL(PASSIVE_LEVEL);
    version = Read();
    lpVersionInformation->dwMajorVersion = version.Numbers[0];
    lpVersionInformation->dwMinorVersion = version.Numbers[1];
    lpVersionInformation->dwBuildNumber = version.Numbers[2];
    lpVersionInformation->dwPlatformId = 2; /* VER_PLATFORM_WIN32_NT */
    lpVersionInformation->szCSDVersion[0] = 0;
    return STATUS_SUCCESS;
}
