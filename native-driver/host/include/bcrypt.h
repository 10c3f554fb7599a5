/* SPDX-License-Identifier: Apache-2.0
 *
 * The random number generator of the kernel's cryptography, cng.sys. A subset of the SDK's header of this
 * name.
 */
#ifndef BCRYPT_H
#define BCRYPT_H

#include <ntddk.h>

EXTERN_C_START

typedef PVOID BCRYPT_HANDLE, BCRYPT_ALG_HANDLE;

#define BCRYPT_SUCCESS(status) ((NTSTATUS)(status) >= 0)

#define BCRYPT_RNG_ALGORITHM L"RNG"

/* For BCryptOpenAlgorithmProvider: the handle may be used at DISPATCH_LEVEL. */
#define BCRYPT_PROV_DISPATCH 0x00000001

/* For BCryptGenRandom. The second takes no handle, and is for PASSIVE_LEVEL only. */
#define BCRYPT_RNG_USE_ENTROPY_IN_BUFFER 0x00000001
#define BCRYPT_USE_SYSTEM_PREFERRED_RNG  0x00000002

/* PASSIVE_LEVEL. STATUS_NOT_FOUND for an unknown algorithm; here the generator is the only one. */
NTKERNELAPI NTSTATUS NTAPI BCryptOpenAlgorithmProvider(BCRYPT_ALG_HANDLE* phAlgorithm, PCWSTR pszAlgId,
                                                       PCWSTR pszImplementation, ULONG dwFlags);
NTKERNELAPI NTSTATUS NTAPI BCryptCloseAlgorithmProvider(BCRYPT_ALG_HANDLE hAlgorithm, ULONG dwFlags);

/* PASSIVE_LEVEL, or DISPATCH_LEVEL with a handle that was opened for it. STATUS_INVALID_HANDLE,
 * STATUS_INVALID_PARAMETER. */
NTKERNELAPI NTSTATUS NTAPI BCryptGenRandom(BCRYPT_ALG_HANDLE hAlgorithm, PUCHAR pbBuffer, ULONG cbBuffer,
                                           ULONG dwFlags);

EXTERN_C_END

#endif
