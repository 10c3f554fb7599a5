/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of backend.h with Winsock. A handle is a pointer to a WINSOCK_SOCKET, because undoing a connect
 * needs a new system socket, and because an attempt that would block arms the poller. Sockets are
 * non-blocking and not inherited. poller.c is the other half of this backend: it reports readiness.
 *
 * This is for Wine, and comments say where Wine differs from Windows; the workarounds are valid on Windows
 * too. The provider serialises the calls for one handle: one call per direction at a time, and replacing the
 * system socket excludes all others.
 */
#include "winsock_socket.h"

#include <mstcpip.h>
#include <mswsock.h>
#include <stdlib.h>
#include <string.h>

#include "native_address.h"

/* Pieces of one message for Winsock; longer lists take several calls, or are refused. */
#define SEGMENTS_MAX 64
/* Bytes for one call, so that a count fits in what Winsock returns. */
#define TRANSFER_MAX  (1u << 30)
#define DISCARD_BYTES 16384
/* The most that a close discards, in pieces of DISCARD_BYTES. */
#define DISCARD_ROUNDS 64

static SOCKET SocketOf(BACKEND_HANDLE Handle)
{
    return FromHandle(Handle)->Socket;
}

/* The result of an attempt that is repeated after an edge. */
static int32_t AttemptResult(WINSOCK_SOCKET* Socket, int Value, uint32_t Flags)
{
    int32_t Error = Result(Value);

    if (Error == WSAEWOULDBLOCK) {
        PollerArm(Socket, Flags);
        return BACKEND_WOULD_BLOCK;
    }
    if (Error == WSAECONNRESET) {
        __atomic_store_n(&Socket->Broken, 1, __ATOMIC_SEQ_CST);
    }
    return Error;
}

/* The current state by WSAPoll; errors are always reported. */
static int PollNow(SOCKET Socket, SHORT Events)
{
    WSAPOLLFD Descriptor = {.fd = Socket, .events = Events};

    return (WSAPoll(&Descriptor, 1, 0) > 0) ? Descriptor.revents : 0;
}

/* Wine reports a reset to one call, and the next receive finds the end of the stream. If Wine notices the
 * reset outside a call, it reports it to no call, but polls an error from then on. */
static bool IsBroken(const WINSOCK_SOCKET* Socket)
{
    return __atomic_load_n(&Socket->Broken, __ATOMIC_SEQ_CST) || (PollNow(Socket->Socket, 0) & POLLERR) != 0;
}

int32_t BackendQueryReadable(BACKEND_HANDLE Handle, size_t* Bytes)
{
    u_long Native = 0;
    int32_t Error = Result(ioctlsocket(SocketOf(Handle), FIONREAD, &Native));

    *Bytes = Native;
    return Error;
}

/* ---- life -------------------------------------------------------------------------------------------- */

/* Whether ICMP errors make receives fail. Wine behaves like Linux, which reports them to connected sockets
 * only. */
static void ReportUnreachable(SOCKET Socket, BOOL Report)
{
    DWORD Returned;

    (void)WSAIoctl(Socket, SIO_UDP_CONNRESET, &Report, sizeof(Report), NULL, 0, &Returned, NULL, NULL);
}

static void SetNonBlocking(SOCKET Socket)
{
    u_long On = 1;

    (void)ioctlsocket(Socket, (long)FIONBIO, &On);
}

/* Streams need no SO_REUSEADDR: on Windows an address in TIME_WAIT can be bound without it. */
static int32_t Open(int Family, int Type, SOCKET* Socket)
{
    SOCKET New = WSASocketW(Family, Type, 0, NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    *Socket = New;
    if (New == INVALID_SOCKET) {
        return WSAGetLastError();
    }
    SetNonBlocking(New);
    if (Family == AF_INET6) {
        (void)SetInteger(New, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (Type == SOCK_DGRAM) {
        ReportUnreachable(New, FALSE);
    }
    return 0;
}

/* Takes over the system's socket, also on failure. */
static int32_t MakeHandle(int Family, int Type, SOCKET Native, BACKEND_HANDLE* Handle)
{
    WINSOCK_SOCKET* Socket = calloc(1, sizeof(*Socket));

    if (Socket == NULL) {
        (void)closesocket(Native);
        *Handle = BACKEND_NO_HANDLE;
        return WSA_NOT_ENOUGH_MEMORY;
    }
    Socket->Family = Family;
    Socket->Type = Type;
    Socket->Socket = Native;
    *Handle = (BACKEND_HANDLE)(uintptr_t)Socket;
    return 0;
}

int32_t BackendCreate(uint16_t Family, BACKEND_KIND Kind, BACKEND_HANDLE* Handle)
{
    int Domain = (Family == BACKEND_IPV6) ? AF_INET6 : AF_INET;
    int Type = (Kind == BackendStream) ? SOCK_STREAM : SOCK_DGRAM;
    SOCKET Native;
    int32_t Error = Open(Domain, Type, &Native);

    *Handle = BACKEND_NO_HANDLE;
    return (Error != 0) ? Error : MakeHandle(Domain, Type, Native, Handle);
}

static void CloseNative(SOCKET Socket, bool Reset)
{
    struct linger Now = {.l_onoff = 1, .l_linger = 0};

    if (Reset) {
        (void)setsockopt(Socket, SOL_SOCKET, SO_LINGER, (const char*)&Now, sizeof(Now));
    }
    (void)closesocket(Socket);
}

/* Returns what recv returned. */
static int Discard(SOCKET Socket, size_t Maximum, size_t* Moved)
{
    char Scratch[DISCARD_BYTES];
    int Bytes = recv(Socket, Scratch, (Maximum < sizeof(Scratch)) ? (int)Maximum : (int)sizeof(Scratch), 0);

    *Moved = (Bytes > 0) ? (size_t)Bytes : 0;
    return Bytes;
}

/* After a shutdown there is no way to know whether the peer has received everything, and a reset would
 * destroy the rest. So such a stream ends in order; the system resets it when the peer sends more. Received
 * data is read first, because the system resets a connection that is closed with unread data. */
static void CloseShut(SOCKET Socket)
{
    size_t Moved = 1;

    for (int Round = 0; Round < DISCARD_ROUNDS && Moved != 0; Round++) {
        (void)Discard(Socket, BACKEND_ALL, &Moved);
    }
    (void)closesocket(Socket);
}

void BackendClose(BACKEND_HANDLE Handle, bool Reset)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);

    PollerRelease(Socket);
    if (Reset && Socket->SendShut) {
        CloseShut(Socket->Socket);
    } else {
        CloseNative(Socket->Socket, Reset);
    }
    OptionsForget(Socket);
    PollerRetire(Socket);
}

int32_t BackendBind(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    int Length = ToNative(Address, &Native);

    return Result(bind(SocketOf(Handle), &Native.Any, Length));
}

/* With Winsock the port is always chosen at the bind. */
int32_t BackendBindToConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    return BackendBind(Handle, Address);
}

int32_t BackendListen(BACKEND_HANDLE Handle)
{
    return Result(listen(SocketOf(Handle), SOMAXCONN));
}

int32_t BackendGetLocalAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    int Length = sizeof(Native);
    int32_t Error = Result(getsockname(SocketOf(Handle), &Native.Any, &Length));

    if (Error == 0) {
        FromNative(&Native, Length, Address);
    }
    return Error;
}

int32_t BackendGetRemoteAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    int Length = sizeof(Native);
    int32_t Error = Result(getpeername(SocketOf(Handle), &Native.Any, &Length));

    if (Error == 0) {
        FromNative(&Native, Length, Address);
    }
    return Error;
}

/* ---- replacing the system's socket ------------------------------------------------------------------- */

static int32_t BindNative(SOCKET Socket, const BACKEND_ADDRESS* Local)
{
    NATIVE_ADDRESS Native;
    int Length = ToNative(Local, &Native);

    return Result(bind(Socket, &Native.Any, Length));
}

/* A datagram socket never loses its port: for a moment two sockets have it. */
static int32_t MoveDatagram(WINSOCK_SOCKET* Socket, SOCKET New, const BACKEND_ADDRESS* Local)
{
    SOCKET Old;
    int32_t Error = 0;

    if (Local != NULL) {
        (void)SetInteger(Socket->Socket, SOL_SOCKET, SO_REUSEADDR, 1);
        (void)SetInteger(New, SOL_SOCKET, SO_REUSEADDR, 1);
        Error = BindNative(New, Local);
    }
    Old = PollerReplace(Socket, New);
    CloseNative(Old, false);
    if (Error != 0 && BindNative(New, Local) == 0) {
        Error = 0;
    }
    OptionsRestoreSharing(Socket);
    return (Error == 0) ? 0 : BACKEND_LOST;
}

/* For a stream the system may not allow that. */
static int32_t MoveStream(WINSOCK_SOCKET* Socket, SOCKET New, const BACKEND_ADDRESS* Local)
{
    SOCKET Old = PollerReplace(Socket, New);

    CloseNative(Old, true);
    OptionsRestoreSharing(Socket);
    return (Local == NULL || BindNative(New, Local) == 0) ? 0 : BACKEND_LOST;
}

/* A socket that has tried to connect can't try again, and one that gives up a connection also loses the port
 * that the system chose for it (Wine still reports that port). */
static int32_t Reopen(WINSOCK_SOCKET* Socket, const BACKEND_ADDRESS* Local)
{
    SOCKET New;
    int32_t Error = Open(Socket->Family, Socket->Type, &New);

    if (Error != 0) {
        return Error;
    }
    OptionsCopy(Socket, New);
    Error = (Socket->Type == SOCK_DGRAM) ? MoveDatagram(Socket, New, Local) : MoveStream(Socket, New, Local);
    Socket->Connected = false;
    Socket->SendShut = false;
    Socket->ErrorSeen = false;
    __atomic_store_n(&Socket->SentAt, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&Socket->ErrorPolled, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&Socket->Broken, 0, __ATOMIC_SEQ_CST);
    return Error;
}

int32_t BackendDissolve(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Local, bool PortChosen)
{
    (void)PortChosen;
    return Reopen(FromHandle(Handle), Local);
}

/* ---- connecting -------------------------------------------------------------------------------------- */

static int32_t ErrorOf(SOCKET Socket)
{
    int Value;
    int32_t Error = GetInteger(Socket, SOL_SOCKET, SO_ERROR, &Value);

    return (Error != 0) ? Error : Value;
}

/* Wine keeps the first ICMP error of a datagram socket for ever, so a new address needs a new socket. */
static int32_t ConnectDatagram(WINSOCK_SOCKET* Socket, const NATIVE_ADDRESS* Native, int Length)
{
    int32_t Error = 0;

    if (!Socket->Connected) {
        Error = BackendGetLocalAddress((BACKEND_HANDLE)(uintptr_t)Socket, &Socket->Local);
    } else if (ErrorOf(Socket->Socket) != 0) {
        Error = Reopen(Socket, &Socket->Local);
    }
    if (Error == 0) {
        Error = Result(connect(Socket->Socket, &Native->Any, Length));
    }
    if (Error == 0) {
        ReportUnreachable(Socket->Socket, TRUE);
        Socket->Connected = true;
    }
    return Error;
}

int32_t BackendConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    NATIVE_ADDRESS Native;
    int Length = ToNative(Address, &Native);

    if (Socket->Type == SOCK_DGRAM) {
        return ConnectDatagram(Socket, &Native, Length);
    }
    return AttemptResult(Socket, connect(Socket->Socket, &Native.Any, Length),
                         BACKEND_READABLE | BACKEND_WRITABLE);
}

int32_t BackendFinishConnect(BACKEND_HANDLE Handle)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    BACKEND_ADDRESS Remote;
    int32_t Error = ErrorOf(Socket->Socket);

    if (Error != 0) {
        return Error;
    }
    Error = BackendGetRemoteAddress(Handle, &Remote);
    if (Error != WSAENOTCONN) {
        return Error;
    }
    if (PollNow(Socket->Socket, 0) & (POLLERR | POLLHUP)) {
        /* The state has just changed, or the connection was established and has ended: then Wine knows no
         * peer. */
        Error = ErrorOf(Socket->Socket);
        if (Error == 0) {
            Error = BackendGetRemoteAddress(Handle, &Remote);
        }
        return (Error == WSAENOTCONN) ? WSAECONNRESET : Error;
    }
    PollerArm(Socket, BACKEND_READABLE | BACKEND_WRITABLE);
    return BACKEND_WOULD_BLOCK;
}

/* Ignores a connection that was reset before it was accepted. Wine accepts it, finds no address of the peer,
 * and closes it. */
static bool IsGone(int32_t Error)
{
    return Error == WSAECONNRESET || Error == WSAECONNABORTED || Error == WSAENOTCONN;
}

int32_t BackendAccept(BACKEND_HANDLE Handle, BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote)
{
    WINSOCK_SOCKET* Listener = FromHandle(Handle);
    NATIVE_ADDRESS Native;
    int Length;
    SOCKET Socket;

    *Accepted = BACKEND_NO_HANDLE;
    do {
        Length = sizeof(Native);
        Socket = accept(Listener->Socket, &Native.Any, &Length);
    } while (Socket == INVALID_SOCKET && IsGone(WSAGetLastError()));
    if (Socket == INVALID_SOCKET) {
        return AttemptResult(Listener, SOCKET_ERROR, BACKEND_READABLE);
    }
    SetNonBlocking(Socket);
    (void)SetHandleInformation((HANDLE)Socket, HANDLE_FLAG_INHERIT, 0);
    FromNative(&Native, Length, Remote);
    return MakeHandle(Listener->Family, SOCK_STREAM, Socket, Accepted);
}

/* ---- streams ---------------------------------------------------------------------------------------- */

/* Describes the payload, or as much as fits, in at least one buffer, as Winsock requires. */
static DWORD ToBuffers(const BACKEND_MESSAGE* Message, WSABUF* Buffers, size_t* Total)
{
    const BACKEND_SEGMENT* Segments = Message->Segments;
    uint32_t Used = 0;

    *Total = 0;
    for (; Used < Message->Count && Used < SEGMENTS_MAX && *Total < TRANSFER_MAX; Used++) {
        size_t Room = TRANSFER_MAX - *Total;
        size_t Length = (Segments[Used].Length < Room) ? Segments[Used].Length : Room;

        Buffers[Used].buf = Segments[Used].Base;
        Buffers[Used].len = (ULONG)Length;
        *Total += Length;
    }
    if (Used == 0) {
        Buffers[0].buf = (char*)Buffers; /* never accessed */
        Buffers[0].len = 0;
        Used = 1;
    }
    return Used;
}

static int32_t SendStream(WINSOCK_SOCKET* Socket, BACKEND_MESSAGE* Message)
{
    WSABUF Buffers[SEGMENTS_MAX];
    size_t Total;
    DWORD Used = ToBuffers(Message, Buffers, &Total);
    DWORD Bytes = 0;
    int Value = WSASend(Socket->Socket, Buffers, Used, &Bytes, 0, NULL, NULL);

    Message->Moved = (Value == 0) ? Bytes : 0;
    return AttemptResult(Socket, Value, BACKEND_WRITABLE);
}

static int32_t ReceiveStream(WINSOCK_SOCKET* Socket, BACKEND_MESSAGE* Message, DWORD Flags)
{
    WSABUF Buffers[SEGMENTS_MAX];
    size_t Total;
    DWORD Used = ToBuffers(Message, Buffers, &Total);
    DWORD Bytes = 0;
    int Value = WSARecv(Socket->Socket, Buffers, Used, &Bytes, &Flags, NULL, NULL);

    Message->Moved = (Value == 0) ? Bytes : 0;
    if (Value == 0 && Bytes == 0 && Total != 0 && IsBroken(Socket)) {
        return WSAECONNRESET;
    }
    return AttemptResult(Socket, Value, BACKEND_READABLE);
}

int32_t BackendPeek(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    return ReceiveStream(FromHandle(Handle), Message, MSG_PEEK);
}

bool BackendIsBroken(BACKEND_HANDLE Handle)
{
    return IsBroken(FromHandle(Handle));
}

int32_t BackendDiscard(BACKEND_HANDLE Handle, size_t Maximum, size_t* Moved)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    int Value = Discard(Socket->Socket, Maximum, Moved);

    if (Value == 0 && IsBroken(Socket)) {
        return WSAECONNRESET;
    }
    return AttemptResult(Socket, Value, BACKEND_READABLE);
}

int32_t BackendShutdownSend(BACKEND_HANDLE Handle)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    int32_t Error = Result(shutdown(Socket->Socket, SD_SEND));

    if (Error == 0) {
        Socket->SendShut = true;
    }
    return Error;
}

/* Winsock does not report unacknowledged data. Nothing is lost by not waiting: the system continues to
 * deliver after the close, see CloseShut. */
int32_t BackendFinishSend(BACKEND_HANDLE Handle)
{
    return IsBroken(FromHandle(Handle)) ? WSAECONNRESET : 0;
}

bool BackendIsAtEnd(BACKEND_HANDLE Handle)
{
    char Byte;

    return recv(SocketOf(Handle), &Byte, 1, MSG_PEEK) == 0 && !IsBroken(FromHandle(Handle));
}

/* ---- datagrams --------------------------------------------------------------------------------------- */

/* Windows reports ICMP's port unreachable as a reset. */
static int32_t DatagramError(int32_t Error)
{
    return (Error == WSAECONNRESET) ? WSAECONNREFUSED : Error;
}

/* From now on an ICMP error may come, which the poller may not see. */
static void NoteSend(WINSOCK_SOCKET* Socket)
{
    uint64_t Now;

    if (Socket->Connected) {
        Now = GetTickCount64();
        if (Now - __atomic_exchange_n(&Socket->SentAt, Now, __ATOMIC_SEQ_CST) >= ANSWER_MILLISECONDS) {
            BackendWake();
        }
    }
}

/* A source address that is not this machine's, or an interface that does not exist. */
static int32_t ControlError(int32_t Error)
{
    return (Error == WSAEINVAL || Error == WSAENETUNREACH) ? WSAEADDRNOTAVAIL : Error;
}

static int SendBuffers(SOCKET Socket, WSABUF* Buffers, DWORD Used, const NATIVE_ADDRESS* Native, int Length,
                       const BACKEND_CONTROL* Control, DWORD* Bytes)
{
    WSAMSG Message = {.name = (Length != 0) ? (SOCKADDR*)&Native->Any : NULL,
                      .namelen = Length,
                      .lpBuffers = Buffers,
                      .dwBufferCount = Used};
    WINSOCK_CONTROL Room;

    if (Control == NULL || Control->Present == 0) {
        return WSASendTo(Socket, Buffers, Used, Bytes, 0, Message.name, Length, NULL, NULL);
    }
    ControlToNative(Control, &Room, &Message);
    return ControlSend(Socket, &Message, Bytes);
}

static int32_t SendDatagram(WINSOCK_SOCKET* Socket, BACKEND_MESSAGE* Message, const NATIVE_ADDRESS* Native,
                            int Length)
{
    WSABUF Buffers[SEGMENTS_MAX];
    size_t Total;
    DWORD Used = ToBuffers(Message, Buffers, &Total);
    DWORD Bytes = 0;
    int32_t Error;
    int Value;

    if (Message->Count > SEGMENTS_MAX) {
        return WSAEMSGSIZE;
    }
    NoteSend(Socket);
    Value = SendBuffers(Socket->Socket, Buffers, Used, Native, Length, Message->Control, &Bytes);
    if (Value == 0) {
        Message->Moved = Bytes;
    }
    Error = AttemptResult(Socket, Value, BACKEND_WRITABLE);
    if (Message->Control != NULL && (Message->Control->Present & BACKEND_CONTROL_PACKET_INFO)) {
        Error = ControlError(Error);
    }
    return DatagramError(Error);
}

static int32_t SendDatagrams(WINSOCK_SOCKET* Socket, BACKEND_MESSAGE* Messages, uint32_t Count,
                             uint32_t* Sent)
{
    const BACKEND_ADDRESS* Address = Messages[0].Address;
    NATIVE_ADDRESS Native;
    int Length = (Address != NULL) ? ToNative(Address, &Native) : 0;
    int32_t Error = 0;

    while (Error == 0 && *Sent < Count) {
        Error = SendDatagram(Socket, &Messages[*Sent], &Native, Length);
        *Sent += (Error == 0);
    }
    return Error;
}

/* One error per send is enough; another send may cause another. */
static int32_t ReportError(WINSOCK_SOCKET* Socket, uint64_t SentAt, int32_t Error)
{
    (void)__atomic_compare_exchange_n(&Socket->SentAt, &SentAt, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return DatagramError(Error);
}

/* Wine takes an ICMP error from the system when it notices one, reports it to a poll at that moment, and
 * keeps it in SO_ERROR for ever. So SO_ERROR counts once; later errors count when a poll has seen them. */
static int32_t TakeError(WINSOCK_SOCKET* Socket, uint64_t SentAt)
{
    bool Polled = __atomic_exchange_n(&Socket->ErrorPolled, 0, __ATOMIC_SEQ_CST) != 0;
    int32_t Error;

    if (SentAt == 0) {
        return 0;
    }
    if (!Polled && (Socket->ErrorSeen || GetTickCount64() - SentAt >= ANSWER_MILLISECONDS)) {
        return 0;
    }
    Error = ErrorOf(Socket->Socket);
    if (Error != 0) {
        Socket->ErrorSeen = true;
    }
    return Error;
}

static int ReceiveBuffers(SOCKET Socket, WSABUF* Buffers, DWORD Used, NATIVE_ADDRESS* Native, int* Length,
                          BACKEND_CONTROL* Control, DWORD* Bytes)
{
    WSAMSG Message = {.name = &Native->Any, .namelen = *Length, .lpBuffers = Buffers, .dwBufferCount = Used};
    WINSOCK_CONTROL Room;
    DWORD Flags = 0;
    int Value;

    if (Control == NULL) {
        return WSARecvFrom(Socket, Buffers, Used, Bytes, &Flags, &Native->Any, Length, NULL, NULL);
    }
    Message.Control.buf = Room.Bytes;
    Message.Control.len = sizeof(Room);
    memset(&Room, 0, sizeof(Room));
    Value = ControlReceive(Socket, &Message, Bytes);
    *Length = Message.namelen;
    ControlFromNative(&Message, Control);
    return Value;
}

static int32_t ReceiveDatagram(WINSOCK_SOCKET* Socket, BACKEND_MESSAGE* Message)
{
    WSABUF Buffers[SEGMENTS_MAX];
    NATIVE_ADDRESS Native;
    size_t Total;
    DWORD Used = ToBuffers(Message, Buffers, &Total);
    DWORD Bytes;
    int Length;
    int32_t Error;
    uint64_t SentAt = __atomic_load_n(&Socket->SentAt, __ATOMIC_SEQ_CST);

    do {
        Length = sizeof(Native);
        Bytes = 0;
        Error =
            Result(ReceiveBuffers(Socket->Socket, Buffers, Used, &Native, &Length, Message->Control, &Bytes));
        /* Windows may report port unreachable for an earlier datagram. */
    } while ((Error == WSAECONNRESET || Error == WSAENETRESET) && !Socket->Connected);
    Message->Flags = (Error == WSAEMSGSIZE) ? BACKEND_TRUNCATED : 0;
    if (Error == WSAEWOULDBLOCK) {
        Error = TakeError(Socket, SentAt);
        if (Error == 0) {
            PollerArm(Socket, BACKEND_READABLE);
            return BACKEND_WOULD_BLOCK;
        }
    }
    if (Error != 0 && Message->Flags == 0) {
        return ReportError(Socket, SentAt, Error);
    }
    Message->Moved = (Message->Flags != 0) ? Total : Bytes;
    FromNative(&Native, Length, Message->Address);
    return 0;
}

/* ---- both kinds -------------------------------------------------------------------------------------- */

static bool CanSend(const BACKEND_CONTROL* Control)
{
    if (Control->Present & BACKEND_CONTROL_SEGMENT_SIZE) {
        return false;
    }
    return Control->Present == 0 || BackendSendsControl();
}

int32_t BackendSend(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Sent)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);
    int32_t Error;

    *Sent = 0;
    Messages[0].Moved = 0;
    if (Messages[0].Control != NULL && !CanSend(Messages[0].Control)) {
        return WSAEOPNOTSUPP;
    }
    if (Socket->Type == SOCK_DGRAM) {
        return SendDatagrams(Socket, Messages, Count, Sent);
    }
    Error = SendStream(Socket, Messages);
    *Sent = (Error == 0);
    return Error;
}

int32_t BackendReceive(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    WINSOCK_SOCKET* Socket = FromHandle(Handle);

    Message->Moved = 0;
    Message->Flags = 0;
    return (Socket->Type == SOCK_DGRAM) ? ReceiveDatagram(Socket, Message)
                                        : ReceiveStream(Socket, Message, 0);
}

/* Goes on until a receive would block, which arms the poller. */
int32_t BackendReceiveMany(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count,
                           uint32_t* Received)
{
    int32_t Error = 0;

    *Received = 0;
    while (Error == 0 && *Received < Count) {
        Error = BackendReceive(Handle, &Messages[*Received]);
        *Received += (Error == 0);
    }
    if (*Received == 0) {
        return Error;
    }
    if (*Received < Count && Error != BACKEND_WOULD_BLOCK) {
        PollerArm(FromHandle(Handle), BACKEND_READABLE);
    }
    return 0;
}

/* Not implemented: see IsLacking. */
int32_t BackendReceiveError(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    (void)Handle;
    (void)Message;
    return BACKEND_WOULD_BLOCK;
}

uint32_t BackendSegmentsAtOnce(void)
{
    return 1;
}
