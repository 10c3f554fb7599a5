/* SPDX-License-Identifier: Apache-2.0
 *
 * Debug messages: DbgPrint and its variants, and the messages that are kept for the program.
 *
 * A message is formatted before the lock is taken, and the lock is held for the copy of one message. So a
 * reader that is slow, or does not come, keeps no driver waiting.
 */
#include "wdmp.h"

/* The size of one message, as on Windows; longer ones are truncated. */
#define MESSAGE_SIZE 512

#define NO_LEVEL (-1)
#define UNKNOWN  (-2)

static LONG ShownLevel =
    UNKNOWN; /* for standard error; read once, since the environment must not be read while it changes */
static LONG KeptLevel = NO_LEVEL;

typedef struct _KEPT_MESSAGE {
    ULONG Level;
    ULONG LostBefore;
    CHAR Text[HOST_DEBUG_MESSAGE_LENGTH];
} KEPT_MESSAGE;

/* A ring. Lock protects everything except Something, on which the reader sleeps: 1 when there is a message
 * for it. */
static HOST_LOCK Lock;
static KEPT_MESSAGE Kept[HOST_KEPT_DEBUG_MESSAGES];
static ULONG First;
static ULONG Count;
static ULONG Lost; /* since the last message that was kept */
static LONG Something;

/* ---- levels ------------------------------------------------------------------------------------------ */

static LONG LevelOfEnvironment(void)
{
    const char* Text = getenv("HOST_DEBUG_PRINT");
    return Text == NULL ? DPFLTR_ERROR_LEVEL : (LONG)strtol(Text, NULL, 10);
}

static BOOLEAN IsShown(ULONG Level)
{
    LONG Shown = __atomic_load_n(&ShownLevel, __ATOMIC_RELAXED);
    if (HOST_UNLIKELY(Shown == UNKNOWN)) {
        Shown = LevelOfEnvironment();
        __atomic_store_n(&ShownLevel, Shown, __ATOMIC_RELAXED);
    }
    return (BOOLEAN)((LONGLONG)Level <= Shown);
}

static BOOLEAN IsKept(ULONG Level)
{
    return (BOOLEAN)((LONGLONG)Level <= __atomic_load_n(&KeptLevel, __ATOMIC_RELAXED));
}

NTSTATUS DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level)
{
    UNREFERENCED_PARAMETER(ComponentId);
    return IsKept(Level) || IsShown(Level) ? TRUE : FALSE;
}

/* ---- the ring ---------------------------------------------------------------------------------------- */

static void Keep(ULONG Level, const char* Text)
{
    HostAcquireLock(&Lock);
    if (Count == HOST_KEPT_DEBUG_MESSAGES) {
        Lost++;
    } else {
        KEPT_MESSAGE* Message = &Kept[(First + Count++) % HOST_KEPT_DEBUG_MESSAGES];
        Message->Level = Level;
        Message->LostBefore = Lost;
        Lost = 0;
        snprintf(Message->Text, sizeof(Message->Text), "%.*s", (int)strcspn(Text, "\n"), Text);
    }
    __atomic_store_n(&Something, 1, __ATOMIC_RELEASE);
    HostReleaseLock(&Lock);
    HostUnpark(&Something);
}

/* Lock is held. Lost messages are reported after the last one that was kept. */
static BOOLEAN TakeLocked(PHOST_DEBUG_MESSAGE Message)
{
    KEPT_MESSAGE* Oldest = &Kept[First];
    ULONG* LostCount = Count != 0 ? &Oldest->LostBefore : &Lost;
    memset(Message, 0, sizeof(*Message));
    if (*LostCount != 0) {
        Message->Level = DPFLTR_WARNING_LEVEL;
        Message->Lost = *LostCount;
        snprintf(Message->Text, sizeof(Message->Text), "%u messages are lost", *LostCount);
        *LostCount = 0;
        return TRUE;
    }
    if (Count == 0) {
        return FALSE;
    }
    Message->Level = Oldest->Level;
    memcpy(Message->Text, Oldest->Text, sizeof(Message->Text));
    First = (First + 1) % HOST_KEPT_DEBUG_MESSAGES;
    Count--;
    return TRUE;
}

static BOOLEAN Take(PHOST_DEBUG_MESSAGE Message)
{
    HostAcquireLock(&Lock);
    BOOLEAN Taken = TakeLocked(Message);
    if (!Taken) {
        __atomic_store_n(&Something, 0, __ATOMIC_RELEASE);
    }
    HostReleaseLock(&Lock);
    return Taken;
}

void HostKeepDebugMessages(LONG Level)
{
    __atomic_store_n(&KeptLevel, Level, __ATOMIC_RELAXED);
}

NTSTATUS HostTakeDebugMessage(PHOST_DEBUG_MESSAGE Message, PLARGE_INTEGER Timeout)
{
    LONGLONG Deadline = HostDeadline(Timeout);
    while (!Take(Message)) {
        if (!HostPark(&Something, Deadline)) {
            return STATUS_TIMEOUT;
        }
    }
    return STATUS_SUCCESS;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static void Write(ULONG Level, PCSTR Format, va_list Arguments)
{
    char Text[MESSAGE_SIZE];
    if (_vsnprintf(Text, sizeof(Text) - 1, Format, Arguments) < 0) {
        Text[sizeof(Text) - 2] = '\n';
    }
    Text[sizeof(Text) - 1] = 0;
    if (IsShown(Level)) {
        fputs(Text, stderr);
    }
    if (IsKept(Level)) {
        Keep(Level, Text);
    }
}

ULONG DbgPrint(PCSTR Format, ...)
{
    if (IsKept(DPFLTR_INFO_LEVEL) || IsShown(DPFLTR_INFO_LEVEL)) {
        va_list Arguments;
        va_start(Arguments, Format);
        Write(DPFLTR_INFO_LEVEL, Format, Arguments);
        va_end(Arguments);
    }
    return STATUS_SUCCESS;
}

ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...)
{
    if (DbgQueryDebugFilterState(ComponentId, Level) == (NTSTATUS)TRUE) {
        va_list Arguments;
        va_start(Arguments, Format);
        Write(Level, Format, Arguments);
        va_end(Arguments);
    }
    return STATUS_SUCCESS;
}
