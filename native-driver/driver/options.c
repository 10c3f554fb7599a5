/* SPDX-License-Identifier: Apache-2.0
 *
 * Options by symbolic name. The driver knows level, number, type and permitted states of each one. A caller
 * can't pass any other option, because some WSK options carry kernel pointers.
 *
 * Two options are the driver's own. WSK has no TCP_NODELAY, so the driver passes NO_DELAY as a flag with each
 * send. LINGER controls what closing the handle does; see linger.c.
 */
#include "dispatch.h"

typedef struct _WSKB_OPTION_ENTRY {
    ULONG Option;
    ULONG Length; /* of the value */
    ULONG Level;
    ULONG Name;
    ULONG Categories;
    ULONG SetStates; /* states in which it may be set */
    ULONG Maximum;   /* of the value; 1 for a boolean */
    USHORT Family;   /* the only family that has it; AF_UNSPEC for both */
} WSKB_OPTION_ENTRY;

#define DATAGRAM   WSKB_CATEGORY_DATAGRAM
#define CONNECTION WSKB_CATEGORY_CONNECTION
#define LISTEN     WSKB_CATEGORY_LISTEN
#define ANY        WSKB_ANY_CATEGORY

/* Every value is a ULONG: an operation has no room for another size. */
#define ASSERT_SIZE(Name, Number, Type) C_ASSERT(sizeof(Type) == sizeof(ULONG));
WSKB_OPTIONS(ASSERT_SIZE)

/* Number and length, as the protocol defines them. */
#define ENTRY(Name) WSKB_OPTION_##Name, WSKB_OPTION_##Name##_SIZE

static const WSKB_OPTION_ENTRY Options[] = {
    {ENTRY(RECEIVE_BUFFER), SOL_SOCKET, SO_RCVBUF, ANY, WSKB_CREATED_STATES, MAXULONG, AF_UNSPEC},
    {ENTRY(REUSE_ADDRESS), SOL_SOCKET, SO_REUSEADDR, ANY, WSKB_UNBOUND_STATES, 1, AF_UNSPEC},
    {ENTRY(EXCLUSIVE_ADDRESS_USE), SOL_SOCKET, (ULONG)SO_EXCLUSIVEADDRUSE, ANY, WSKB_UNBOUND_STATES, 1,
     AF_UNSPEC},
    {ENTRY(BROADCAST), SOL_SOCKET, SO_BROADCAST, DATAGRAM, WSKB_CREATED_STATES, 1, AF_UNSPEC},
    {ENTRY(KEEP_ALIVE), SOL_SOCKET, SO_KEEPALIVE, CONNECTION | LISTEN, WSKB_CREATED_STATES, 1, AF_UNSPEC},
    {ENTRY(NO_DELAY), 0, 0, CONNECTION, WSKB_CREATED_STATES, 1, AF_UNSPEC},
    {ENTRY(LINGER), 0, 0, CONNECTION, WSKB_CREATED_STATES, WSKB_MAXIMUM_LINGER_SECONDS, AF_UNSPEC},
    {ENTRY(IPV6_ONLY), IPPROTO_IPV6, IPV6_V6ONLY, ANY, WSKB_UNBOUND_STATES, 1, AF_INET6},
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

/* Finds the option that a request names. STATUS_NOT_SUPPORTED; STATUS_INFO_LENGTH_MISMATCH for a wrong
 * length. */
static NTSTATUS ReadOption(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY** Entry)
{
    const WSKB_OPTION* Input = Operation->Input;
    *Entry = FindOption(Operation->Socket, Input->Option);
    if (*Entry == NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    return Input->Length == (*Entry)->Length ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

/* Dispatch has checked that Size covers the structure and is not larger than the input. */
static NTSTATUS ReadValue(const WSKB_OPTION* Input, ULONG* Value)
{
    if (Input->Size - sizeof(*Input) < sizeof(*Value)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    RtlCopyMemory(Value, Input + 1, sizeof(*Value));
    return STATUS_SUCCESS;
}

/* Dispatch has checked that the output has room for the structure. */
static NTSTATUS FindRoom(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry)
{
    return WdfRequestRetrieveOutputBuffer(Operation->Request, sizeof(WSKB_OPTION) + Entry->Length,
                                          &Operation->Output, NULL);
}

static VOID WriteOption(PWSKB_OPERATION Operation, const WSKB_OPTION_ENTRY* Entry, ULONG Value)
{
    WSKB_OPTION* Output = Operation->Output;
    Output->Size = (ULONG)sizeof(*Output) + Entry->Length;
    Output->Option = Entry->Option;
    Output->Length = Entry->Length;
    Output->Reserved = 0;
    RtlCopyMemory(Output + 1, &Value, sizeof(Value));
    Operation->Information = Output->Size;
}

/* ---- the driver's own options ------------------------------------------------------------------------- */

/* Where the value is stored; NULL for one of WSK's options. */
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

static NTSTATUS GetKept(PWSKB_OPERATION Operation, volatile LONG* Kept)
{
    NTSTATUS Status = WskbSocketEnter(Operation->Socket);
    if (NT_SUCCESS(Status)) {
        WriteOption(Operation, Operation->Option.Entry, (ULONG)ReadAcquire(Kept));
        WskbSocketLeave(Operation->Socket);
    }
    return Status;
}

/* ---- WSK's options ----------------------------------------------------------------------------------- */

static NTSTATUS PrepareSetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry;
    ULONG Value;

    NTSTATUS Status = ReadOption(Operation, &Entry);
    if (NT_SUCCESS(Status)) {
        Status = ReadValue(Operation->Input, &Value);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Value > Entry->Maximum) {
        return STATUS_INVALID_PARAMETER;
    }
    if (!(Entry->SetStates & (ULONG)ReadAcquire(&Socket->State))) {
        return STATUS_INVALID_DEVICE_STATE;
    }
    volatile LONG* Kept = FindKept(Socket, Entry->Option);
    if (Kept != NULL) {
        return SetKept(Socket, Kept, Value);
    }
    Operation->Option.Entry = Entry;
    Operation->Option.Value = Value;
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
    const WSKB_OPTION_ENTRY* Entry;

    NTSTATUS Status = ReadOption(Operation, &Entry);
    if (NT_SUCCESS(Status)) {
        Status = FindRoom(Operation, Entry);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Operation->Option.Entry = Entry;
    volatile LONG* Kept = FindKept(Operation->Socket, Entry->Option);
    return Kept != NULL ? GetKept(Operation, Kept) : WSKB_CALL_FOLLOWS;
}

static VOID CallGetOption(PWSKB_OPERATION Operation)
{
    PWSKB_SOCKET Socket = Operation->Socket;
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    (VOID) Socket->Wsk.Basic->WskControlSocket(Socket->WskSocket, WskGetOption, Entry->Name, Entry->Level, 0,
                                               NULL, sizeof(Operation->Option.Value),
                                               &Operation->Option.Value, NULL, Operation->Irp);
}

/* Every option is documented as a ULONG, but WSK may return SO_KEEPALIVE as one byte. Value was zeroed
 * before. */
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
    const WSKB_OPTION_ENTRY* Entry = Operation->Option.Entry;
    if (NT_SUCCESS(Operation->Status)) {
        Operation->Status = CheckSize(Operation);
    }
    Operation->Information = 0;
    if (NT_SUCCESS(Operation->Status)) {
        ULONG Value = Operation->Option.Value;
        WriteOption(Operation, Entry, Entry->Maximum == 1 ? Value != 0 : Value);
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
