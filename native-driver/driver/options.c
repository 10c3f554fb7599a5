/* SPDX-License-Identifier: Apache-2.0
 *
 * Options by symbolic name. The driver knows level, number, type and moment of each one; a caller can't name
 * any other, because some of WSK's options carry kernel pointers.
 *
 * WSK has no TCP_NODELAY: NO_DELAY is kept here, and each SEND takes it along as a flag.
 */
#include "dispatch.h"

typedef struct _WSKB_OPTION_ENTRY {
    ULONG Option;
    ULONG Level;
    ULONG Name;
    ULONG Categories;
    ULONG SetStates; /* when it may be set */
    BOOLEAN IsBoolean;
    USHORT Family; /* the only one that has it; AF_UNSPEC for both */
} WSKB_OPTION_ENTRY;

#define DATAGRAM   WSKB_CATEGORY_DATAGRAM
#define CONNECTION WSKB_CATEGORY_CONNECTION
#define LISTEN     WSKB_CATEGORY_LISTEN
#define ANY        (DATAGRAM | CONNECTION | LISTEN)

static const WSKB_OPTION_ENTRY Options[] = {
    {WSKB_OPTION_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF, ANY, WSKB_CREATED_STATES, FALSE, AF_UNSPEC},
    {WSKB_OPTION_REUSE_ADDRESS, SOL_SOCKET, SO_REUSEADDR, ANY, WSKB_UNBOUND_STATES, TRUE, AF_UNSPEC},
    {WSKB_OPTION_EXCLUSIVE_ADDRESS_USE, SOL_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE, ANY, WSKB_UNBOUND_STATES,
     TRUE, AF_UNSPEC},
    {WSKB_OPTION_BROADCAST, SOL_SOCKET, SO_BROADCAST, DATAGRAM, WSKB_CREATED_STATES, TRUE, AF_UNSPEC},
    {WSKB_OPTION_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE, CONNECTION | LISTEN, WSKB_CREATED_STATES, TRUE,
     AF_UNSPEC},
    {WSKB_OPTION_NO_DELAY, 0, 0, CONNECTION, WSKB_CREATED_STATES, TRUE, AF_UNSPEC},
    {WSKB_OPTION_IPV6_ONLY, IPPROTO_IPV6, IPV6_V6ONLY, ANY, WSKB_UNBOUND_STATES, TRUE, AF_INET6},
};

static const WSKB_OPTION_ENTRY* FindOption(PWSKB_SOCKET Socket, ULONG Option)
{
    for (ULONG Index = 0; Index < ARRAYSIZE(Options); Index++) {
        const WSKB_OPTION_ENTRY* Entry = &Options[Index];
        if (Entry->Option == Option && (Entry->Categories & Socket->Category) &&
            (Entry->Family == AF_UNSPEC || Entry->Family == Socket->Family)) {
            return Entry;
        }
    }
    return NULL;
}

/* ---- the option that the driver keeps ----------------------------------------------------------------- */

/* Fails as a call into WSK would for a socket that is closing or dead. */
static NTSTATUS SetNoDelay(PWSKB_SOCKET Socket, ULONG Value)
{
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (NT_SUCCESS(Status)) {
        InterlockedExchange(&Socket->NoDelay, (LONG)Value);
        WskbSocketLeave(Socket);
    }
    return Status;
}

static NTSTATUS GetNoDelay(PWSKB_CALL Call)
{
    WSKB_OPTION* Output = Call->Output;
    NTSTATUS Status = WskbSocketEnter(Call->Socket);
    if (NT_SUCCESS(Status)) {
        Output->Size = sizeof(*Output);
        Output->Option = WSKB_OPTION_NO_DELAY;
        Output->Value = (ULONG)ReadAcquire(&Call->Socket->NoDelay);
        Call->Information = sizeof(*Output);
        WskbSocketLeave(Call->Socket);
    }
    return Status;
}

/* ---- WSK's ------------------------------------------------------------------------------------------- */

static VOID CallSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_BASIC(Socket)->WskControlSocket(Socket->WskSocket, WskSetOption, Operation->Option->Name,
                                                Operation->Option->Level, sizeof(Operation->Value),
                                                &Operation->Value, 0, NULL, NULL, Operation->Irp);
}

_Use_decl_annotations_ NTSTATUS WskbSetOption(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallSetOption, WskbFinishWithoutInformation, WskbControl,
                                                     FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_OPTION* Input = Call->Input;

    Operation->Option = FindOption(Call->Socket, Input->Option);
    Operation->Value = Input->Value;
    if (Operation->Option == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Operation->Option->IsBoolean && Input->Value > 1) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!(Operation->Option->SetStates & (ULONG)ReadAcquire(&Call->Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    if (Input->Option == WSKB_OPTION_NO_DELAY) {
        return SetNoDelay(Call->Socket, Input->Value);
    }
    return WskbOperationRun(Operation, &Routines);
}

static VOID CallGetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_BASIC(Socket)->WskControlSocket(Socket->WskSocket, WskGetOption, Operation->Option->Name,
                                                Operation->Option->Level, 0, NULL, sizeof(Operation->Value),
                                                &Operation->Value, NULL, Operation->Irp);
}

/* Every option is documented as a ULONG, and SO_KEEPALIVE is seen as one byte. Value was zero before. */
static NTSTATUS CheckSize(PWSKB_OPERATION Operation)
{
    SIZE_T Size = Operation->Information;
    if (Operation->Option->IsBoolean && Size == sizeof(UCHAR)) {
        Operation->Value = (UCHAR)Operation->Value;
        return STATUS_SUCCESS;
    }
    return Size == sizeof(Operation->Value) ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

static VOID FinishGetOption(PWSKB_OPERATION Operation)
{
    WSKB_OPTION* Output = Operation->Output;
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Status = CheckSize(Operation);
    }
    Operation->Information = 0;
    if (NT_SUCCESS(Operation->Status)) {
        Output->Size = sizeof(*Output);
        Output->Option = Operation->Option->Option;
        Output->Value = Operation->Option->IsBoolean ? Operation->Value != 0 : Operation->Value;
        Operation->Information = sizeof(*Output);
    }
}

_Use_decl_annotations_ NTSTATUS WskbGetOption(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallGetOption, FinishGetOption, WskbControl, FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_OPTION* Input = Call->Input;

    Operation->Option = FindOption(Call->Socket, Input->Option);
    if (Operation->Option == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    return Input->Option == WSKB_OPTION_NO_DELAY ? GetNoDelay(Call) : WskbOperationRun(Operation, &Routines);
}
