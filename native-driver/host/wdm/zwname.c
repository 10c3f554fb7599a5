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
        const char* parent = getenv("TMPDIR");
        int length = snprintf(PrivateRoot, sizeof(PrivateRoot), "%s/host-files-XXXXXX",
                              parent != NULL && parent[0] != 0 ? parent : "/tmp");
        if (length >= (int)sizeof(PrivateRoot) || mkdtemp(PrivateRoot) == NULL) {
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
    static const char* const directories[] = {"C", "C/Windows", "C/Windows/Temp"};
    for (size_t i = 0; i < ARRAYSIZE(directories); i++) {
        if (mkdirat(Directory, directories[i], 0777) != 0 && errno != EEXIST) {
            return;
        }
    }
}

NTSTATUS HostSetFileRoot(PCSTR Directory)
{
    pthread_mutex_lock(&RootMutex);
    int opened = Directory != NULL ? open(Directory, DIRECTORY_FLAGS) : OpenPrivateRoot();
    NTSTATUS status = opened >= 0 ? STATUS_SUCCESS : HostFileError(errno);
    if (opened >= 0) {
        Furnish(opened);
        if (Root >= 0) {
            close(Root);
        }
        Root = opened;
    }
    pthread_mutex_unlock(&RootMutex);
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

/* The caller closes the descriptor. */
static NTSTATUS OpenRoot(int* Directory)
{
    pthread_mutex_lock(&RootMutex);
    BOOLEAN chosen = (BOOLEAN)(Root >= 0);
    pthread_mutex_unlock(&RootMutex);
    NTSTATUS status = chosen ? STATUS_SUCCESS : HostSetFileRoot(NULL);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    pthread_mutex_lock(&RootMutex);
    *Directory = fcntl(Root, F_DUPFD_CLOEXEC, 0);
    status = *Directory >= 0 ? STATUS_SUCCESS : HostFileError(errno);
    pthread_mutex_unlock(&RootMutex);
    return status;
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
    UNICODE_STRING slice = {(USHORT)((PUCHAR)End - (PUCHAR)Start), (USHORT)((PUCHAR)End - (PUCHAR)Start),
                            Start};
    return slice;
}

static BOOLEAN IsComponentValid(PCUNICODE_STRING Component)
{
    ULONG count = Component->Length / sizeof(WCHAR);
    if (count == 0 ||
        (Component->Buffer[0] == '.' && (count == 1 || (count == 2 && Component->Buffer[1] == '.')))) {
        return FALSE;
    }
    for (ULONG i = 0; i < count; i++) {
        WCHAR unit = Component->Buffer[i];
        if (unit < ' ' || (unit < 0x80 && strchr("\"*/:<>?|", unit) != NULL)) {
            return FALSE;
        }
    }
    return TRUE;
}

static BOOLEAN IsSameName(const char* Entry, PCUNICODE_STRING Component)
{
    WCHAR buffer[HOST_NAME_BYTES];
    SIZE_T length = strlen(Entry);
    if (length >= ARRAYSIZE(buffer)) {
        return FALSE;
    }
    UNICODE_STRING entry = Slice(buffer, buffer + HostUtf8ToUtf16(Entry, length, buffer));
    return RtlEqualUnicodeString(&entry, Component, TRUE);
}

static DIR* ListDirectory(int Directory)
{
    int listed = openat(Directory, ".", DIRECTORY_FLAGS);
    DIR* entries = listed >= 0 ? fdopendir(listed) : NULL;
    if (entries == NULL && listed >= 0) {
        close(listed);
    }
    return entries;
}

/* Replaces the name by that of an entry that differs only in case, unless there is an exact match. */
static void MatchCase(int Directory, PCUNICODE_STRING Component, char* Name)
{
    struct stat status;
    if (fstatat(Directory, Name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return;
    }
    DIR* entries = ListDirectory(Directory);
    if (entries == NULL) {
        return;
    }
    for (struct dirent* entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        if (IsSameName(entry->d_name, Component)) {
            strcpy(Name, entry->d_name); /* IsSameName checked its length */
            break;
        }
    }
    closedir(entries);
}

BOOLEAN HostIsDirectoryEmpty(int Directory)
{
    ULONG count = 0;
    DIR* entries = ListDirectory(Directory);
    while (entries != NULL && readdir(entries) != NULL) {
        count++;
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return (BOOLEAN)(count <= 2); /* "." and ".." */
}

static NTSTATUS FindComponent(int Directory, PCUNICODE_STRING Component, char* Name)
{
    ULONG count = Component->Length / sizeof(WCHAR);
    if (!IsComponentValid(Component)) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    SIZE_T length = HostUtf16ToUtf8(Component->Buffer, count, NULL);
    if (length >= HOST_NAME_BYTES) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    HostUtf16ToUtf8(Component->Buffer, count, Name);
    Name[length] = 0;
    MatchCase(Directory, Component, Name);
    return STATUS_SUCCESS;
}

/* Opens the directory of this name and makes it the current one. */
static NTSTATUS Descend(PHOST_LOCATION Location)
{
    int next = openat(Location->Directory, Location->Name, DIRECTORY_FLAGS | O_NOFOLLOW);
    if (next < 0) {
        NTSTATUS status = HostFileError(errno);
        return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
    }
    close(Location->Directory);
    Location->Directory = next;
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
        PWCH stop = Path;
        while (stop < End && *stop != '\\') {
            stop++;
        }
        UNICODE_STRING component = Slice(Path, stop);
        NTSTATUS status = FindComponent(Location->Directory, &component, Location->Name);
        if (!NT_SUCCESS(status) || stop == End) {
            return status;
        }
        status = Descend(Location);
        if (!NT_SUCCESS(status)) {
            return status;
        }
        Path = stop + 1;
    }
}

/* ---- whole names ------------------------------------------------------------------------------------- */

/* Takes the prefix off the front of the name. */
static BOOLEAN TakePrefix(PUNICODE_STRING Name, PCWSTR Prefix)
{
    UNICODE_STRING prefix;
    RtlInitUnicodeString(&prefix, Prefix);
    UNICODE_STRING front = *Name;
    if (front.Length < prefix.Length) {
        return FALSE;
    }
    front.Length = prefix.Length;
    if (!RtlEqualUnicodeString(&front, &prefix, TRUE)) {
        return FALSE;
    }
    *Name = Slice(Name->Buffer + prefix.Length / sizeof(WCHAR), Name->Buffer + Name->Length / sizeof(WCHAR));
    return TRUE;
}

/* Name: what follows \??\. */
static NTSTATUS ExpandDrive(PCUNICODE_STRING Name, PWCH Path, PWCH* End)
{
    ULONG count = Name->Length / sizeof(WCHAR);
    PWCH name = Name->Buffer;
    WCHAR letter = count >= 2 && name[1] == ':' ? HostUpcase(name[0]) : 0;
    if (letter < 'A' || letter > 'Z' || (count > 2 && name[2] != '\\')) {
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (count == 2) {
        return STATUS_NOT_SUPPORTED; /* the volume itself */
    }
    Path[0] = letter;
    memcpy(Path + 1, name + 2, (count - 2) * sizeof(WCHAR));
    *End = Path + count - 1;
    return STATUS_SUCCESS;
}

static NTSTATUS Expand(PCUNICODE_STRING Name, PWCH Path, PWCH* End)
{
    static const WCHAR windows[] = L"C\\Windows";
    UNICODE_STRING rest = *Name;
    if (rest.Length == 0 || rest.Buffer[0] != '\\') {
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    }
    if (TakePrefix(&rest, L"\\??\\") || TakePrefix(&rest, L"\\DosDevices\\") ||
        TakePrefix(&rest, L"\\GLOBAL??\\")) {
        return ExpandDrive(&rest, Path, End);
    }
    if (!TakePrefix(&rest, L"\\SystemRoot") || (rest.Length != 0 && rest.Buffer[0] != '\\')) {
        return STATUS_OBJECT_PATH_NOT_FOUND;
    }
    PWCH middle = Path + ARRAYSIZE(windows) - 1;
    memcpy(Path, windows, sizeof(windows) - sizeof(WCHAR));
    memcpy(middle, rest.Buffer, rest.Length);
    *End = middle + rest.Length / sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS HostLocateFile(PCUNICODE_STRING Name, PHOST_LOCATION Location)
{
    PWCH end = NULL;
    memset(Location, 0, sizeof(*Location));
    if (Name->Length % sizeof(WCHAR) != 0) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    /* The expanded name is not longer than the name and \SystemRoot's directory. */
    PWCH path = malloc((size_t)Name->Length + sizeof(L"C\\Windows"));
    if (path == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    NTSTATUS status = Expand(Name, path, &end);
    if (NT_SUCCESS(status)) {
        status = OpenRoot(&Location->Directory);
    }
    if (NT_SUCCESS(status)) {
        status = Walk(Location, path, end);
        if (!NT_SUCCESS(status)) {
            close(Location->Directory);
        }
    }
    free(path);
    return status;
}
