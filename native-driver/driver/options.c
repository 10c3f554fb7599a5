/* SPDX-License-Identifier: Apache-2.0
 *
 * Options by symbolic name. The driver knows level, number, type and moment of each one; a caller can't name
 * any other, because some of WSK's options carry kernel pointers.
 *
 * Two options are the driver's own. WSK has no TCP_NODELAY, so each SEND takes NO_DELAY along as a flag.
 * LINGER says what closing the handle does; see linger.c.
 */
#include "dispatch.h"

typedef struct _WSKB_OPTION_ENTRY {
    ULONG Option;
    ULONG Level;
    ULONG Name;
    ULONG Categories;
    ULONG SetStates; /* when it may be set */
    ULONG Maximum;   /* of the value; 1 for a boolean */
    USHORT Family;   /* the only one that has it; AF_UNSPEC for both */
} WSKB_OPTION_ENTRY;

#define DATAGRAM   WSKB_CATEGORY_DATAGRAM
#define CONNECTION WSKB_CATEGORY_CONNECTION
#define LISTEN     WSKB_CATEGORY_LISTEN
#define ANY        WSKB_ANY_CATEGORY

static const WSKB_OPTION_ENTRY Options[] = {
    {WSKB_OPTION_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF, ANY, WSKB_CREATED_STATES, MAXULONG, AF_UNSPEC},
    {WSKB_OPTION_REUSE_ADDRESS, SOL_SOCKET, SO_REUSEADDR, ANY, WSKB_UNBOUND_STATES, 1, AF_UNSPEC},
    {WSKB_OPTION_EXCLUSIVE_ADDRESS_USE, SOL_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE, ANY, WSKB_UNBOUND_STATES, 1,
     AF_UNSPEC},
    {WSKB_OPTION_BROADCAST, SOL_SOCKET, SO_BROADCAST, DATAGRAM, WSKB_CREATED_STATES, 1, AF_UNSPEC},
    {WSKB_OPTION_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE, CONNECTION | LISTEN, WSKB_CREATED_STATES, 1,
     AF_UNSPEC},
    {WSKB_OPTION_NO_DELAY, 0, 0, CONNECTION, WSKB_CREATED_STATES, 1, AF_UNSPEC},
    {WSKB_OPTION_LINGER, 0, 0, CONNECTION, WSKB_CREATED_STATES, WSKB_MAXIMUM_LINGER_SECONDS, AF_UNSPEC},
    {WSKB_OPTION_IPV6_ONLY, IPPROTO_IPV6, IPV6_V6ONLY, ANY, WSKB_UNBOUND_STATES, 1, AF_INET6},
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

/* ---- the options that the driver keeps ---------------------------------------------------------------- */

/* Where the value is kept; NULL for an option of WSK's. */
static volatile LONG* FindKept(PWSKB_SOCKET Socket, ULONG Option)
{
    switch (Option) {
    case WSKB_OPTION_NO_DELAY:
        return &Socket->Connection.NoDelay;
    case WSKB_OPTION_LINGER:
        return &Socket->Connection.Linger.Seconds;
    default:
        return NULL;
    }
}

/* Fails as a call into WSK would for a socket that is closing or dead. */
static NTSTATUS SetKept(PWSKB_SOCKET Socket, volatile LONG* Kept, ULONG Value)
{
    NTSTATUS Status = WskbSocketEnter(Socket);
    if (NT_SUCCESS(Status)) {
        InterlockedExchange(Kept, (LONG)Value);
        WskbSocketLeave(Socket);
    }
    return Status;
}

static NTSTATUS GetKept(PWSKB_OPERATION Operation, volatile LONG* Kept, ULONG Option)
{
    WSKB_OPTION* Output = Operation->Output;
    NTSTATUS Status = WskbSocketEnter(Operation->Socket);
    if (NT_SUCCESS(Status)) {
        Output->Size = sizeof(*Output);
        Output->Option = Option;
        Output->Value = (ULONG)ReadAcquire(Kept);
        Operation->Information = sizeof(*Output);
        WskbSocketLeave(Operation->Socket);
    }
    return Status;
}

/* ---- WSK's ------------------------------------------------------------------------------------------- */

static NTSTATUS PrepareSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION* Input = Operation->Input;
    const WSKB_OPTION_ENTRY* Entry = FindOption(Socket, Input->Option);

    if (Entry == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    if (Input->Value > Entry->Maximum) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!(Entry->SetStates & (ULONG)ReadAcquire(&Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    volatile LONG* Kept = FindKept(Socket, Input->Option);
    if (Kept != NULL) {
        return SetKept(Socket, Kept, Input->Value);
    }
    Operation->Option.Entry = Entry;
    Operation->Option.Value = Input->Value;
    return WSKB_CALL_FOLLOWS;
}

static VOID CallSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskSetOption, Entry->Name, Entry->Level,
                                               sizeof(Operation->Option.Value), &Operation->Option.Value, 0,
                                               NULL, NULL, Operation->Irp);
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(SET_OPTION) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbControl,
    .Prepare = PrepareSetOption,
    .Call = CallSetOption,
    .Finish = WskbFinishWithoutInformation,
};

static NTSTATUS PrepareGetOption(PWSKB_OPERATION Operation)
{
    ULONG Option = ((const WSKB_OPTION*)Operation->Input)->Option; /* the output is written over the input */

    Operation->Option.Entry = FindOption(Operation->Socket, Option);
    if (Operation->Option.Entry == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    volatile LONG* Kept = FindKept(Operation->Socket, Option);
    return Kept != NULL ? GetKept(Operation, Kept, Option) : WSKB_CALL_FOLLOWS;
}

static VOID CallGetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskGetOption, Entry->Name, Entry->Level, 0,
                                               NULL, sizeof(Operation->Option.Value),
                                               &Operation->Option.Value, NULL, Operation->Irp);
}

/* Every option is documented as a ULONG, and SO_KEEPALIVE is seen as one byte. Value was zero before. */
static NTSTATUS CheckSize(PWSKB_OPERATION Operation)
{
    SIZE_T Size = Operation->Information;
    if (Operation->Option.Entry->Maximum == 1 && Size == sizeof(UCHAR)) {
        Operation->Option.Value = (UCHAR)Operation->Option.Value;
        return STATUS_SUCCESS;
    }
    return Size == sizeof(Operation->Option.Value) ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
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
        Output->Option = Operation->Option.Entry->Option;
        Output->Value =
            Operation->Option.Entry->Maximum == 1 ? Operation->Option.Value != 0 : Operation->Option.Value;
        Operation->Information = sizeof(*Output);
    }
}

const WSKB_OPERATION_TYPE WSKB_TYPE_OF(GET_OPTION) = {
    .Flags = WSKB_NO_FLAGS,
    .Categories = WSKB_ANY_CATEGORY,
    .States = WSKB_CREATED_STATES,
    .Kind = WskbControl,
    .Prepare = PrepareGetOption,
    .Call = CallGetOption,
    .Finish = FinishGetOption,
};
