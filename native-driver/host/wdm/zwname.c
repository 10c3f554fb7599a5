/* SPDX-License-Identifier: Apache-2.0
 *
 * File names: resolves a driver's name to a file below a directory of the machine.
 *
 * Each directory is opened relative to the one above it and never through a symbolic link, and no component
 * may be "..", so a name cannot lead out of that directory.
 */
#include "wdmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* ---- the root directory ------------------------------------------------------------------------------ */

static pthread_mutex_t RootMutex = PTHREAD_MUTEX_INITIALIZER; /* protects everything below */
static int Root = -1;                                         /* in use; -1: none so far */
static char PrivateRoot[4096];                                /* empty: not made */
static pid_t PrivateOwner;                                    /* the process that made it */

static int RemoveEntry(const char* Path, const struct stat* Status, int Flag, struct FTW* Place)
{
    UNREFERENCED_PARAMETER(Status);
    UNREFERENCED_PARAMETER(Flag);
    UNREFERENCED_PARAMETER(Place);
    return remove(Path);
}

__attribute__((destructor)) static void RemovePrivateRoot(void)
{
    if (PrivateRoot[0] != 0 && PrivateOwner == getpid()) {
        nftw(PrivateRoot, RemoveEntry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

/* RootMutex held. */
static int OpenPrivateRoot(void)
{
    if (PrivateRoot[0] == 0) {
        const char* Parent = getenv("TMPDIR");
        int Length = snprintf(PrivateRoot, sizeof(PrivateRoot), "%s/host-files-XXXXXX",
                              Parent != NULL && Parent[0] != 0 ? Parent : "/tmp");
        if (Length >= (int)sizeof(PrivateRoot) || mkdtemp(PrivateRoot) == NULL) {
            PrivateRoot[0] = 0;
            return -1;
        }
        PrivateOwner = getpid();
    }
    return open(PrivateRoot, DIRECTORY_FLAGS);
}

/* Makes the directories that drivers expect. If that fails, opening a file there fails. */
static void Furnish(int Directory)
{
    static const char* const Directories[] = {"C", "C/Windows", "C/Windows/Temp"};
    for (size_t i = 0; i < ARRAYSIZE(Directories); i++) {
        if (mkdirat(Directory, Directories[i], 0777) != 0 && errno != EEXIST) {
            return;
        }
    }
}

NTSTATUS HostSetFileRoot(PCSTR Directory)
{
    pthread_mutex_lock(&RootMutex);
    int Opened = Directory != NULL ? open(Directory, DIRECTORY_FLAGS) : OpenPrivateRoot();
    NTSTATUS Status = Opened >= 0 ? STATUS_SUCCESS : HostFileError(errno);
    if (Opened >= 0) {
        Furnish(Opened);
        if (Root >= 0) {
            close(Root);
        }
        Root = Opened;
    }
    pthread_mutex_unlock(&RootMutex);
    return Status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : Status;
}

/* The caller closes the descriptor. */
static NTSTATUS OpenRoot(int* Directory)
{
    pthread_mutex_lock(&RootMutex);
    BOOLEAN Chosen = (BOOLEAN)(Root >= 0);
    pthread_mutex_unlock(&RootMutex);
    NTSTATUS Status = Chosen ? STATUS_SUCCESS : HostSetFileRoot(NULL);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    pthread_mutex_lock(&RootMutex);
    *Directory = fcntl(Root, F_DUPFD_CLOEXEC, 0);
    Status = *Directory >= 0 ? STATUS_SUCCESS : HostFileError(errno);
    pthread_mutex_unlock(&RootMutex);
    return Status;
}

/* ---- errors ------------------------------------------------------------------------------------------ */

NTSTATUS HostFileError(int Error)
{
    switch (Error) {
    case ENOENT:
        return STATUS_OBJECT_NAME_NOT_FOUND;
    case EEXIST:
        return STATUS_OBJECT_NAME_COLLISION;
    case ENOTDIR:
        return STATUS_OBJECT_PATH_NOT_FOUND;
    case EISDIR:
        return STATUS_FILE_IS_A_DIRECTORY;
    case ENOTEMPTY:
        return STATUS_DIRECTORY_NOT_EMPTY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STATUS_DISK_FULL;
    case EMFILE:
    case ENFILE:
        return STATUS_TOO_MANY_OPENED_FILES;
    case ENOMEM:
        return STATUS_INSUFFICIENT_RESOURCES;
    case EINVAL:
        return STATUS_INVALID_PARAMETER;
    case EFAULT:
        return STATUS_INVALID_USER_BUFFER;
    case EIO:
        return STATUS_IO_DEVICE_ERROR;
    default:
        return STATUS_ACCESS_DENIED;
    }
}

/* ---- walking the path -------------------------------------------------------------------------------- */

static UNICODE_STRING Slice(PWCH Start, PWCH End)
{
    UNICODE_STRING Part = {(USHORT)((PUCHAR)End - (PUCHAR)Start), (USHORT)((PUCHAR)End - (PUCHAR)Start),
                           Start};
    return Part;
}

static BOOLEAN IsComponentValid(PCUNICODE_STRING Component)
{
    ULONG Count = Component->Length / sizeof(WCHAR);
    if (Count == 0 ||
        (Component->Buffer[0] == '.' && (Count == 1 || (Count == 2 && Component->Buffer[1] == '.')))) {
        return FALSE;
    }
    for (ULONG i = 0; i < Count; i++) {
        WCHAR Unit = Component->Buffer[i];
        if (Unit < ' ' || (Unit < 0x80 && strchr("\"*/:<>?|", Unit) != NULL)) {
            return FALSE;
        }
    }
    return TRUE;
}

static BOOLEAN IsSameName(const char* Entry, PCUNICODE_STRING Component)
{
    WCHAR Buffer[HOST_NAME_BYTES];
    SIZE_T Length = strlen(Entry);
    if (Length >= ARRAYSIZE(Buffer)) {
        return FALSE;
    }
    UNICODE_STRING Converted = Slice(Buffer, Buffer + HostUtf8ToUtf16(Entry, Length, Buffer));
    return RtlEqualUnicodeString(&Converted, Component, TRUE);
}

static DIR* ListDirectory(int Directory)
{
    int Listed = openat(Directory, ".", DIRECTORY_FLAGS);
    DIR* Entries = Listed >= 0 ? fdopendir(Listed) : NULL;
    if (Entries == NULL && Listed >= 0) {
        close(Listed);
    }
    return Entries;
}

/* Replaces the name by that of an entry that differs only in case, unless there is an exact match. */
static void MatchCase(int Directory, PCUNICODE_STRING Component, char* Name)
{
    struct stat Status;
    if (fstatat(Directory, Name, &Status, AT_SYMLINK_NOFOLLOW) == 0) {
        return;
    }
    DIR* Entries = ListDirectory(Directory);
    if (Entries == NULL) {
        return;
    }
    for (struct dirent* Entry = readdir(Entries); Entry != NULL; Entry = readdir(Entries)) {
        if (IsSameName(Entry->d_name, Component)) {
            strcpy(Name, Entry->d_name); /* IsSameName checked its length */
            break;
        }
    }
    closedir(Entries);
}

BOOLEAN HostIsDirectoryEmpty(int Directory)
{
    ULONG Count = 0;
    DIR* Entries = ListDirectory(Directory);
    while (Entries != NULL && readdir(Entries) != NULL) {
        Count++;
    }
    if (Entries != NULL) {
        closedir(Entries);
    }
    return (BOOLEAN)(Count <= 2); /* "." and ".." */
}

static NTSTATUS FindComponent(int Directory, PCUNICODE_STRING Component, char* Name)
{
    ULONG Count = Component->Length / sizeof(WCHAR);
    if (!IsComponentValid(Component)) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    SIZE_T Length = HostUtf16ToUtf8(Component->Buffer, Count, NULL);
    if (Length >= HOST_NAME_BYTES) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    HostUtf16ToUtf8(Component->Buffer, Count, Name);
    Name[Length] = 0;
    MatchCase(Directory, Component, Name);
    return STATUS_SUCCESS;
}

/* Opens the directory of this name and makes it the current one. */
static NTSTATUS Descend(PHOST_LOCATION Location)
{
    int Next = openat(Location->Directory, Location->Name, DIRECTORY_FLAGS | O_NOFOLLOW);
    if (Next < 0) {
        NTSTATUS Status = HostFileError(errno);
        return Status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : Status;
    }
    close(Location->Directory);
    Location->Directory = Next;
    return STATUS_SUCCESS;
}

/* Path: components between backslashes, the drive's letter first. */
static NTSTATUS Walk(PHOST_LOCATION Location, PWCH Path, PWCH End)
{
    if (End > Path && End[-1] == '\\') {
        Location->DirectoryOnly = TRUE;
        End--;
    }
    for (;;) {
        PWCH Stop = Path;
        while (Stop < End && *Stop != '\\') {
            Stop++;
        }
        UNICODE_STRING Component = Slice(Path, Stop);
        NTSTATUS Status = FindComponent(Location->Directory, &Component, Location->Name);
        if (!NT_SUCCESS(Status) || Stop == End) {
            return Status;
        }
        Status = Descend(Location);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        Path = Stop + 1;
    }
}

/* ---- whole names ------------------------------------------------------------------------------------- */

/* Takes the prefix off the front of the name. */
static BOOLEAN TakePrefix(PUNICODE_STRING Name, PCWSTR Prefix)
{
    UNICODE_STRING Wanted;
    RtlInitUnicodeString(&Wanted, Prefix);
    UNICODE_STRING Front = *Name;
    if (Front.Length < Wanted.Length) {
        return FALSE;
    }
    Front.Length = Wanted.Length;
    if (!RtlEqualUnicodeString(&Front, &Wanted, TRUE)) {
        return FALSE;
    }
    *Name = Slice(Name->Buffer + Wanted.Length / sizeof(WCHAR), Name->Buffer + Name->Length / sizeof(WCHAR));
    return TRUE;
}

/* Name: what follows \??\. */
static NTSTATUS ExpandDrive(PCUNICODE_STRING Name, PWCH Path, PWCH* End)
{
    ULONG Count = Name->Length / sizeof(WCHAR);
    PWCH Names = Name->Buffer;
    WCHAR Letter = Count >= 2 && Names[1] == ':' ? HostUpcase(Names[0]) : 0;
    if (Letter < 'A' || Letter > 'Z' || (Count > 2 && Names[2] != '\\')) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (Count == 2) {
        return STATUS_NOT_SUPPORTED; /* the volume itself */
    }
    Path[0] = Letter;
    memcpy(Path + 1, Names + 2, (Count - 2) * sizeof(WCHAR));
    *End = Path + Count - 1;
    return STATUS_SUCCESS;
}

static NTSTATUS Expand(PCUNICODE_STRING Name, PWCH Path, PWCH* End)
{
    static const WCHAR WindowsPath[] = L"C\\Windows";
    UNICODE_STRING Rest = *Name;
    if (Rest.Length == 0 || Rest.Buffer[0] != '\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (TakePrefix(&Rest, L"\\??\\") || TakePrefix(&Rest, L"\\DosDevices\\") ||
        TakePrefix(&Rest, L"\\GLOBAL??\\")) {
        return ExpandDrive(&Rest, Path, End);
    }
    if (!TakePrefix(&Rest, L"\\SystemRoot") || (Rest.Length != 0 && Rest.Buffer[0] != '\\')) {
        return STATUS_OBJECT_PATH_NOT_FOUND;
    }
    PWCH Middle = Path + ARRAYSIZE(WindowsPath) - 1;
    memcpy(Path, WindowsPath, sizeof(WindowsPath) - sizeof(WCHAR));
    memcpy(Middle, Rest.Buffer, Rest.Length);
    *End = Middle + Rest.Length / sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS HostLocateFile(PCUNICODE_STRING Name, PHOST_LOCATION Location)
{
    PWCH End = NULL;
    memset(Location, 0, sizeof(*Location));
    if (Name->Length % sizeof(WCHAR) != 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    /* The expanded name is not longer than the name and \SystemRoot's directory. */
    PWCH Path = malloc((size_t)Name->Length + sizeof(L"C\\Windows"));
    if (Path == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS Status = Expand(Name, Path, &End);
    if (NT_SUCCESS(Status)) {
        Status = OpenRoot(&Location->Directory);
    }
    if (NT_SUCCESS(Status)) {
        Status = Walk(Location, Path, End);
        if (!NT_SUCCESS(Status)) {
            close(Location->Directory);
        }
    }
    free(Path);
    return Status;
}
