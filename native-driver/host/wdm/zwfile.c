/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on disk: ZwCreateFile and the routines that take its handles. Every operation is complete when its
 * call returns, also for files that were not opened for synchronous I/O.
 *
 * Locks, outermost first: NodesMutex, a node's mutex. No driver routine is called with one of them held.
 */
#include "wdmp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define SYNCHRONOUS_OPTIONS (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
#define READING             (FILE_READ_DATA | FILE_EXECUTE)
#define WRITING             (FILE_WRITE_DATA | FILE_APPEND_DATA)
#define ALL_SHARES          (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define ANY_WRITE_MODE      0222
#define SECONDS_TO_1970     11644473600LL

/* Shared by all opens of one file; one for each inode. */
typedef struct _NODE {
    LIST_ENTRY Link; /* under NodesMutex, as the fields up to DeletePending */
    ULONG References;
    dev_t Device;
    ino_t Inode;
    int Directory; /* that contains Name */
    char Name[HOST_NAME_BYTES];
    ULONG Opens;  /* handles */
    ULONG Shares; /* handles that take part in sharing; the counts below are of these */
    ULONG Readers, Writers, Deleters;
    ULONG SharedRead, SharedWrite, SharedDelete;
    BOOLEAN DeletePending;
    pthread_mutex_t Mutex; /* one transfer at a time; protects the positions of the open files */
} NODE, *PNODE;

/* The object behind a handle. Fields without a comment are written before the handle is open. */
typedef struct _DISK_FILE {
    PNODE Node; /* referenced */
    int Descriptor;
    ACCESS_MASK Access;
    ULONG ShareAccess;
    BOOLEAN Synchronous;
    BOOLEAN Directory;
    BOOLEAN DeleteOnClose;
    BOOLEAN Entered;   /* counted by its node; under NodesMutex */
    LONG Listed;       /* it has a handle and shows in reports; atomic */
    LONGLONG Position; /* under the node's mutex */
    PHOST_DRIVER Driver;
    ULONGLONG Sequence; /* of the first allocation after it was opened */
    char Name[128];     /* for reports */
} DISK_FILE, *PDISK_FILE;

/* One call of ZwCreateFile. */
typedef struct _OPENING {
    ACCESS_MASK Access;
    ULONG Attributes;
    ULONG ShareAccess;
    ULONG Disposition;
    ULONG Options;
    HOST_LOCATION Location;
    int Descriptor;
    struct stat Status;
    ULONG_PTR Information;
} OPENING, *POPENING;

static void CloseDiskFile(PVOID Body);
static void DeleteDiskFile(PVOID Body);

static struct _OBJECT_TYPE DiskFileType = {
    .Name = "file of the machine", .CloseHandle = CloseDiskFile, .Delete = DeleteDiskFile};

static pthread_mutex_t NodesMutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_ENTRY Nodes = {&Nodes, &Nodes};

/* ---- nodes and sharing (NodesMutex held) ------------------------------------------------------------- */

static PNODE FindNode(const struct stat* Status)
{
    for (PLIST_ENTRY Entry = Nodes.Flink; Entry != &Nodes; Entry = Entry->Flink) {
        PNODE Node = CONTAINING_RECORD(Entry, NODE, Link);
        if (Node->Device == Status->st_dev && Node->Inode == Status->st_ino) {
            return Node;
        }
    }
    return NULL;
}

static PNODE CreateNode(const OPENING* Opening)
{
    PNODE Node = calloc(1, sizeof(*Node));
    if (Node == NULL) {
        return NULL;
    }
    Node->Directory = fcntl(Opening->Location.Directory, F_DUPFD_CLOEXEC, 0);
    if (Node->Directory < 0) {
        free(Node);
        return NULL;
    }
    Node->Device = Opening->Status.st_dev;
    Node->Inode = Opening->Status.st_ino;
    memcpy(Node->Name, Opening->Location.Name, sizeof(Node->Name));
    pthread_mutex_init(&Node->Mutex, NULL);
    InsertTailList(&Nodes, &Node->Link);
    return Node;
}

static void DereferenceNode(PNODE Node)
{
    if (--Node->References == 0) {
        RemoveEntryList(&Node->Link);
        close(Node->Directory);
        pthread_mutex_destroy(&Node->Mutex);
        free(Node);
    }
}

static BOOLEAN MayShare(const NODE* Node, ACCESS_MASK Access, ULONG ShareAccess)
{
    return (BOOLEAN)(!((Access & READING) && Node->SharedRead < Node->Shares) &&
                     !((Access & WRITING) && Node->SharedWrite < Node->Shares) &&
                     !((Access & DELETE) && Node->SharedDelete < Node->Shares) &&
                     (Node->Readers == 0 || (ShareAccess & FILE_SHARE_READ)) &&
                     (Node->Writers == 0 || (ShareAccess & FILE_SHARE_WRITE)) &&
                     (Node->Deleters == 0 || (ShareAccess & FILE_SHARE_DELETE)));
}

/* Counts a handle in (Step 1) or out (Step -1). */
static void CountShares(PNODE Node, ACCESS_MASK Access, ULONG ShareAccess, ULONG Step)
{
    Node->Opens += Step;
    if (Access & (READING | WRITING | DELETE)) {
        Node->Shares += Step;
        Node->Readers += Access & READING ? Step : 0;
        Node->Writers += Access & WRITING ? Step : 0;
        Node->Deleters += Access & DELETE ? Step : 0;
        Node->SharedRead += ShareAccess & FILE_SHARE_READ ? Step : 0;
        Node->SharedWrite += ShareAccess & FILE_SHARE_WRITE ? Step : 0;
        Node->SharedDelete += ShareAccess & FILE_SHARE_DELETE ? Step : 0;
    }
}

static NTSTATUS CheckSharing(const NODE* Node, const OPENING* Opening)
{
    if (Node->DeletePending) {
        return STATUS_DELETE_PENDING;
    }
    if ((Opening->Access & (READING | WRITING | DELETE)) &&
        !MayShare(Node, Opening->Access, Opening->ShareAccess)) {
        return STATUS_SHARING_VIOLATION;
    }
    return STATUS_SUCCESS;
}

/* After the last handle is closed: deletes the name, if it still names this file. */
static void RemoveName(const NODE* Node)
{
    struct stat Status;
    if (fstatat(Node->Directory, Node->Name, &Status, AT_SYMLINK_NOFOLLOW) == 0 &&
        Status.st_dev == Node->Device && Status.st_ino == Node->Inode) {
        unlinkat(Node->Directory, Node->Name, S_ISDIR(Status.st_mode) ? AT_REMOVEDIR : 0);
    }
}

/* ---- opening ----------------------------------------------------------------------------------------- */

static BOOLEAN IsOverwriting(ULONG Disposition)
{
    return (BOOLEAN)(Disposition == FILE_SUPERSEDE || Disposition == FILE_OVERWRITE ||
                     Disposition == FILE_OVERWRITE_IF);
}

static NTSTATUS CheckOptions(const OPENING* Opening)
{
    ULONG Options = Opening->Options;
    ULONG Disposition = Opening->Disposition;
    BOOLEAN Valid =
        (BOOLEAN)(Disposition <= FILE_MAXIMUM_DISPOSITION && (Options & ~FILE_VALID_OPTION_FLAGS) == 0 &&
                  (Opening->ShareAccess & ~ALL_SHARES) == 0 &&
                  (Opening->Attributes & ~FILE_ATTRIBUTE_VALID_FLAGS) == 0 &&
                  (Options & SYNCHRONOUS_OPTIONS) != SYNCHRONOUS_OPTIONS &&
                  ((Options & SYNCHRONOUS_OPTIONS) == 0 || (Opening->Access & SYNCHRONIZE)) &&
                  ((Options & FILE_DELETE_ON_CLOSE) == 0 || (Opening->Access & DELETE)) &&
                  !((Options & FILE_NO_INTERMEDIATE_BUFFERING) && (Opening->Access & FILE_APPEND_DATA)));
    if (Valid && (Options & FILE_DIRECTORY_FILE)) {
        Valid = (BOOLEAN)((Options & FILE_NON_DIRECTORY_FILE) == 0 && !IsOverwriting(Disposition));
    }
    if (!Valid) {
        return STATUS_INVALID_PARAMETER;
    }
    return Options & FILE_OPEN_BY_FILE_ID ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
}

static int OpenFlags(const OPENING* Opening, BOOLEAN Directory)
{
    int Flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK; /* O_NONBLOCK: a FIFO must not block the open */
    if (Directory) {
        return Flags | O_RDONLY | O_DIRECTORY;
    }
    return Flags | ((Opening->Access & WRITING) || IsOverwriting(Opening->Disposition) ? O_RDWR : O_RDONLY);
}

static NTSTATUS CheckDirectory(const OPENING* Opening)
{
    return (Opening->Options & FILE_NON_DIRECTORY_FILE) || IsOverwriting(Opening->Disposition)
               ? STATUS_FILE_IS_A_DIRECTORY
               : STATUS_SUCCESS;
}

/* Checks the mode, because a privileged program could write to a read-only file. */
static NTSTATUS CheckRegular(const OPENING* Opening)
{
    if (Opening->Location.DirectoryOnly) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (Opening->Options & FILE_DIRECTORY_FILE) {
        return STATUS_NOT_A_DIRECTORY;
    }
    if ((OpenFlags(Opening, FALSE) & O_RDWR) && (Opening->Status.st_mode & ANY_WRITE_MODE) == 0) {
        return STATUS_ACCESS_DENIED;
    }
    return (Opening->Options & FILE_DELETE_ON_CLOSE) && (Opening->Status.st_mode & ANY_WRITE_MODE) == 0
               ? STATUS_CANNOT_DELETE
               : STATUS_SUCCESS;
}

static NTSTATUS CheckExisting(POPENING Opening)
{
    if (Opening->Disposition == FILE_CREATE) {
        Opening->Information = FILE_EXISTS;
        return STATUS_OBJECT_NAME_COLLISION;
    }
    if (S_ISDIR(Opening->Status.st_mode)) {
        return CheckDirectory(Opening);
    }
    return S_ISREG(Opening->Status.st_mode) ? CheckRegular(Opening) : STATUS_ACCESS_DENIED;
}

/* Opens the name, and checks that it is still the file that was looked up before. */
static NTSTATUS OpenDescriptor(POPENING Opening, int Flags, mode_t Mode)
{
    Opening->Descriptor = openat(Opening->Location.Directory, Opening->Location.Name, Flags, Mode);
    if (Opening->Descriptor < 0 || fstat(Opening->Descriptor, &Opening->Status) != 0) {
        return HostFileError(errno);
    }
    return S_ISDIR(Opening->Status.st_mode) || S_ISREG(Opening->Status.st_mode) ? STATUS_SUCCESS
                                                                                : STATUS_ACCESS_DENIED;
}

static NTSTATUS CreateNew(POPENING Opening)
{
    BOOLEAN Directory = (BOOLEAN)((Opening->Options & FILE_DIRECTORY_FILE) != 0);
    int Flags = OpenFlags(Opening, Directory);
    if (Opening->Location.DirectoryOnly && !Directory) {
        return STATUS_OBJECT_NAME_INVALID;
    }
    if (!Directory) {
        Flags |= O_CREAT | O_EXCL;
    } else if (mkdirat(Opening->Location.Directory, Opening->Location.Name, 0777) != 0) {
        return HostFileError(errno);
    }
    NTSTATUS Status =
        OpenDescriptor(Opening, Flags, Opening->Attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666);
    if (NT_SUCCESS(Status)) {
        Opening->Information = FILE_CREATED;
    }
    return Status;
}

/* Truncates a file that is to be overwritten, once sharing was checked. */
static NTSTATUS Overwrite(POPENING Opening)
{
    if (Opening->Information == FILE_CREATED) {
        return STATUS_SUCCESS;
    }
    if (!IsOverwriting(Opening->Disposition)) {
        Opening->Information = FILE_OPENED;
        return STATUS_SUCCESS;
    }
    if (ftruncate(Opening->Descriptor, 0) != 0) {
        return HostFileError(errno);
    }
    Opening->Information = Opening->Disposition == FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
    return STATUS_SUCCESS;
}

static NTSTATUS OpenOrCreate(POPENING Opening)
{
    if (fstatat(Opening->Location.Directory, Opening->Location.Name, &Opening->Status, AT_SYMLINK_NOFOLLOW) ==
        0) {
        NTSTATUS Status = CheckExisting(Opening);
        if (!NT_SUCCESS(Status)) {
            return Status;
        }
        return OpenDescriptor(Opening, OpenFlags(Opening, (BOOLEAN)(S_ISDIR(Opening->Status.st_mode) != 0)),
                              0);
    }
    if (errno != ENOENT) {
        return HostFileError(errno);
    }
    if (Opening->Disposition == FILE_OPEN || Opening->Disposition == FILE_OVERWRITE) {
        Opening->Information = FILE_DOES_NOT_EXIST;
        return STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return CreateNew(Opening);
}

/* NodesMutex held. Leaves the file object counted by its node on success. */
static NTSTATUS EnterNode(POPENING Opening, PDISK_FILE File)
{
    PNODE Node = FindNode(&Opening->Status);
    NTSTATUS Status = Node != NULL ? CheckSharing(Node, Opening) : STATUS_SUCCESS;
    if (NT_SUCCESS(Status)) {
        Status = Overwrite(Opening);
    }
    if (NT_SUCCESS(Status) && Node == NULL) {
        Node = CreateNode(Opening);
        Status = Node != NULL ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    }
    if (NT_SUCCESS(Status)) {
        Node->References++;
        File->Node = Node;
        File->Entered = TRUE;
        CountShares(Node, File->Access, File->ShareAccess, 1);
    }
    return Status;
}

static PDISK_FILE CreateDiskFile(const OPENING* Opening, PCUNICODE_STRING Name)
{
    PDISK_FILE File = HostCreateObject(&DiskFileType, sizeof(*File));
    if (File == NULL) {
        return NULL;
    }
    File->Descriptor = -1;
    File->Access = Opening->Access;
    File->ShareAccess = Opening->ShareAccess;
    File->Synchronous = (BOOLEAN)((Opening->Options & SYNCHRONOUS_OPTIONS) != 0);
    File->DeleteOnClose = (BOOLEAN)((Opening->Options & FILE_DELETE_ON_CLOSE) != 0);
    File->Driver = HostThread.Driver;
    File->Sequence = HostAllocationSequence();
    HostNarrow(Name, File->Name, sizeof(File->Name));
    return File;
}

/* Opens what the location names, and fills in File. */
static NTSTATUS OpenLocation(POPENING Opening, PDISK_FILE File)
{
    pthread_mutex_lock(&NodesMutex);
    NTSTATUS Status = OpenOrCreate(Opening);
    if (NT_SUCCESS(Status)) {
        Status = EnterNode(Opening, File);
    }
    pthread_mutex_unlock(&NodesMutex);
    File->Descriptor = Opening->Descriptor; /* closed with the object, also after an error */
    File->Directory = (BOOLEAN)(S_ISDIR(Opening->Status.st_mode) != 0);
    return Status;
}

static NTSTATUS Open(POPENING Opening, PCUNICODE_STRING Name, PDISK_FILE* File)
{
    NTSTATUS Status = HostLocateFile(Name, &Opening->Location);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    *File = CreateDiskFile(Opening, Name);
    Status = *File != NULL ? OpenLocation(Opening, *File) : STATUS_INSUFFICIENT_RESOURCES;
    if (!NT_SUCCESS(Status) && *File != NULL) {
        HostDereference(*File);
    }
    close(Opening->Location.Directory);
    return Status;
}

static NTSTATUS CheckAttributes(const OBJECT_ATTRIBUTES* Attributes)
{
    if (Attributes == NULL || Attributes->Length != sizeof(OBJECT_ATTRIBUTES)) {
        return STATUS_INVALID_PARAMETER;
    }
    if (Attributes->RootDirectory != NULL) {
        return STATUS_NOT_SUPPORTED;
    }
    return Attributes->ObjectName != NULL ? STATUS_SUCCESS : STATUS_OBJECT_PATH_SYNTAX_BAD;
}

static NTSTATUS CreateFileHandle(POPENING Opening, const OBJECT_ATTRIBUTES* Attributes, PVOID EaBuffer,
                                 PHANDLE Handle)
{
    PDISK_FILE File = NULL;
    NTSTATUS Status = CheckAttributes(Attributes);
    if (NT_SUCCESS(Status)) {
        Status = EaBuffer != NULL ? STATUS_NOT_SUPPORTED : CheckOptions(Opening);
    }
    if (NT_SUCCESS(Status)) {
        Status = Open(Opening, Attributes->ObjectName, &File);
    }
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    PEPROCESS Owner = Attributes->Attributes & OBJ_KERNEL_HANDLE ? HostSystemProcess : HostCurrentProcess();
    Status = HostOpenHandle(File, Owner, Handle);
    if (NT_SUCCESS(Status)) {
        __atomic_store_n(&File->Listed, 1, __ATOMIC_RELEASE);
    }
    return Status;
}

static NTSTATUS Report(PIO_STATUS_BLOCK Block, NTSTATUS Status, ULONG_PTR Information)
{
    Block->Status = Status;
    Block->Information = Information;
    return Status;
}

NTSTATUS ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                      ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer,
                      ULONG EaLength)
{
    OPENING Opening = {.Access = HostMapGenericAccess(DesiredAccess),
                       .Attributes = FileAttributes,
                       .ShareAccess = ShareAccess,
                       .Disposition = CreateDisposition,
                       .Options = CreateOptions,
                       .Descriptor = -1};
    UNREFERENCED_PARAMETER(AllocationSize); /* only a hint */
    UNREFERENCED_PARAMETER(EaLength);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    if (DesiredAccess & MAXIMUM_ALLOWED) {
        Opening.Access = FILE_ALL_ACCESS;
    }
    NTSTATUS Status = CreateFileHandle(&Opening, ObjectAttributes, EaBuffer, FileHandle);
    return Report(IoStatusBlock, Status, Opening.Information);
}

NTSTATUS ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    return ZwCreateFile(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0, ShareAccess,
                        FILE_OPEN, OpenOptions, NULL, 0);
}

/* ---- closing ----------------------------------------------------------------------------------------- */

/* NodesMutex held. */
static void LeaveNode(PDISK_FILE File)
{
    PNODE Node = File->Node;
    CountShares(Node, File->Access, File->ShareAccess, (ULONG)-1);
    if (File->DeleteOnClose) {
        Node->DeletePending = TRUE;
    }
    if (Node->Opens == 0 && Node->DeletePending) {
        RemoveName(Node);
        Node->DeletePending = FALSE;
    }
    File->Entered = FALSE;
}

static void CloseDiskFile(PVOID Body)
{
    PDISK_FILE File = Body;
    __atomic_store_n(&File->Listed, 0, __ATOMIC_RELEASE);
    pthread_mutex_lock(&NodesMutex);
    LeaveNode(File);
    pthread_mutex_unlock(&NodesMutex);
}

static void DeleteDiskFile(PVOID Body)
{
    PDISK_FILE File = Body;
    if (File->Node != NULL) {
        pthread_mutex_lock(&NodesMutex);
        if (File->Entered) {
            LeaveNode(File); /* it never got a handle */
        }
        DereferenceNode(File->Node);
        pthread_mutex_unlock(&NodesMutex);
    }
    if (File->Descriptor >= 0) {
        close(File->Descriptor);
    }
    HostFreeObject(File);
}

typedef struct _VISIT {
    void (*Visit)(const HOST_OPEN_FILE* File, PVOID Context);
    PVOID Context;
} VISIT;

static void VisitOne(PHOST_OBJECT Object, PVOID Context)
{
    const VISIT* Visit = Context;
    PDISK_FILE File = (PDISK_FILE)(Object + 1);
    if (!__atomic_load_n(&File->Listed, __ATOMIC_ACQUIRE)) {
        return;
    }
    HOST_OPEN_FILE Info = {File->Driver, File->Sequence, File->Name};
    Visit->Visit(&Info, Visit->Context);
}

void HostVisitOpenFiles(void (*Visit)(const HOST_OPEN_FILE* File, PVOID Context), PVOID Context)
{
    VISIT Visitor = {Visit, Context};
    HostVisitObjects(&DiskFileType, VisitOne, &Visitor);
}

/* ---- handles of callers ------------------------------------------------------------------------------ */

/* The handle must be a kernel handle, or one of the process that the caller acts for. */
static NTSTATUS ReferenceFile(HANDLE Handle, PDISK_FILE* File)
{
    PVOID Body = HostReferenceHandle(Handle, NULL, NULL);
    if (Body == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    PHOST_OBJECT Object = HOST_OBJECT_OF(Body);
    NTSTATUS Status = Object->Process != HostSystemProcess && Object->Process != HostCurrentProcess()
                          ? STATUS_INVALID_HANDLE
                      : Object->Type != &DiskFileType ? STATUS_OBJECT_TYPE_MISMATCH
                                                      : STATUS_SUCCESS;
    if (!NT_SUCCESS(Status)) {
        HostDereferenceLater(Body);
        return Status;
    }
    *File = Body;
    return STATUS_SUCCESS;
}

/* References the event and resets it; NULL for no event. */
static NTSTATUS ReferenceEvent(HANDLE Handle, PKEVENT* Event)
{
    *Event = NULL;
    if (Handle == NULL) {
        return STATUS_SUCCESS;
    }
    *Event = HostReferenceHandle(Handle, &HostEventType, NULL);
    if (*Event == NULL) {
        return STATUS_INVALID_HANDLE;
    }
    KeClearEvent(*Event);
    return STATUS_SUCCESS;
}

/* ---- reading and writing ----------------------------------------------------------------------------- */

typedef struct _TRANSFER {
    BOOLEAN Write;
    PUCHAR Buffer;
    ULONG Length;
    const LARGE_INTEGER* ByteOffset; /* NULL: the current position */
    ULONG_PTR Done;                  /* bytes */
} TRANSFER, *PTRANSFER;

static BOOLEAN IsSpecial(const TRANSFER* Transfer, ULONG LowPart)
{
    return (BOOLEAN)(Transfer->ByteOffset != NULL && Transfer->ByteOffset->HighPart == -1 &&
                     Transfer->ByteOffset->LowPart == LowPart);
}

static NTSTATUS EndOfFile(const DISK_FILE* File, LONGLONG* Offset)
{
    struct stat Status;
    if (fstat(File->Descriptor, &Status) != 0) {
        return HostFileError(errno);
    }
    *Offset = Status.st_size;
    return STATUS_SUCCESS;
}

/* The node's mutex held. */
static NTSTATUS FindOffset(const DISK_FILE* File, const TRANSFER* Transfer, LONGLONG* Offset)
{
    BOOLEAN Current =
        (BOOLEAN)(Transfer->ByteOffset == NULL || IsSpecial(Transfer, FILE_USE_FILE_POINTER_POSITION));
    if (Current && !File->Synchronous) {
        return STATUS_INVALID_PARAMETER;
    }
    BOOLEAN AppendOnly = (BOOLEAN)((File->Access & FILE_WRITE_DATA) == 0);
    if (Transfer->Write && (AppendOnly || IsSpecial(Transfer, FILE_WRITE_TO_END_OF_FILE))) {
        return EndOfFile(File, Offset);
    }
    *Offset = Current ? File->Position : Transfer->ByteOffset->QuadPart;
    return *Offset >= 0 && *Offset <= MAXLONGLONG - Transfer->Length ? STATUS_SUCCESS
                                                                     : STATUS_INVALID_PARAMETER;
}

/* Transfers until all bytes have moved or the file ends. */
static NTSTATUS MoveBytes(const DISK_FILE* File, PTRANSFER Transfer, LONGLONG Offset)
{
    while (Transfer->Done < Transfer->Length) {
        PUCHAR At = Transfer->Buffer + Transfer->Done;
        size_t Left = Transfer->Length - Transfer->Done;
        off_t Position = Offset + (LONGLONG)Transfer->Done;
        ssize_t Moved = Transfer->Write ? pwrite(File->Descriptor, At, Left, Position)
                                        : pread(File->Descriptor, At, Left, Position);
        if (Moved < 0 && errno != EINTR) {
            return HostFileError(errno);
        }
        if (Moved == 0) {
            return Transfer->Done != 0 ? STATUS_SUCCESS : STATUS_END_OF_FILE;
        }
        Transfer->Done += Moved > 0 ? (ULONG_PTR)Moved : 0;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS TransferBytes(PDISK_FILE File, PTRANSFER Transfer)
{
    LONGLONG Offset = 0;
    ACCESS_MASK Access = Transfer->Write ? WRITING : FILE_READ_DATA;
    if ((File->Access & Access) == 0) {
        return STATUS_ACCESS_DENIED;
    }
    if (File->Directory) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (Transfer->Length != 0 && Transfer->Buffer == NULL) {
        return STATUS_INVALID_USER_BUFFER;
    }
    pthread_mutex_lock(&File->Node->Mutex);
    NTSTATUS Status = FindOffset(File, Transfer, &Offset);
    if (NT_SUCCESS(Status)) {
        Status = MoveBytes(File, Transfer, Offset);
        if (File->Synchronous && NT_SUCCESS(Status)) {
            File->Position = Offset + (LONGLONG)Transfer->Done;
        }
    }
    pthread_mutex_unlock(&File->Node->Mutex);
    return Status;
}

static NTSTATUS ReadOrWrite(HANDLE FileHandle, HANDLE EventHandle, PVOID ApcRoutine, PIO_STATUS_BLOCK Block,
                            PTRANSFER Transfer)
{
    PDISK_FILE File;
    PKEVENT Event = NULL;
    if (ApcRoutine != NULL) {
        return STATUS_INVALID_PARAMETER;
    }
    NTSTATUS Status = ReferenceFile(FileHandle, &File);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    Status = ReferenceEvent(EventHandle, &Event);
    if (NT_SUCCESS(Status)) {
        Status = TransferBytes(File, Transfer);
        Report(Block, Status, Transfer->Done);
    }
    if (Event != NULL) {
        KeSetEvent(Event, IO_NO_INCREMENT, FALSE);
        HostDereferenceLater(Event);
    }
    HostDereference(File);
    return Status;
}

NTSTATUS ZwReadFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                    PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                    PULONG Key)
{
    TRANSFER Transfer = {.Buffer = Buffer, .Length = Length, .ByteOffset = ByteOffset};
    UNREFERENCED_PARAMETER(ApcContext);
    UNREFERENCED_PARAMETER(Key);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    return ReadOrWrite(FileHandle, Event, ApcRoutine, IoStatusBlock, &Transfer);
}

NTSTATUS ZwWriteFile(HANDLE FileHandle, HANDLE Event, PVOID ApcRoutine, PVOID ApcContext,
                     PIO_STATUS_BLOCK IoStatusBlock, PVOID Buffer, ULONG Length, PLARGE_INTEGER ByteOffset,
                     PULONG Key)
{
    TRANSFER Transfer = {.Write = TRUE, .Buffer = Buffer, .Length = Length, .ByteOffset = ByteOffset};
    UNREFERENCED_PARAMETER(ApcContext);
    UNREFERENCED_PARAMETER(Key);
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    return ReadOrWrite(FileHandle, Event, ApcRoutine, IoStatusBlock, &Transfer);
}

/* ---- information ------------------------------------------------------------------------------------- */

static LARGE_INTEGER Time(const struct timespec* When)
{
    LARGE_INTEGER Result;
    Result.QuadPart = (When->tv_sec + SECONDS_TO_1970) * 10000000 + When->tv_nsec / 100;
    return Result;
}

static NTSTATUS QueryBasic(PDISK_FILE File, PVOID Information)
{
    PFILE_BASIC_INFORMATION Basic = Information;
    struct stat Status;
    if (fstat(File->Descriptor, &Status) != 0) {
        return HostFileError(errno);
    }
    memset(Basic, 0, sizeof(*Basic));
    Basic->CreationTime = Time(&Status.st_mtim); /* not every file system has the creation time */
    Basic->LastAccessTime = Time(&Status.st_atim);
    Basic->LastWriteTime = Time(&Status.st_mtim);
    Basic->ChangeTime = Time(&Status.st_ctim);
    Basic->FileAttributes = File->Directory                          ? FILE_ATTRIBUTE_DIRECTORY
                            : (Status.st_mode & ANY_WRITE_MODE) == 0 ? FILE_ATTRIBUTE_READONLY
                                                                     : FILE_ATTRIBUTE_NORMAL;
    return STATUS_SUCCESS;
}

static NTSTATUS QueryStandard(PDISK_FILE File, PVOID Information)
{
    PFILE_STANDARD_INFORMATION Standard = Information;
    struct stat Status;
    if (fstat(File->Descriptor, &Status) != 0) {
        return HostFileError(errno);
    }
    memset(Standard, 0, sizeof(*Standard));
    pthread_mutex_lock(&NodesMutex);
    Standard->DeletePending = File->Node->DeletePending;
    pthread_mutex_unlock(&NodesMutex);
    Standard->Directory = File->Directory;
    Standard->NumberOfLinks = (ULONG)Status.st_nlink - (Standard->DeletePending ? 1 : 0);
    if (!File->Directory) {
        Standard->AllocationSize.QuadPart = Status.st_blocks * 512;
        Standard->EndOfFile.QuadPart = Status.st_size;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS QueryPosition(PDISK_FILE File, PVOID Information)
{
    PFILE_POSITION_INFORMATION Position = Information;
    pthread_mutex_lock(&File->Node->Mutex);
    Position->CurrentByteOffset.QuadPart = File->Position;
    pthread_mutex_unlock(&File->Node->Mutex);
    return STATUS_SUCCESS;
}

static NTSTATUS SetPosition(PDISK_FILE File, PVOID Information)
{
    LONGLONG Position = ((PFILE_POSITION_INFORMATION)Information)->CurrentByteOffset.QuadPart;
    if (Position < 0) {
        return STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&File->Node->Mutex);
    File->Position = Position;
    pthread_mutex_unlock(&File->Node->Mutex);
    return STATUS_SUCCESS;
}

static NTSTATUS SetEndOfFile(PDISK_FILE File, PVOID Information)
{
    LONGLONG End = ((PFILE_END_OF_FILE_INFORMATION)Information)->EndOfFile.QuadPart;
    if (File->Directory || End < 0) {
        return STATUS_INVALID_PARAMETER;
    }
    pthread_mutex_lock(&File->Node->Mutex);
    NTSTATUS Status = ftruncate(File->Descriptor, End) == 0 ? STATUS_SUCCESS : HostFileError(errno);
    pthread_mutex_unlock(&File->Node->Mutex);
    return Status;
}

/* A read-only file, or a directory that is not empty, can't be deleted. */
static NTSTATUS CheckDeletion(const DISK_FILE* File)
{
    struct stat Status;
    if (fstat(File->Descriptor, &Status) != 0) {
        return HostFileError(errno);
    }
    if (File->Directory) {
        return HostIsDirectoryEmpty(File->Descriptor) ? STATUS_SUCCESS : STATUS_DIRECTORY_NOT_EMPTY;
    }
    return Status.st_mode & ANY_WRITE_MODE ? STATUS_SUCCESS : STATUS_CANNOT_DELETE;
}

static NTSTATUS SetDisposition(PDISK_FILE File, PVOID Information)
{
    BOOLEAN Remove = (BOOLEAN)(((PFILE_DISPOSITION_INFORMATION)Information)->DeleteFile != FALSE);
    NTSTATUS Status = Remove ? CheckDeletion(File) : STATUS_SUCCESS;
    if (NT_SUCCESS(Status)) {
        pthread_mutex_lock(&NodesMutex);
        File->Node->DeletePending = Remove;
        pthread_mutex_unlock(&NodesMutex);
    }
    return Status;
}

/* The information classes that are supported, and the access rights of which one is needed (0: none). */
typedef struct _INFORMATION {
    FILE_INFORMATION_CLASS Class;
    ULONG Length;
    ACCESS_MASK Access;
    NTSTATUS (*Routine)(PDISK_FILE File, PVOID Information);
} INFORMATION;

static const INFORMATION Queries[] = {
    {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), FILE_READ_ATTRIBUTES, QueryBasic},
    {FileStandardInformation, sizeof(FILE_STANDARD_INFORMATION), 0, QueryStandard},
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), FILE_READ_DATA | WRITING, QueryPosition},
};

static const INFORMATION Settings[] = {
    {FilePositionInformation, sizeof(FILE_POSITION_INFORMATION), FILE_READ_DATA | WRITING, SetPosition},
    {FileEndOfFileInformation, sizeof(FILE_END_OF_FILE_INFORMATION), FILE_WRITE_DATA, SetEndOfFile},
    {FileDispositionInformation, sizeof(FILE_DISPOSITION_INFORMATION), DELETE, SetDisposition},
};

static NTSTATUS UseInformation(PDISK_FILE File, const INFORMATION* Information, PVOID Buffer, ULONG Length)
{
    if (Length < Information->Length) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Information->Access != 0 && (File->Access & Information->Access) == 0) {
        return STATUS_ACCESS_DENIED;
    }
    return Information->Routine(File, Buffer);
}

static const INFORMATION* FindInformation(const INFORMATION* Table, size_t Count,
                                          FILE_INFORMATION_CLASS Class)
{
    for (size_t i = 0; i < Count; i++) {
        if (Table[i].Class == Class) {
            return &Table[i];
        }
    }
    return NULL;
}

static NTSTATUS AccessInformation(HANDLE FileHandle, PIO_STATUS_BLOCK Block, const INFORMATION* Information,
                                  PVOID Buffer, ULONG Length)
{
    PDISK_FILE File;
    if (Information == NULL) {
        return STATUS_INVALID_INFO_CLASS;
    }
    NTSTATUS Status = ReferenceFile(FileHandle, &File);
    if (NT_SUCCESS(Status)) {
        Status = UseInformation(File, Information, Buffer, Length);
        Report(Block, Status, 0);
        HostDereference(File);
    }
    return Status;
}

NTSTATUS ZwQueryInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                                ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    const INFORMATION* Query = FindInformation(Queries, ARRAYSIZE(Queries), FileInformationClass);
    NTSTATUS Status = AccessInformation(FileHandle, IoStatusBlock, Query, FileInformation, Length);
    if (NT_SUCCESS(Status)) {
        IoStatusBlock->Information = Query->Length;
    }
    return Status;
}

NTSTATUS ZwSetInformationFile(HANDLE FileHandle, PIO_STATUS_BLOCK IoStatusBlock, PVOID FileInformation,
                              ULONG Length, FILE_INFORMATION_CLASS FileInformationClass)
{
    HOST_MAX_IRQL(PASSIVE_LEVEL);
    const INFORMATION* Setting = FindInformation(Settings, ARRAYSIZE(Settings), FileInformationClass);
    return AccessInformation(FileHandle, IoStatusBlock, Setting, FileInformation, Length);
}
