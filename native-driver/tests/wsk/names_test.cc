/* SPDX-License-Identifier: Apache-2.0
 *
 * WskGetAddressInfo, WskFreeAddressInfo and WskGetNameInfo, compared with the results of the system's own
 * functions. This file resolves one name itself, when a test asks for it.
 */
#include "fixture.h"

#include <atomic>
#include <dlfcn.h>

/* The system's types under other names: wsk.h defines its own. */
extern "C" const char* inet_ntop(int Family, const void* Bytes, char* Text, unsigned Size);

namespace {

struct SystemAddrinfo {
    int Flags;
    int Family;
    int Type;
    int Protocol;
    unsigned Length;
    void* Address;
    char* CanonicalName;
    SystemAddrinfo* Next;
};

std::mutex SlowLock;
std::condition_variable SlowChanged;
int SlowInside;
bool SlowAnswered;

using Resolver = int (*)(const char*, const char*, const SystemAddrinfo*, SystemAddrinfo**);
using Freer = void (*)(SystemAddrinfo*);

Resolver SystemResolver()
{
    static Resolver Function = reinterpret_cast<Resolver>(dlsym(RTLD_NEXT, "getaddrinfo"));
    return Function;
}

} // namespace

/* Called by the provider. The name "slow.example" is resolved late, to 127.0.0.1. */
extern "C" __attribute__((visibility("default"))) int
NamesTestResolve(const char* Node, const char* Service, const SystemAddrinfo* Hints,
                 SystemAddrinfo** Result) __asm__("getaddrinfo");

extern "C" int NamesTestResolve(const char* Node, const char* Service, const SystemAddrinfo* Hints,
                                SystemAddrinfo** Result)
{
    if (Node != nullptr && std::string(Node) == "slow.example") {
        std::unique_lock<std::mutex> Guard(SlowLock);
        SlowInside++;
        SlowChanged.notify_all();
        SlowChanged.wait(Guard, [] { return SlowAnswered; });
        SlowInside--;
        Node = "127.0.0.1";
    }
    return SystemResolver()(Node, Service, Hints, Result);
}

namespace wsk {

class NamesTest : public ClientTest {
  protected:
    void SetUp() override
    {
        ClientTest::SetUp();
        std::lock_guard<std::mutex> Guard(SlowLock);
        SlowAnswered = false;
    }

    /* Answers a pending lookup, for which the end of the test would wait. */
    void TearDown() override
    {
        AnswerSlow();
        ClientTest::TearDown();
    }

    static void AnswerSlow()
    {
        std::lock_guard<std::mutex> Guard(SlowLock);
        SlowAnswered = true;
        SlowChanged.notify_all();
    }

    static bool AwaitSlow()
    {
        return Await([] {
            std::lock_guard<std::mutex> Guard(SlowLock);
            return SlowInside != 0;
        });
    }

    static UNICODE_STRING String(std::u16string& Text)
    {
        UNICODE_STRING Result = {};
        Result.Length = Result.MaximumLength = static_cast<USHORT>(Text.size() * 2);
        Result.Buffer = reinterpret_cast<PWCH>(Text.data());
        return Result;
    }

    NTSTATUS Start(Request& Call, std::u16string Node, std::u16string Service = u"",
                   PADDRINFOEXW Hints = nullptr)
    {
        UNICODE_STRING NodeName = String(Node);
        UNICODE_STRING ServiceName = String(Service);
        List = nullptr;
        NTSTATUS Status = (*Owner)->WskGetAddressInfo(Owner->Npi.Client, Node.empty() ? nullptr : &NodeName,
                                                      Service.empty() ? nullptr : &ServiceName, NS_ALL,
                                                      nullptr, Hints, &List, nullptr, nullptr, Call.Irp());
        /* The caller may change the names now. */
        Node.assign(Node.size(), u'x');
        Service.assign(Service.size(), u'x');
        return Status;
    }

    NTSTATUS Find(std::u16string Node, std::u16string Service = u"", PADDRINFOEXW Hints = nullptr)
    {
        Request Call;
        return Call.Finish(Start(Call, std::move(Node), std::move(Service), Hints));
    }

    void Free()
    {
        (*Owner)->WskFreeAddressInfo(Owner->Npi.Client, List);
        List = nullptr;
    }

    static std::string Text(int Type, int Protocol, bool Ipv4, const void* Bytes, USHORT Port)
    {
        char Buffer[64] = {};
        inet_ntop(Ipv4 ? 2 : 10, Bytes, Buffer, sizeof(Buffer));
        return std::to_string(Type) + "/" + std::to_string(Protocol) + " " + Buffer + " " +
               std::to_string(RtlUshortByteSwap(Port));
    }

    /* The provider's answer as text, in order. */
    std::vector<std::string> Answer()
    {
        std::vector<std::string> Lines;
        for (PADDRINFOEXW Info = List; Info != nullptr; Info = Info->ai_next) {
            auto* Address = reinterpret_cast<SOCKADDR_INET*>(Info->ai_addr);
            bool Ipv4 = Address->si_family == AF_INET;
            EXPECT_EQ(Info->ai_family, Address->si_family);
            EXPECT_EQ(Ipv4 ? sizeof(SOCKADDR_IN) : sizeof(SOCKADDR_IN6), Info->ai_addrlen);
            Lines.push_back(
                Text(Info->ai_socktype, Info->ai_protocol, Ipv4,
                     Ipv4 ? static_cast<void*>(&Address->Ipv4.sin_addr) : &Address->Ipv6.sin6_addr,
                     Address->Ipv4.sin_port));
        }
        return Lines;
    }

    /* The system's answer. */
    static std::vector<std::string> SystemAnswer(const char* Node, const char* Service, int Type = 0)
    {
        std::vector<std::string> Lines;
        SystemAddrinfo Hints = {};
        SystemAddrinfo* Infos = nullptr;
        Hints.Type = Type;
        EXPECT_EQ(0, SystemResolver()(Node, Service, &Hints, &Infos));
        for (SystemAddrinfo* Info = Infos; Info != nullptr; Info = Info->Next) {
            const char* Bytes = static_cast<const char*>(Info->Address);
            bool Ipv4 = Info->Family == 2;
            USHORT Port;
            memcpy(&Port, Bytes + 2, sizeof(Port));
            Lines.push_back(Text(Info->Type, Info->Protocol, Ipv4, Bytes + (Ipv4 ? 4 : 8), Port));
        }
        reinterpret_cast<Freer>(dlsym(RTLD_NEXT, "freeaddrinfo"))(Infos);
        return Lines;
    }

    static std::u16string Given(const UNICODE_STRING& Name)
    {
        return std::u16string(reinterpret_cast<char16_t*>(Name.Buffer), Name.Length / 2);
    }

    static std::string Narrow(const std::u16string& Text)
    {
        return std::string(Text.begin(), Text.end());
    }

    NTSTATUS NamesOf(SOCKADDR_INET Address, ULONG Flags, PUNICODE_STRING Node, PUNICODE_STRING Service)
    {
        Request Call;
        return Call.Finish((*Owner)->WskGetNameInfo(Owner->Npi.Client, Raw(Address), sizeof(Address), Node,
                                                    Service, Flags, nullptr, nullptr, Call.Irp()));
    }

    PADDRINFOEXW List = nullptr;
};

TEST_F(NamesTest, LocalhostIsWhatTheSystemSays)
{
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"localhost"));
    EXPECT_EQ(SystemAnswer("localhost", nullptr), Answer());
    Free();
}

TEST_F(NamesTest, NumericAddressesAndPorts)
{
    ADDRINFOEXW Hints = {};
    Hints.ai_socktype = SOCK_STREAM;
    Hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"192.0.2.7", u"8080", &Hints));
    EXPECT_EQ(std::vector<std::string>{"1/6 192.0.2.7 8080"}, Answer());
    Free();
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"2001:db8::7", u"8080", &Hints));
    EXPECT_EQ(std::vector<std::string>{"1/6 2001:db8::7 8080"}, Answer());
    EXPECT_EQ(AF_INET6, List->ai_family) << "Windows' number";
    Free();
}

TEST_F(NamesTest, ServicesAreWhatTheSystemSays)
{
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"127.0.0.1", u"http"));
    EXPECT_EQ(SystemAnswer("127.0.0.1", "http"), Answer());
    Free();
}

TEST_F(NamesTest, AServiceWithoutANodeIsLoopbackOrTheWildcard)
{
    ADDRINFOEXW Hints = {};
    Hints.ai_family = AF_INET;
    Hints.ai_socktype = SOCK_DGRAM;
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"", u"53", &Hints));
    EXPECT_EQ(std::vector<std::string>{"2/17 127.0.0.1 53"}, Answer());
    Free();
    Hints.ai_flags = AI_PASSIVE;
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"", u"53", &Hints));
    EXPECT_EQ(std::vector<std::string>{"2/17 0.0.0.0 53"}, Answer());
    Free();
}

TEST_F(NamesTest, CanonicalNameOfTheFirst)
{
    ADDRINFOEXW Hints = {};
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"127.0.0.1", u"", &Hints));
    EXPECT_EQ(nullptr, List->ai_canonname);
    Free();
    Hints.ai_flags = AI_CANONNAME;
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"127.0.0.1", u"", &Hints));
    ASSERT_NE(nullptr, List->ai_canonname);
    EXPECT_EQ(u"127.0.0.1", std::u16string(reinterpret_cast<char16_t*>(List->ai_canonname)));
    Free();
}

TEST_F(NamesTest, UnknownNamesAreNoMatch)
{
    ADDRINFOEXW Hints = {};
    EXPECT_STATUS(STATUS_NO_MATCH, Find(u"no.such.name.invalid"));
    EXPECT_EQ(nullptr, List);
    EXPECT_STATUS(STATUS_NO_MATCH, Find(u"127.0.0.1", u"no-such-service"));
    Hints.ai_flags = AI_NUMERICHOST;
    EXPECT_STATUS(STATUS_NO_MATCH, Find(u"localhost", u"", &Hints));
}

TEST_F(NamesTest, WrongArgumentsOfGetAddressInfo)
{
    ADDRINFOEXW Hints = {};
    Request Call;
    std::u16string Text = u"127.0.0.1";
    UNICODE_STRING Node = String(Text);
    GUID Foreign = {};
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(u"", u"")) << "neither node nor service";
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(std::u16string(NI_MAXHOST, u'a')))
        << "longer than a name is";
    Hints.ai_addrlen = 1;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(Text, u"", &Hints));
    Hints.ai_addrlen = 0;
    Hints.ai_family = 77;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(Text, u"", &Hints));
    Hints.ai_family = AF_UNSPEC;
    Hints.ai_flags = 0x40000000;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(Text, u"", &Hints));
    Hints.ai_flags = 0;
    Hints.ai_socktype = 4711;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Find(Text, u"", &Hints)) << "found by the system";
    EXPECT_STATUS(STATUS_INVALID_PARAMETER,
                  Call.Finish((*Owner)->WskGetAddressInfo(Owner->Npi.Client, &Node, nullptr, NS_ALL, nullptr,
                                                          nullptr, nullptr, nullptr, nullptr, Call.Irp())));
    Call.Arm();
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Call.Finish((*Owner)->WskGetAddressInfo(
                                                Owner->Npi.Client, &Node, nullptr, NS_ALL, nullptr, nullptr,
                                                &List, nullptr, PsGetCurrentThread(), Call.Irp())))
        << "a thread without its process";
    Call.Arm();
    EXPECT_STATUS(STATUS_NOT_SUPPORTED,
                  Call.Finish((*Owner)->WskGetAddressInfo(Owner->Npi.Client, &Node, nullptr, NS_ALL, &Foreign,
                                                          nullptr, &List, nullptr, nullptr, Call.Irp())));
    EXPECT_EQ(nullptr, List);
}

TEST_F(NamesTest, NumericNamesOfAddresses)
{
    WCHAR NodeText[64] = {};
    WCHAR ServiceText[64] = {};
    UNICODE_STRING Node = {0, sizeof(NodeText), NodeText};
    UNICODE_STRING Service = {0, sizeof(ServiceText), ServiceText};
    ULONG Numeric = NI_NUMERICHOST | NI_NUMERICSERV;
    ASSERT_STATUS(STATUS_SUCCESS, NamesOf(V4(80), Numeric, &Node, &Service));
    EXPECT_EQ(u"127.0.0.1", Given(Node));
    EXPECT_EQ(u"80", Given(Service));
    ASSERT_STATUS(STATUS_SUCCESS, NamesOf(V6(443), Numeric, &Node, nullptr));
    EXPECT_EQ(u"::1", Given(Node));
    EXPECT_EQ(0, NodeText[3]) << "a 0 behind it, as there is room";
}

TEST_F(NamesTest, NamesOfLoopbackAndServicesAreWhatTheSystemSays)
{
    using Namer = int (*)(const void*, unsigned, char*, unsigned, char*, unsigned, int);
    struct {
        USHORT Family;
        USHORT Port;
        UCHAR Address[4];
        UCHAR Zero[8];
    } System = {2, RtlUshortByteSwap(514), {127, 0, 0, 1}, {}};
    for (ULONG Flag : {0, NI_DGRAM}) {
        char Host[256] = {};
        char Name[256] = {};
        WCHAR NodeText[256] = {};
        WCHAR ServiceText[256] = {};
        UNICODE_STRING Node = {0, sizeof(NodeText), NodeText};
        UNICODE_STRING Service = {0, sizeof(ServiceText), ServiceText};
        ASSERT_EQ(0, reinterpret_cast<Namer>(dlsym(RTLD_NEXT, "getnameinfo"))(
                         &System, 16, Host, sizeof(Host), Name, sizeof(Name), Flag == 0 ? 0 : 16));
        ASSERT_STATUS(STATUS_SUCCESS, NamesOf(V4(514), Flag, &Node, &Service));
        EXPECT_EQ(std::string(Host), Narrow(Given(Node)));
        EXPECT_EQ(std::string(Name), Narrow(Given(Service)));
    }
}

TEST_F(NamesTest, AnAddressWithoutANameIsNoMatchIfOneIsRequired)
{
    WCHAR Text[64] = {};
    UNICODE_STRING Node = {0, sizeof(Text), Text};
    EXPECT_STATUS(STATUS_NO_MATCH, NamesOf(V4(80, 0xc0000207), NI_NAMEREQD | NI_NUMERICSERV, &Node, nullptr));
    EXPECT_EQ(0, Node.Length);
}

TEST_F(NamesTest, AShortBufferIsLeftAlone)
{
    WCHAR Text[16] = {L'x'};
    UNICODE_STRING Node = {2, 16, Text};
    EXPECT_STATUS(STATUS_BUFFER_TOO_SMALL, NamesOf(V4(80), NI_NUMERICHOST, &Node, nullptr));
    EXPECT_EQ(2, Node.Length);
    EXPECT_EQ(L'x', Text[0]);
    Node.MaximumLength = 18;
    EXPECT_STATUS(STATUS_SUCCESS, NamesOf(V4(80), NI_NUMERICHOST, &Node, nullptr)) << "it fits without a 0";
    EXPECT_EQ(u"127.0.0.1", Given(Node));
}

TEST_F(NamesTest, WrongArgumentsOfGetNameInfo)
{
    WCHAR Text[64] = {};
    UNICODE_STRING Node = {0, sizeof(Text), Text};
    SOCKADDR_INET Address = V4(80);
    Request Call;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, NamesOf(V4(80), 0, nullptr, nullptr));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, NamesOf(V4(80), 0x8000, &Node, nullptr));
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, Call.Finish((*Owner)->WskGetNameInfo(
                                                Owner->Npi.Client, Raw(Address), sizeof(SOCKADDR_IN) - 1,
                                                &Node, nullptr, 0, nullptr, nullptr, Call.Irp())));
    Address.si_family = 77;
    EXPECT_STATUS(STATUS_INVALID_PARAMETER, NamesOf(Address, 0, &Node, nullptr));
}

TEST_F(NamesTest, OneThatIsSlowHoldsUpNoOther)
{
    Request Slow;
    PADDRINFOEXW Late = nullptr;
    std::u16string Text = u"slow.example";
    UNICODE_STRING Node = String(Text);
    ASSERT_STATUS(STATUS_PENDING,
                  (*Owner)->WskGetAddressInfo(Owner->Npi.Client, &Node, nullptr, NS_ALL, nullptr, nullptr,
                                              &Late, nullptr, nullptr, Slow.Irp()));
    ASSERT_TRUE(AwaitSlow());
    ASSERT_STATUS(STATUS_SUCCESS, Find(u"127.0.0.2"));
    Free();
    EXPECT_FALSE(Slow.IsDone());
    AnswerSlow();
    ASSERT_STATUS(STATUS_SUCCESS, Slow.Wait());
    List = Late;
    EXPECT_EQ(SystemAnswer("127.0.0.1", nullptr), Answer());
    Free();
}

TEST_F(NamesTest, CancellingCompletesAtOnceAndDropsTheAnswer)
{
    Request Slow;
    ASSERT_STATUS(STATUS_PENDING, Start(Slow, u"slow.example"));
    ASSERT_TRUE(AwaitSlow());
    Slow.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Slow.Wait());
    AnswerSlow();
    Owner.reset(); /* waits for the thread */
    EXPECT_EQ(0, SlowInside);
    EXPECT_EQ(nullptr, List) << "nobody may write there after completion";
}

TEST_F(NamesTest, CancelledBeforeTheCall)
{
    Request Call;
    Call.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Call.Finish(Start(Call, u"127.0.0.1")));
    EXPECT_EQ(nullptr, List);
}

TEST_F(NamesTest, CancelAgainstCompletionEndsOnce)
{
    for (int Round = 0; Round < 200; Round++) {
        Request Call;
        NTSTATUS Returned = Start(Call, u"127.0.0.1");
        std::thread Canceller([&] { Call.Cancel(); });
        NTSTATUS Status = Call.Finish(Returned);
        Canceller.join();
        EXPECT_EQ(1, Call.Completions());
        if (NT_SUCCESS(Status)) {
            Free();
        } else {
            EXPECT_STATUS(STATUS_CANCELLED, Status);
            EXPECT_EQ(nullptr, List);
        }
    }
}

TEST_F(NamesTest, DeregisterWaitsForALookup)
{
    Request Slow;
    std::atomic<bool> Gone{false};
    ASSERT_STATUS(STATUS_PENDING, Start(Slow, u"slow.example"));
    ASSERT_TRUE(AwaitSlow());
    Slow.Cancel();
    EXPECT_STATUS(STATUS_CANCELLED, Slow.Wait());
    ThreadNumber Number{0};
    std::thread Deregister([&] {
        Number = OwnThreadNumber();
        Owner.reset();
        Gone = true;
    });
    EXPECT_TRUE(AwaitSleep(Number));
    EXPECT_FALSE(Gone) << "its thread would run after the provider's end";
    AnswerSlow();
    Deregister.join();
}

TEST_F(NamesTest, ManyAtOnce)
{
    std::vector<std::thread> Threads;
    std::atomic<int> Good{0};
    for (int Index = 0; Index < 8; Index++) {
        Threads.emplace_back([&] {
            std::u16string Text = u"127.0.0.1";
            UNICODE_STRING Node = String(Text);
            for (int Round = 0; Round < 25; Round++) {
                Request Call;
                PADDRINFOEXW Mine = nullptr;
                NTSTATUS Status = Call.Finish((*Owner)->WskGetAddressInfo(Owner->Npi.Client, &Node, nullptr,
                                                                          NS_DNS, nullptr, nullptr, &Mine,
                                                                          nullptr, nullptr, Call.Irp()));
                if (NT_SUCCESS(Status)) {
                    (*Owner)->WskFreeAddressInfo(Owner->Npi.Client, Mine);
                    Good++;
                }
            }
        });
    }
    for (std::thread& Thread : Threads) {
        Thread.join();
    }
    EXPECT_EQ(200, Good);
}

} // namespace wsk
