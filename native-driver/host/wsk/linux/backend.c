/* SPDX-License-Identifier: Apache-2.0
 *
 * The sockets of backend.h on Linux. They are non-blocking and close-on-exec. poller.c, the other half of
 * this backend, reports readiness.
 */
#include "backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "control.h"
#include "native_address.h"

/* Segments of one send, for every version of Linux that has segmentation. */
#define SEGMENTS_MAX 64

/* Messages of one sendmmsg; longer lists take several calls. */
#define MESSAGES_MAX 64
/* Bytes of one discard. */
#define DISCARD_MAX (1u << 20)

_Static_assert(sizeof(struct iovec) == sizeof(BACKEND_SEGMENT) &&
                   offsetof(struct iovec, iov_len) == offsetof(BACKEND_SEGMENT, Length),
               "a segment is passed as an iovec");

static int32_t Result(int Value)
{
    if (Value >= 0) {
        return 0;
    }
    return (errno == EAGAIN || errno == EWOULDBLOCK) ? BACKEND_WOULD_BLOCK : errno;
}

/* By default Linux gives a socket what is sent to the groups of any other socket. Linux before 4.20 can't
 * change that for IPv6. */
static void ReceiveOwnGroupsOnly(int Socket, int Domain)
{
    int Off = 0;

    if (Domain == AF_INET) {
        (void)setsockopt(Socket, IPPROTO_IP, IP_MULTICAST_ALL, &Off, sizeof(Off));
    } else {
        (void)setsockopt(Socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &Off, sizeof(Off));
    }
}

int32_t BackendCreate(uint16_t Family, BACKEND_KIND Kind, BACKEND_HANDLE* Handle)
{
    int Domain = (Family == BACKEND_IPV6) ? AF_INET6 : AF_INET;
    int Type = (Kind == BackendStream) ? SOCK_STREAM : SOCK_DGRAM;
    int On = 1;
    int Socket = socket(Domain, Type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *Handle = Socket;
    if (Socket < 0) {
        return errno;
    }
    if (Domain == AF_INET6) {
        (void)setsockopt(Socket, IPPROTO_IPV6, IPV6_V6ONLY, &On, sizeof(On));
    }
    if (Kind == BackendDatagram) {
        ReceiveOwnGroupsOnly(Socket, Domain);
    }
    if (Kind == BackendStream) {
        /* An address whose last connections are in TIME_WAIT can be bound, as it can on Windows. */
        (void)setsockopt(Socket, SOL_SOCKET, SO_REUSEADDR, &On, sizeof(On));
    }
    return 0;
}

void BackendClose(BACKEND_HANDLE Handle, bool Reset)
{
    struct linger Now = {.l_onoff = 1, .l_linger = 0};

    if (Reset) {
        (void)setsockopt((int)Handle, SOL_SOCKET, SO_LINGER, &Now, sizeof(Now));
    }
    (void)close((int)Handle);
}

int32_t BackendBind(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(Address, &Native);

    return Result(bind((int)Handle, &Native.Any, Length));
}

int32_t BackendBindToConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    int Later = 1;
    int32_t Error;

    /* Works for both families. Linux before 4.2 lacks it, and chooses a port now. */
    (void)setsockopt((int)Handle, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &Later, sizeof(Later));
    Error = BackendBind(Handle, Address);
    Later = 0;
    (void)setsockopt((int)Handle, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &Later, sizeof(Later));
    return Error;
}

int32_t BackendListen(BACKEND_HANDLE Handle)
{
    return Result(listen((int)Handle, SOMAXCONN));
}

int32_t BackendGetLocalAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = sizeof(Native);
    int32_t Error = Result(getsockname((int)Handle, &Native.Any, &Length));

    if (Error == 0) {
        FromNative(&Native, Length, Address);
    }
    return Error;
}

int32_t BackendGetRemoteAddress(BACKEND_HANDLE Handle, BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = sizeof(Native);
    int32_t Error = Result(getpeername((int)Handle, &Native.Any, &Length));

    if (Error == 0) {
        FromNative(&Native, Length, Address);
    }
    return Error;
}

/* Clears an ICMP error of the former address. The system drops later ones, since they name another peer. */
static void ForgetError(int Socket)
{
    int Error;
    socklen_t Length = sizeof(Error);

    (void)getsockopt(Socket, SOL_SOCKET, SO_ERROR, &Error, &Length);
}

int32_t BackendConnect(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(Address, &Native);

    if (connect((int)Handle, &Native.Any, Length) == 0) {
        ForgetError((int)Handle); /* only a datagram socket's: a stream's connect never completes at once */
        return 0;
    }
    /* EAGAIN means here that no local port is left, not that the connect is in progress. */
    return (errno == EINPROGRESS) ? BACKEND_WOULD_BLOCK : errno;
}

int32_t BackendFinishConnect(BACKEND_HANDLE Handle)
{
    int Error = 0;
    socklen_t Length = sizeof(Error);
    BACKEND_ADDRESS Remote;

    if (getsockopt((int)Handle, SOL_SOCKET, SO_ERROR, &Error, &Length) < 0) {
        return errno;
    }
    if (Error != 0) {
        return Error;
    }
    Error = BackendGetRemoteAddress(Handle, &Remote);
    return (Error == ENOTCONN) ? BACKEND_WOULD_BLOCK : Error;
}

static int GetInteger(int Socket, int Level, int Name)
{
    int Value = 0;
    socklen_t Length = sizeof(Value);

    return (getsockopt(Socket, Level, Name, &Value, &Length) < 0) ? 0 : Value;
}

static void SetInteger(int Socket, int Level, int Name, int Value)
{
    (void)setsockopt(Socket, Level, Name, &Value, sizeof(Value));
}

/* Undoes a connect. Local, when not NULL, is an address whose port may have been lost with the connect, or
 * with its failure, although the system still reports it; a bind takes it again, or finds that it was
 * kept. */
static int32_t Disconnect(int Socket, const BACKEND_ADDRESS* Local)
{
    struct sockaddr None = {.sa_family = AF_UNSPEC};
    int32_t Error;

    if (connect(Socket, &None, sizeof(None)) < 0) {
        return errno;
    }
    ForgetError(Socket);
    Error = (Local != NULL) ? BackendBind(Socket, Local) : 0;
    return (Error == 0 || Error == EINVAL) ? 0 : BACKEND_LOST;
}

/* Binds a second socket to the same address, so that no other program gets the port while the first socket
 * has released it. The first must allow sharing. */
static int32_t HoldAddress(int Socket, const BACKEND_ADDRESS* Local, int* Holder)
{
    int32_t Error;

    *Holder = socket(GetInteger(Socket, SOL_SOCKET, SO_DOMAIN), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (*Holder < 0) {
        return errno;
    }
    if (Local->Family == BACKEND_IPV6) {
        SetInteger(*Holder, IPPROTO_IPV6, IPV6_V6ONLY, GetInteger(Socket, IPPROTO_IPV6, IPV6_V6ONLY));
    }
    SetInteger(*Holder, SOL_SOCKET, SO_REUSEADDR, 1);
    Error = BackendBind(*Holder, Local);
    if (Error != 0) {
        (void)close(*Holder);
    }
    return Error;
}

static int32_t DisconnectDatagram(int Socket, const BACKEND_ADDRESS* Local)
{
    int Shared = GetInteger(Socket, SOL_SOCKET, SO_REUSEADDR);
    int Holder;
    int32_t Error;

    SetInteger(Socket, SOL_SOCKET, SO_REUSEADDR, 1);
    Error = HoldAddress(Socket, Local, &Holder);
    if (Error == 0) {
        Error = Disconnect(Socket, Local);
        (void)close(Holder);
    }
    SetInteger(Socket, SOL_SOCKET, SO_REUSEADDR, Shared);
    return Error;
}

/* The system keeps a port that the program chose. */
int32_t BackendDissolve(BACKEND_HANDLE Handle, const BACKEND_ADDRESS* Local, bool PortChosen)
{
    int Socket = (int)Handle;

    if (Local == NULL || !PortChosen) {
        return Disconnect(Socket, NULL);
    }
    return (GetInteger(Socket, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM) ? DisconnectDatagram(Socket, Local)
                                                                   : Disconnect(Socket, Local);
}

int32_t BackendAccept(BACKEND_HANDLE Handle, BACKEND_HANDLE* Accepted, BACKEND_ADDRESS* Remote)
{
    NATIVE_ADDRESS Native;
    socklen_t Length;
    int Socket;

    do {
        Length = sizeof(Native);
        Socket = accept4((int)Handle, &Native.Any, &Length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (Socket < 0 && (errno == ECONNABORTED || errno == EINTR));
    *Accepted = Socket;
    if (Socket >= 0) {
        FromNative(&Native, Length, Remote);
    }
    return Result(Socket);
}

static int32_t TransferResult(ssize_t Bytes, size_t* Moved)
{
    *Moved = (Bytes > 0) ? (size_t)Bytes : 0;
    return (Bytes >= 0) ? 0 : Result(-1);
}

/* An empty message has one empty part: QEMU's user mode does not send a message without parts. */
static struct msghdr HeaderOf(const BACKEND_MESSAGE* Message)
{
    static struct iovec Empty;
    struct msghdr Header = {.msg_iov = (struct iovec*)(uintptr_t)Message->Segments,
                            .msg_iovlen = Message->Count};

    if (Message->Count == 0) {
        Header.msg_iov = &Empty;
        Header.msg_iovlen = 1;
    }
    return Header;
}

static bool IsForeign(const BACKEND_ADDRESS* Address)
{
    NATIVE_ADDRESS Native;
    socklen_t Length = ToNative(Address, &Native);
    int Socket = socket(Native.Any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool Foreign = Socket >= 0 && bind(Socket, &Native.Any, Length) < 0 && errno == EADDRNOTAVAIL;

    if (Socket >= 0) {
        (void)close(Socket);
    }
    return Foreign;
}

/* A source address that is not this machine's, or an interface that does not exist, has several errors, one
 * of which is that of an unreachable network. */
static int32_t SendResult(int Value, const BACKEND_CONTROL* Control)
{
    int32_t Error = Result(Value);

    if (Error <= 0 || Control == NULL || !(Control->Present & BACKEND_CONTROL_PACKET_INFO)) {
        return Error;
    }
    if (Error == EINVAL || Error == ENODEV ||
        (Error == ENETUNREACH && Control->Local.Family != 0 && IsForeign(&Control->Local))) {
        return EADDRNOTAVAIL;
    }
    return Error;
}

static int32_t SendOne(int Socket, BACKEND_MESSAGE* Message, uint32_t* Sent)
{
    struct msghdr Header = HeaderOf(Message);
    NATIVE_ADDRESS Native;
    NATIVE_CONTROL Control;
    ssize_t Bytes;

    if (Message->Address != NULL) {
        Header.msg_namelen = ToNative(Message->Address, &Native);
        Header.msg_name = &Native;
    }
    if (Message->Control != NULL) {
        ControlToNative(Message->Control, &Control, &Header);
    }
    Bytes = sendmsg(Socket, &Header, MSG_NOSIGNAL);
    *Sent = (Bytes >= 0);
    Message->Moved = (Bytes > 0) ? (size_t)Bytes : 0;
    return SendResult((Bytes < 0) ? -1 : 0, Message->Control);
}

static int32_t SendBatch(int Socket, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Sent)
{
    struct mmsghdr Headers[MESSAGES_MAX];
    const BACKEND_ADDRESS* Address = Messages[0].Address;
    NATIVE_ADDRESS Native;
    socklen_t Length = (Address != NULL) ? ToNative(Address, &Native) : 0;
    uint32_t Batch = (Count < MESSAGES_MAX) ? Count : MESSAGES_MAX;
    struct msghdr Common = {0};
    NATIVE_CONTROL Control;
    int Number;

    if (Messages[0].Control != NULL) {
        ControlToNative(Messages[0].Control, &Control, &Common);
    }
    for (uint32_t Index = 0; Index < Batch; Index++) {
        Headers[Index] = (struct mmsghdr){.msg_hdr = HeaderOf(&Messages[Index])};
        Headers[Index].msg_hdr.msg_name = (Length != 0) ? &Native : NULL;
        Headers[Index].msg_hdr.msg_namelen = Length;
        Headers[Index].msg_hdr.msg_control = Common.msg_control;
        Headers[Index].msg_hdr.msg_controllen = Common.msg_controllen;
    }
    Number = sendmmsg(Socket, Headers, Batch, MSG_NOSIGNAL);
    *Sent = (Number > 0) ? (uint32_t)Number : 0;
    for (uint32_t Index = 0; Index < *Sent; Index++) {
        Messages[Index].Moved = Headers[Index].msg_len;
    }
    return SendResult(Number, Messages[0].Control);
}

int32_t BackendSend(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Sent)
{
    return (Count == 1) ? SendOne((int)Handle, Messages, Sent)
                        : SendBatch((int)Handle, Messages, Count, Sent);
}

static int StreamState(BACKEND_HANDLE Handle)
{
    struct tcp_info Info;
    socklen_t Length = sizeof(Info);

    memset(&Info, 0, sizeof(Info));
    if (getsockopt((int)Handle, IPPROTO_TCP, TCP_INFO, &Info, &Length) < 0) {
        return TCP_CLOSE;
    }
    return Info.tcpi_state;
}

/* Describes a message for the system to fill in. */
static struct msghdr HeaderToReceive(const BACKEND_MESSAGE* Message, NATIVE_ADDRESS* Native,
                                     NATIVE_CONTROL* Control)
{
    struct msghdr Header = HeaderOf(Message);

    if (Message->Address != NULL) {
        Header.msg_name = Native;
        Header.msg_namelen = sizeof(*Native);
    }
    if (Message->Control != NULL) {
        ControlToReceive(Control, &Header);
    }
    return Header;
}

/* For a stream the system does not write the address. */
static void TakeHeader(struct msghdr* Header, BACKEND_MESSAGE* Message)
{
    if (Message->Address != NULL) {
        FromNative(Header->msg_name, Header->msg_namelen, Message->Address);
    }
    if (Message->Control != NULL) {
        ControlFromNative(Header, Message->Control);
    }
    Message->Flags = (Header->msg_flags & MSG_TRUNC) ? BACKEND_TRUNCATED : 0;
}

static int32_t Receive(int Socket, BACKEND_MESSAGE* Message, int Flags)
{
    NATIVE_ADDRESS Native;
    NATIVE_CONTROL Control;
    struct msghdr Header = HeaderToReceive(Message, &Native, &Control);
    ssize_t Bytes = recvmsg(Socket, &Header, Flags);

    Message->Flags = 0;
    if (Bytes >= 0) {
        TakeHeader(&Header, Message);
    }
    return TransferResult(Bytes, &Message->Moved);
}

int32_t BackendReceive(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    return Receive((int)Handle, Message, 0);
}

/* The payload of an error would be a part of the datagram that it is about. */
int32_t BackendReceiveError(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    BACKEND_MESSAGE Error = {.Address = Message->Address, .Control = Message->Control};
    int32_t Status;

    do {
        Status = Receive((int)Handle, &Error, MSG_ERRQUEUE);
    } while (Status == 0 && !(Error.Control->Present & BACKEND_CONTROL_ERROR));
    Message->Flags = 0;
    Message->Moved = 0;
    return Status;
}

bool BackendSendsControl(void)
{
    return true;
}

/* Linux before 4.18 has no segmentation. */
uint32_t BackendSegmentsAtOnce(void)
{
    static int Known; /* atomic; 0: not yet */
    int Value = __atomic_load_n(&Known, __ATOMIC_RELAXED);

    if (Value == 0) {
        int Socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int Size = 0;
        socklen_t Length = sizeof(Size);

        Value =
            (Socket >= 0 && getsockopt(Socket, SOL_UDP, UDP_SEGMENT, &Size, &Length) == 0) ? SEGMENTS_MAX : 1;
        if (Socket >= 0) {
            (void)close(Socket);
            __atomic_store_n(&Known, Value, __ATOMIC_RELAXED);
        }
    }
    return (uint32_t)Value;
}

/* Room for the control messages of many datagrams would be large. An error, which is that of an earlier send,
 * must not hide the datagrams after it, because no edge follows. */
static int32_t ReceiveOneByOne(int Socket, BACKEND_MESSAGE* Messages, uint32_t Count, uint32_t* Received)
{
    int32_t Error = 0;

    *Received = 0;
    for (uint32_t Attempt = 0; Attempt < Count && (Error == 0 || *Received != 0); Attempt++) {
        Error = Receive(Socket, &Messages[*Received], 0);
        *Received += (Error == 0);
        if (Error == BACKEND_WOULD_BLOCK) {
            break;
        }
    }
    return (*Received != 0) ? 0 : Error;
}

/* A new datagram is an edge, also when the ones before it were not all received. */
int32_t BackendReceiveMany(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Messages, uint32_t Count,
                           uint32_t* Received)
{
    struct mmsghdr Headers[BACKEND_RECEIVES_MAX];
    NATIVE_ADDRESS Natives[BACKEND_RECEIVES_MAX];
    int Number;

    if (Messages[0].Control != NULL) {
        return ReceiveOneByOne((int)Handle, Messages, Count, Received);
    }
    for (uint32_t Index = 0; Index < Count; Index++) {
        Headers[Index] =
            (struct mmsghdr){.msg_hdr = HeaderToReceive(&Messages[Index], &Natives[Index], NULL)};
    }
    Number = recvmmsg((int)Handle, Headers, Count, 0, NULL);
    *Received = (Number > 0) ? (uint32_t)Number : 0;
    for (uint32_t Index = 0; Index < *Received; Index++) {
        TakeHeader(&Headers[Index].msg_hdr, &Messages[Index]);
        Messages[Index].Moved = Headers[Index].msg_len;
    }
    return Result(Number);
}

int32_t BackendPeek(BACKEND_HANDLE Handle, BACKEND_MESSAGE* Message)
{
    struct msghdr Header = HeaderOf(Message);

    return TransferResult(recvmsg((int)Handle, &Header, MSG_PEEK), &Message->Moved);
}

/* The error that no call has taken yet. */
bool BackendIsBroken(BACKEND_HANDLE Handle)
{
    struct pollfd Poll = {.fd = (int)Handle};

    return poll(&Poll, 1, 0) > 0 && (Poll.revents & POLLERR) != 0;
}

int32_t BackendDiscard(BACKEND_HANDLE Handle, size_t Maximum, size_t* Moved)
{
    /* With MSG_TRUNC TCP does not write to the buffer. */
    return TransferResult(recv((int)Handle, NULL, (Maximum < DISCARD_MAX) ? Maximum : DISCARD_MAX, MSG_TRUNC),
                          Moved);
}

int32_t BackendShutdownSend(BACKEND_HANDLE Handle)
{
    return Result(shutdown((int)Handle, SHUT_WR));
}

int32_t BackendFinishSend(BACKEND_HANDLE Handle)
{
    int Error = 0;
    int Unacknowledged = 0;
    socklen_t Length = sizeof(Error);
    int State = StreamState(Handle);

    if (State == TCP_CLOSE) {
        return (getsockopt((int)Handle, SOL_SOCKET, SO_ERROR, &Error, &Length) < 0) ? errno : Error;
    }
    if (State != TCP_FIN_WAIT1 && State != TCP_CLOSING && State != TCP_LAST_ACK) {
        return 0;
    }
    /* FIN counts as one byte; when only FIN is unacknowledged, all data has arrived. */
    if (ioctl((int)Handle, SIOCOUTQ, &Unacknowledged) == 0 && Unacknowledged <= 1) {
        return 0;
    }
    return BACKEND_WOULD_BLOCK;
}

bool BackendIsAtEnd(BACKEND_HANDLE Handle)
{
    char Byte;

    return recv((int)Handle, &Byte, 1, MSG_PEEK) == 0;
}

int32_t BackendQueryReadable(BACKEND_HANDLE Handle, size_t* Bytes)
{
    int Native = 0;
    int32_t Error = Result(ioctl((int)Handle, FIONREAD, &Native));

    *Bytes = (size_t)Native;
    return Error;
}
