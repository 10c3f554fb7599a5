/* SPDX-License-Identifier: Apache-2.0
 *
 * Replaces a compiler's start-up code in a build that has none: the entry point, the directory of
 * thread-local storage, and the functions of <stdio.h> that ucrtbase.dll does not export.
 */
#include <stdarg.h>
#include <stdio.h>
#include <windows.h>

/* Makes snprintf behave as in standard C: it returns the length and always terminates. */
#define STANDARD_SNPRINTF (1ULL << 1)

BOOL WINAPI DllMainCRTStartup(HINSTANCE instance, DWORD reason, LPVOID reserved);

/* Called by the loader, under its lock. There is nothing to initialise. */
BOOL WINAPI DllMainCRTStartup(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)instance;
    (void)reason;
    (void)reserved;
    return TRUE;
}

/* The linker sorts sections of one name by the part after the dollar sign, so the compiler's .tls$ sections
 * lie between these two. The loader copies that range for each thread, and finds it through _tls_used. */
__attribute__((section(".tls"))) char _tls_start[16];
__attribute__((section(".tls$ZZZ"))) char _tls_end[16];
ULONG _tls_index;
extern const IMAGE_TLS_DIRECTORY64 _tls_used;
const IMAGE_TLS_DIRECTORY64 _tls_used = {
    .StartAddressOfRawData = (ULONGLONG)_tls_start,
    .EndAddressOfRawData = (ULONGLONG)_tls_end,
    .AddressOfIndex = (ULONGLONG)&_tls_index,
};

int vsnprintf(char* buffer, size_t size, const char* format, va_list arguments)
{
    return __stdio_common_vsprintf(STANDARD_SNPRINTF, buffer, size, format, NULL, arguments);
}

int snprintf(char* buffer, size_t size, const char* format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(buffer, size, format, arguments);
    va_end(arguments);
    return length;
}
