/* SPDX-License-Identifier: Apache-2.0
 *
 * Options by symbolic name. The driver knows level, number, type and moment of each one; a caller can't name
 * any other, because some of WSK's options carry kernel pointers.
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
    {WSKB_OPTION_NO_DELAY, IPPROTO_TCP, TCP_NODELAY, CONNECTION, WSKB_CREATED_STATES, TRUE, AF_UNSPEC},
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

static VOID CallSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_BASIC(Socket)->WskControlSocket(Socket->WskSocket, WskSetOption, Operation->Option->Name,
                                                Operation->Option->Level, sizeof(Operation->Value),
                                                &Operation->Value, 0, NULL, NULL, Operation->Irp);
}

_Use_decl_annotations_ NTSTATUS WskbSetOption(PWSKB_CALL Call)
{
    static const WSKB_OPERATION_ROUTINES Routines = {CallSetOption, WskbFinishWithoutInformation, FALSE};
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
    return WskbOperationRun(Operation, &Routines);
}

/* Some booleans come back as one byte; Value was zero before. */
static VOID CallGetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    (VOID) WSKB_BASIC(Socket)->WskControlSocket(Socket->WskSocket, WskGetOption, Operation->Option->Name,
                                                Operation->Option->Level, 0, NULL, sizeof(Operation->Value),
                                                &Operation->Value, NULL, Operation->Irp);
}

static VOID FinishGetOption(PWSKB_OPERATION Operation)
{
    WSKB_OPTION* Output = Operation->Output;
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
    static const WSKB_OPERATION_ROUTINES Routines = {CallGetOption, FinishGetOption, FALSE};
    PWSKB_OPERATION Operation = WskbPrepareOperation(Call);
    const WSKB_OPTION* Input = Call->Input;

    Operation->Option = FindOption(Call->Socket, Input->Option);
    return Operation->Option == NULL ? STATUS_NOT_SUPPORTED : WskbOperationRun(Operation, &Routines);
}
