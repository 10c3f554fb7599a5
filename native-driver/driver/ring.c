/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a receive ring: a queue of records of different lengths, each contiguous.
 */
#include "ring.h"

C_ASSERT(sizeof(WSKB_RECORD) % 8 == 0);
C_ASSERT(WSKB_MINIMUM_RING % 8 == 0);
C_ASSERT(WSKB_MINIMUM_RING >= sizeof(WSKB_RECORD) + WSKB_MAXIMUM_DATAGRAM + 7);

/* What every record has, also a filler. */
C_ASSERT(FIELD_OFFSET(WSKB_RECORD, Datagram) == 8);

_Use_decl_annotations_ VOID WskbRingInitialize(PWSKB_RING Ring)
{
    RtlZeroMemory(Ring, sizeof(*Ring));
    KeInitializeSpinLock(&Ring->Lock);
    InitializeListHead(&Ring->Waiting);
}

_Use_decl_annotations_ BOOLEAN WskbRingChoose(PWSKB_RING Ring, WSKB_RECEIVE_MODE Mode)
{
    LONG Before = ReadAcquire(&Ring->Mode);
    if (Before == WskbReceiveUndecided) {
        Before = InterlockedCompareExchange(&Ring->Mode, (LONG)Mode, WskbReceiveUndecided);
    }
    return Before == WskbReceiveUndecided || (Before == WskbReceiveEach && Mode == WskbReceiveEach);
}

/* ---- reserving --------------------------------------------------------------------------------------- */

_Use_decl_annotations_ WSKB_RING_MARK WskbRingMarkLocked(PWSKB_RING Ring)
{
    WSKB_RING_MARK Mark = {Ring->Tail, Ring->Used, Ring->Datagrams};
    return Mark;
}

_Use_decl_annotations_ VOID WskbRingReturnLocked(PWSKB_RING Ring, WSKB_RING_MARK Mark)
{
    Ring->Tail = Mark.Tail;
    Ring->Used = Mark.Used;
    Ring->Datagrams = Mark.Datagrams;
}

static PWSKB_RECORD RecordAt(PWSKB_RING Ring, ULONG Offset)
{
    return (PWSKB_RECORD)(Ring->Memory + Offset);
}

/* Appends a record that fits before the end of the memory. */
static VOID Append(PWSKB_RING Ring, ULONG Bytes, LONG State)
{
    PWSKB_RECORD Record = RecordAt(Ring, Ring->Tail);
    Record->Bytes = Bytes;
    WriteRelease(&Record->State, State);
    Ring->Used += Bytes;
    Ring->Tail += Bytes;
    if (Ring->Tail == Ring->Size) {
        Ring->Tail = 0;
    }
}

_Use_decl_annotations_ BOOLEAN WskbRingReserveLocked(PWSKB_RING Ring, ULONG Length)
{
    ULONG Bytes = (ULONG)sizeof(WSKB_RECORD) + WskbRingAlign(Length);
    ULONG ToEnd = Ring->Size - Ring->Tail;
    ULONG Filler = Bytes <= ToEnd ? 0 : ToEnd;
    if (Ring->Datagrams == Ring->MaximumDatagrams || Filler + Bytes > Ring->Size - Ring->Used) {
        return FALSE;
    }
    if (Filler != 0) {
        Append(Ring, Filler, WSKB_RECORD_FILLER);
    }
    Append(Ring, Bytes, WSKB_RECORD_WRITING);
    Ring->Datagrams++;
    return TRUE;
}

/* ---- walking ----------------------------------------------------------------------------------------- */

_Use_decl_annotations_ WSKB_RING_CURSOR WskbRingHeadLocked(PWSKB_RING Ring)
{
    WSKB_RING_CURSOR Cursor = {Ring->Head, Ring->Used};
    return Cursor;
}

_Use_decl_annotations_ WSKB_RING_CURSOR WskbRingSinceLocked(PWSKB_RING Ring, WSKB_RING_MARK Mark)
{
    WSKB_RING_CURSOR Cursor = {Mark.Tail, Ring->Used - Mark.Used};
    return Cursor;
}

_Use_decl_annotations_ VOID WskbRingAdvance(PWSKB_RING Ring, PWSKB_RECORD Record, WSKB_RING_CURSOR* Cursor)
{
    Cursor->Left -= Record->Bytes;
    Cursor->Offset += Record->Bytes;
    if (Cursor->Offset == Ring->Size) {
        Cursor->Offset = 0;
    }
}

_Use_decl_annotations_ PWSKB_RECORD WskbRingAt(PWSKB_RING Ring, WSKB_RING_CURSOR* Cursor)
{
    while (Cursor->Left != 0) {
        PWSKB_RECORD Record = RecordAt(Ring, Cursor->Offset);
        if (ReadAcquire(&Record->State) != WSKB_RECORD_FILLER) {
            return Record;
        }
        WskbRingAdvance(Ring, Record, Cursor);
    }
    return NULL;
}

_Use_decl_annotations_ VOID WskbRingFreeLocked(PWSKB_RING Ring, WSKB_RING_CURSOR Cursor, ULONG Datagrams)
{
    ULONG Distance =
        Cursor.Offset >= Ring->Head ? Cursor.Offset - Ring->Head : Cursor.Offset + Ring->Size - Ring->Head;
    if (Distance == 0 && Datagrams != 0) {
        Distance = Ring->Size; /* once around: the ring was full */
    }
    Ring->Used -= Distance;
    Ring->Head = Cursor.Offset;
    Ring->Datagrams -= Datagrams;
    if (Ring->Datagrams == 0) {
        Ring->Used = 0; /* a filler may be left */
        Ring->Head = 0;
        Ring->Tail = 0; /* so that an empty ring has all its memory in one piece */
    }
}
