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
    for (ULONG drawn = 0; drawn < Length;) {
        ssize_t count = getrandom(Buffer + drawn, Length - drawn, 0);
        if (count < 0 && errno != EINTR) {
            return STATUS_INTERNAL_ERROR;
        }
        drawn += count > 0 ? (ULONG)count : 0;
    }
    return STATUS_SUCCESS;
}

static BOOLEAN IsGenerator(PCWSTR Algorithm)
{
    UNICODE_STRING wanted = RTL_CONSTANT_STRING(BCRYPT_RNG_ALGORITHM);
    UNICODE_STRING given;
    RtlInitUnicodeString(&given, Algorithm);
    return RtlEqualUnicodeString(&given, &wanted, FALSE);
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
    PPROVIDER provider =
        HostAllocate(HostKindPool, sizeof(*provider), HOST_TAG_RANDOM, __builtin_return_address(0));
    if (provider == NULL) {
        return STATUS_NO_MEMORY;
    }
    provider->Magic = PROVIDER_MAGIC;
    provider->MaximumIrql = (dwFlags & BCRYPT_PROV_DISPATCH) != 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL;
    *phAlgorithm = provider;
    return STATUS_SUCCESS;
}

static PPROVIDER ProviderOf(BCRYPT_ALG_HANDLE Handle)
{
    PPROVIDER provider = Handle;
    return provider != NULL && provider->Magic == PROVIDER_MAGIC ? provider : NULL;
}

NTSTATUS BCryptCloseAlgorithmProvider(BCRYPT_ALG_HANDLE hAlgorithm, ULONG dwFlags)
{
    PPROVIDER provider = ProviderOf(hAlgorithm);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (provider == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    if (dwFlags != 0) {
        return STATUS_INVALID_PARAMETER;
    }
    provider->Magic = 0;
    HostFree(HostKindPool, provider, __func__);
    return STATUS_SUCCESS;
}

NTSTATUS BCryptGenRandom(BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer, ULONG dwFlags)
{
    BOOLEAN preferred = (BOOLEAN)((dwFlags & BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0);
    PPROVIDER provider = ProviderOf(hAlgorithm);
    HOST_MAX_IRQL(provider != NULL ? provider->MaximumIrql : PASSIVE_LEVEL);
    if (pbBuffer == NULL || (preferred && hAlgorithm != NULL)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!preferred && provider == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    return Draw(pbBuffer, cbBuffer);
}
