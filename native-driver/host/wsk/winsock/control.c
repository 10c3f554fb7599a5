/* SPDX-License-Identifier: Apache-2.0
 *
 * Ancillary data between backend.h and Winsock's control messages. Wine 8 gives them to WSARecvMsg, but its
 * WSASendMsg ignores them without an error, so whether they can be sent is tried out.
 */
#include "winsock_socket.h"

#include <string.h>

/* Message types by Windows' numbers, for headers that lack them. */
#define TYPE_TOS           3
#define TYPE_TTL           4
#define TYPE_PACKET_INFO   19
#define TYPE_HOP_LIMIT     21
#define TYPE_TRAFFIC_CLASS 39

/* ---- the two functions ------------------------------------------------------------------------------- */

static int FindFunction(SOCKET Socket, const GUID* Name, void* Function, DWORD Size)
{
    GUID Id = *Name;
    DWORD Bytes;

    return WSAIoctl(Socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &Id, sizeof(Id), Function, Size, &Bytes, NULL,
                    NULL);
}

int ControlSend(SOCKET Socket, WSAMSG* Message, DWORD* Bytes)
{
    static const GUID Name = WSAID_WSASENDMSG;
    static LPFN_WSASENDMSG Known; /* atomic; NULL: not yet */
    LPFN_WSASENDMSG Function = __atomic_load_n(&Known, __ATOMIC_ACQUIRE);

    if (Function == NULL) {
        if (FindFunction(Socket, &Name, &Function, sizeof(Function)) == SOCKET_ERROR) {
            return SOCKET_ERROR;
        }
        __atomic_store_n(&Known, Function, __ATOMIC_RELEASE);
    }
    return Function(Socket, Message, 0, Bytes, NULL, NULL);
}

int ControlReceive(SOCKET Socket, WSAMSG* Message, DWORD* Bytes)
{
    static const GUID Name = WSAID_WSARECVMSG;
    static LPFN_WSARECVMSG Known; /* as above */
    LPFN_WSARECVMSG Function = __atomic_load_n(&Known, __ATOMIC_ACQUIRE);

    if (Function == NULL) {
        if (FindFunction(Socket, &Name, &Function, sizeof(Function)) == SOCKET_ERROR) {
            return SOCKET_ERROR;
        }
        __atomic_store_n(&Known, Function, __ATOMIC_RELEASE);
    }
    return Function(Socket, Message, Bytes, NULL, NULL);
}

/* ---- to Winsock -------------------------------------------------------------------------------------- */

static void Put(WSAMSG* Message, int Level, int Type, const void* Data, size_t Size)
{
    WSACMSGHDR* Header = (WSACMSGHDR*)(void*)(Message->Control.buf + Message->Control.len);

    Header->cmsg_len = WSA_CMSG_LEN(Size);
    Header->cmsg_level = Level;
    Header->cmsg_type = Type;
    memcpy(WSA_CMSG_DATA(Header), Data, Size);
    Message->Control.len += (ULONG)WSA_CMSG_SPACE(Size);
}

static void PutPacketInfo4(WSAMSG* Message, const BACKEND_CONTROL* Control)
{
    IN_PKTINFO Info = {.ipi_ifindex = Control->Interface};

    memcpy(&Info.ipi_addr, Control->Local.Bytes, sizeof(Info.ipi_addr));
    Put(Message, IPPROTO_IP, TYPE_PACKET_INFO, &Info, sizeof(Info));
}

static void PutPacketInfo6(WSAMSG* Message, const BACKEND_CONTROL* Control)
{
    IN6_PKTINFO Info = {.ipi6_ifindex = Control->Interface};

    memcpy(&Info.ipi6_addr, Control->Local.Bytes, sizeof(Info.ipi6_addr));
    Put(Message, IPPROTO_IPV6, TYPE_PACKET_INFO, &Info, sizeof(Info));
}

void ControlToNative(const BACKEND_CONTROL* Control, WINSOCK_CONTROL* Room, WSAMSG* Message)
{
    bool Four = (Control->Family == BACKEND_IPV4);
    int Level = Four ? IPPROTO_IP : IPPROTO_IPV6;
    int TrafficClass = (int)Control->TrafficClass;
    int HopLimit = (int)Control->HopLimit;

    memset(Room, 0, sizeof(*Room));
    Message->Control.buf = Room->Bytes;
    Message->Control.len = 0;
    if (Control->Present & BACKEND_CONTROL_PACKET_INFO) {
        (Four ? PutPacketInfo4 : PutPacketInfo6)(Message, Control);
    }
    if (Control->Present & BACKEND_CONTROL_TRAFFIC_CLASS) {
        Put(Message, Level, Four ? TYPE_TOS : TYPE_TRAFFIC_CLASS, &TrafficClass, sizeof(TrafficClass));
    }
    if (Control->Present & BACKEND_CONTROL_HOP_LIMIT) {
        Put(Message, Level, Four ? TYPE_TTL : TYPE_HOP_LIMIT, &HopLimit, sizeof(HopLimit));
    }
}

/* ---- from Winsock ------------------------------------------------------------------------------------ */

static void TakeLocal(BACKEND_CONTROL* Control, uint16_t Family, const void* Address, size_t Size,
                      uint32_t Interface)
{
    Control->Present |= BACKEND_CONTROL_PACKET_INFO;
    Control->Local.Family = Family;
    memcpy(Control->Local.Bytes, Address, Size);
    Control->Interface = Interface;
}

static void TakeNumber(const WSACMSGHDR* Header, uint32_t Bit, uint32_t* Field, BACKEND_CONTROL* Control)
{
    int Value;

    if (Header->cmsg_len >= WSA_CMSG_LEN(sizeof(Value))) {
        memcpy(&Value, WSA_CMSG_DATA(Header), sizeof(Value));
        Control->Present |= Bit;
        *Field = (uint32_t)Value;
    }
}

static void Take4(BACKEND_CONTROL* Control, const WSACMSGHDR* Header)
{
    IN_PKTINFO Info;

    switch (Header->cmsg_type) {
    case TYPE_PACKET_INFO:
        memcpy(&Info, WSA_CMSG_DATA(Header), sizeof(Info));
        TakeLocal(Control, BACKEND_IPV4, &Info.ipi_addr, sizeof(Info.ipi_addr), Info.ipi_ifindex);
        break;
    case TYPE_TOS:
        TakeNumber(Header, BACKEND_CONTROL_TRAFFIC_CLASS, &Control->TrafficClass, Control);
        break;
    case TYPE_TTL:
        TakeNumber(Header, BACKEND_CONTROL_HOP_LIMIT, &Control->HopLimit, Control);
        break;
    default:
        break;
    }
}

/* Wine gives IPv6's packet info of IPv4 datagrams too, with a mapped address. */
static void Take6(BACKEND_CONTROL* Control, const WSACMSGHDR* Header)
{
    IN6_PKTINFO Info;

    switch (Header->cmsg_type) {
    case TYPE_PACKET_INFO:
        memcpy(&Info, WSA_CMSG_DATA(Header), sizeof(Info));
        if (!IN6_IS_ADDR_V4MAPPED(&Info.ipi6_addr)) {
            TakeLocal(Control, BACKEND_IPV6, &Info.ipi6_addr, sizeof(Info.ipi6_addr), Info.ipi6_ifindex);
        }
        break;
    case TYPE_TRAFFIC_CLASS:
        TakeNumber(Header, BACKEND_CONTROL_TRAFFIC_CLASS, &Control->TrafficClass, Control);
        break;
    case TYPE_HOP_LIMIT:
        TakeNumber(Header, BACKEND_CONTROL_HOP_LIMIT, &Control->HopLimit, Control);
        break;
    default:
        break;
    }
}

void ControlFromNative(WSAMSG* Message, BACKEND_CONTROL* Control)
{
    memset(Control, 0, sizeof(*Control));
    /* After a failure there is no message, and the room is all zero. */
    for (WSACMSGHDR* Header = WSA_CMSG_FIRSTHDR(Message);
         Header != NULL && Header->cmsg_len >= sizeof(*Header); Header = WSA_CMSG_NXTHDR(Message, Header)) {
        if (Header->cmsg_level == IPPROTO_IP) {
            Take4(Control, Header);
        } else if (Header->cmsg_level == IPPROTO_IPV6) {
            Take6(Control, Header);
        }
    }
}

/* ---- whether it can be sent -------------------------------------------------------------------------- */

static SOCKET OpenLoopback(SOCKADDR_IN* Address)
{
    SOCKET Socket = WSASocketW(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_NO_HANDLE_INHERIT);
    int Length = sizeof(*Address);
    u_long On = 1;

    *Address = (SOCKADDR_IN){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (Socket != INVALID_SOCKET) {
        (void)ioctlsocket(Socket, (long)FIONBIO, &On);
        if (bind(Socket, (SOCKADDR*)Address, Length) == SOCKET_ERROR ||
            getsockname(Socket, (SOCKADDR*)Address, &Length) == SOCKET_ERROR) {
            (void)closesocket(Socket);
            return INVALID_SOCKET;
        }
    }
    return Socket;
}

/* Sends a datagram to the socket itself with another source address. On the loopback interface it arrives
 * during the call. */
static bool TryToSend(SOCKET Socket, SOCKADDR_IN* Address)
{
    static const BACKEND_CONTROL Control = {.Present = BACKEND_CONTROL_PACKET_INFO,
                                            .Family = BACKEND_IPV4,
                                            .Local = {.Family = BACKEND_IPV4, .Bytes = {127, 0, 0, 2}}};
    char Byte = 0;
    WSABUF Buffer = {.buf = &Byte, .len = 1};
    WSAMSG Message = {
        .name = (SOCKADDR*)Address, .namelen = sizeof(*Address), .lpBuffers = &Buffer, .dwBufferCount = 1};
    WINSOCK_CONTROL Room;
    SOCKADDR_IN From = {0};
    int Length = sizeof(From);
    DWORD Bytes;

    ControlToNative(&Control, &Room, &Message);
    return ControlSend(Socket, &Message, &Bytes) == 0 &&
           recvfrom(Socket, &Byte, 1, 0, (SOCKADDR*)&From, &Length) == 1 &&
           memcmp(&From.sin_addr, Control.Local.Bytes, sizeof(From.sin_addr)) == 0;
}

bool BackendSendsControl(void)
{
    static int Known; /* atomic; 0: not yet, 1: no, 2: yes */
    int Value = __atomic_load_n(&Known, __ATOMIC_RELAXED);

    if (Value == 0) {
        SOCKADDR_IN Address;
        SOCKET Socket = OpenLoopback(&Address);

        if (Socket == INVALID_SOCKET) {
            return false;
        }
        Value = TryToSend(Socket, &Address) ? 2 : 1;
        (void)closesocket(Socket);
        __atomic_store_n(&Known, Value, __ATOMIC_RELAXED);
    }
    return Value == 2;
}
