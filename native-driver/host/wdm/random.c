/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, taken from the operating system. A handle that the driver does not close is reported as a
 * leak.
 */
#include "wdmp.h"

#include <bcrypt.h>
#include <errno.h>
#include <sys/random.h>

#define PROVIDER_MAGIC 0x20676E52u /* 'Rng ' */

typedef struct _PROVIDER {
    ULONG Magic;
    KIRQL MaximumIrql;
} PROVIDER, *PPROVIDER;

static NTSTATUS Draw(PUCHAR Buffer, ULONG Length)
{
    if (HostFailNow(HOST_TAG_RANDOM)) {
        return STATUS_NO_MEMORY;
    }
    for (ULONG Drawn = 0; Drawn < Length;) {
        ssize_t Count = getrandom(Buffer + Drawn, Length - Drawn, 0);
        if (Count < 0 && errno != EINTR) {
            return STATUS_INTERNAL_ERROR;
        }
        Drawn += Count > 0 ? (ULONG)Count : 0;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN IsGenerator(PCWSTR Algorithm)
{
    UNICODE_STRING Wanted = RTL_CONSTANT_STRING(BCRYPT_RNG_ALGORITHM);
    UNICODE_STRING Given;
    RtlInitUnicodeString(&Given, Algorithm);
    return RtlEqualUnicodeString(&Given, &Wanted, FALSE);
}

NTSTATUS BCryptOpenAlgorithmProvider(BCRYPT_ALG_HANDLE* phAlgorithm, PCWSTR pszAlgId,
                                     PCWSTR pszImplementation, ULONG dwFlags)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (phAlgorithm == NULL || pszAlgId == NULL || (dwFlags & ~(ULONG)BCRYPT_PROV_DISPATCH) != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!IsGenerator(pszAlgId) || pszImplementation != NULL) {
        return STATUS_NOT_FOUND;
    }
    PPROVIDER Provider =
        HostAllocate(HostKindPool, sizeof(*Provider), HOST_TAG_RANDOM, __builtin_return_address(0));
    if (Provider == NULL) {
        return STATUS_NO_MEMORY;
    }
    Provider->Magic = PROVIDER_MAGIC;
    Provider->MaximumIrql = (dwFlags & BCRYPT_PROV_DISPATCH) != 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL;
    *phAlgorithm = Provider;
    return STATUS_SUCCESS;
}

static PPROVIDER ProviderOf(BCRYPT_ALG_HANDLE Handle)
{
    PPROVIDER Provider = Handle;
    return Provider != NULL && Provider->Magic == PROVIDER_MAGIC ? Provider : NULL;
}

NTSTATUS BCryptCloseAlgorithmProvider(BCRYPT_ALG_HANDLE hAlgorithm, ULONG dwFlags)
{
    PPROVIDER Provider = ProviderOf(hAlgorithm);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (Provider == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (dwFlags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    Provider->Magic = 0;
    HostFree(HostKindPool, Provider, __func__);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptGenRandom(BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer, ULONG dwFlags)
{
    BOOLEAN Preferred = (BOOLEAN)((dwFlags & BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0);
    PPROVIDER Provider = ProviderOf(hAlgorithm);
    HOST_MAX_IRQL(Provider != NULL ? Provider->MaximumIrql : PASSIVE_LEVEL);
    if (pbBuffer == NULL || (Preferred && hAlgorithm != NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!Preferred && Provider == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    return Draw(pbBuffer, cbBuffer);
}
