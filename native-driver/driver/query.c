/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver reports about itself: GET_VERSION, GET_STATISTICS, and NOP, which measures a round trip.
 */
#include "dispatch.h"
#include "gate.h"

static BOOLEAN IsSupported(const WSKB_VERSION_REQUEST* Request)
{
    return Request->Magic == WSKB_MAGIC && Request->Major == WSKB_VERSION_MAJOR;
}

static NTSTATUS GetVersion(PWSKB_OPERATION Operation)
{
    PWSKB_DRIVER Driver = Operation->Driver;
    WSKB_VERSION* Version = Operation->Output;

    if (!IsSupported(Operation->Input)) {
        return STATUS_REVISION_MISMATCH;
    }
    WSK_PROVIDER_CHARACTERISTICS Provider = WskbProviderVersions(&Driver->Provider);
    RtlZeroMemory(Version, sizeof(*Version));
    Version->Size = sizeof(*Version);
    Version->Magic = WSKB_MAGIC;
    Version->Major = WSKB_VERSION_MAJOR;
    Version->Minor = WSKB_VERSION_MINOR;
    Version->FrameworkMajor = KMDF_VERSION_MAJOR;
    Version->FrameworkMinor = KMDF_VERSION_MINOR;
    Version->ProviderHighest = Provider.HighestVersion;
    Version->ProviderLowest = Provider.LowestVersion;
    Version->Features =
        (WskbFeatures(Driver) & ~(ULONG64)WSKB_PROBED_FEATURES) | (ULONG)ReadAcquire(&Driver->Features);
    Version->MaximumDatagram = WSKB_MAXIMUM_DATAGRAM;
    Version->MaximumTransfer = WSKB_MAXIMUM_TRANSFER;
    Version->MaximumOperations = WSKB_MAXIMUM_OPERATIONS;
    Version->MaximumSockets = WSKB_MAXIMUM_SOCKETS;
    Version->MaximumUnclaimed = WSKB_MAXIMUM_UNCLAIMED;
    Version->MaximumBytes = WSKB_MAXIMUM_BYTES;
    Version->SystemMajor = (UINT16)Driver->System.Major;
    Version->SystemMinor = (UINT16)Driver->System.Minor;
    Version->SystemBuild = Driver->System.Build;
    Operation->Information = sizeof(*Version);
    return STATUS_SUCCESS;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_VERSION) = {
    .Flags = WSKB_NO_FLAGS,
    .Prepare = GetVersion,
};

static NTSTATUS Nop(PWSKB_OPERATION Operation)
{
    UNREFERENCED_PARAMETER(Operation);
    return STATUS_SUCCESS;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(NOP) = {
    .Prepare = Nop,
};

/* Each counter is exact, but they are not read at the same instant. */
static NTSTATUS GetStatistics(PWSKB_OPERATION Operation)
{
    WSKB_COUNTERS* Counters = &Operation->Driver->Counters;
    WSKB_STATISTICS* Statistics = Operation->Output;
    LONG64 Completed = ReadAcquire64(&Counters->CompletedIrps);
    LONG64 Started = ReadAcquire64(&Counters->StartedIrps);

    RtlZeroMemory(Statistics, sizeof(*Statistics));
    Statistics->Size = sizeof(*Statistics);
    Statistics->ControlRequests = (ULONG64)ReadAcquire64(&Counters->ControlRequests);
    Statistics->CompletedRequests = (ULONG64)ReadAcquire64(&Counters->CompletedRequests);
    Statistics->StartedIrps = (ULONG64)Started;
    Statistics->CompletedIrps = (ULONG64)Completed;
    Statistics->CancelledRequests = (ULONG64)ReadAcquire64(&Counters->CancelledRequests);
    Statistics->SentDatagrams = (ULONG64)ReadAcquire64(&Counters->SentDatagrams);
    Statistics->ReceivedDatagrams = (ULONG64)ReadAcquire64(&Counters->ReceivedDatagrams);
    Statistics->SentBytes = (ULONG64)ReadAcquire64(&Counters->SentBytes);
    Statistics->ReceivedBytes = (ULONG64)ReadAcquire64(&Counters->ReceivedBytes);
    Statistics->AcceptedConnections = (ULONG64)ReadAcquire64(&Counters->AcceptedConnections);
    Statistics->OpenSockets = (ULONG)ReadAcquire(&Counters->OpenSockets);
    Statistics->UnclaimedSockets = (ULONG)ReadAcquire(&Operation->Driver->UnclaimedCount);
    Statistics->LingeringSockets = (ULONG)ReadAcquire(&Counters->LingeringSockets);
    Statistics->OperationsInFlight = (ULONG)(Started - Completed);
    Statistics->DroppedDatagrams = (ULONG64)ReadAcquire64(&Counters->DroppedDatagrams);
    Operation->Information = sizeof(*Statistics);
    return STATUS_SUCCESS;
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_STATISTICS) = {
    .Prepare = GetStatistics,
};
