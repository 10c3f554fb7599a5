/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines of operations in flight, in a timer wheel: time is divided into ticks, and each tick has a slot,
 * which it shares with the ticks one turn of the wheel later. Adding and removing a deadline takes the same
 * time however many there are. One timer of the driver is set for the next slot that is not empty; without
 * deadlines it does not run.
 *
 * The timer takes operations that have reached their deadline out of the wheel, with a reference to each, and
 * cancels them. An operation is removed from the wheel before the reference of its completion routine is
 * dropped, so what the timer finds in the wheel is valid.
 *
 * An operation ends at the first tick after its deadline. Interrupt time, by which all of this goes, advances
 * with the clock interrupt, by up to 16 milliseconds at once; together with a tick that makes 20.
 */
#include "deadline.h"

#define TICK            40000ULL /* 4 milliseconds, in units of interrupt time */
#define NO_TICK         MAXULONGLONG
#define MOST_AT_ONCE    256 /* operations that one call of the timer ends; the others follow in the next */
#define PER_MILLISECOND 10000ULL

static EVT_WDF_TIMER EvtTick;

_Use_decl_annotations_ NTSTATUS WskbDeadlinesInitialize(PWSKB_DRIVER Driver)
{
    PWSKB_DEADLINES Deadlines = &Driver->Deadlines;
    WDF_TIMER_CONFIG Config;
    WDF_OBJECT_ATTRIBUTES Attributes;

    KeInitializeSpinLock(&Deadlines->Lock);
    Deadlines->Due = NO_TICK;
    for (ULONG Slot = 0; Slot < WSKB_DEADLINE_SLOTS; Slot++) {
        InitializeListHead(&Deadlines->Slots[Slot]);
    }
    WDF_TIMER_CONFIG_INIT(&Config, EvtTick);
    Config.AutomaticSerialization = FALSE;
    WDF_OBJECT_ATTRIBUTES_INIT(&Attributes);
    Attributes.ParentObject = Driver->Device;
    return WdfTimerCreate(&Config, &Attributes, &Deadlines->Timer);
}

_Use_decl_annotations_ VOID WskbDeadlinesEnd(PWSKB_DRIVER Driver)
{
    (VOID) WdfTimerStop(Driver->Deadlines.Timer, TRUE);
}

static PLIST_ENTRY SlotOf(PWSKB_DEADLINES Deadlines, ULONGLONG Tick)
{
    return &Deadlines->Slots[Tick % WSKB_DEADLINE_SLOTS];
}

/* ---- the timer --------------------------------------------------------------------------------------- */

/* Relative; at least 1, as 0 and positive values mean absolute times. */
static LONGLONG TimeUntil(ULONGLONG Tick)
{
    ULONGLONG Now = KeQueryInterruptTime();
    ULONGLONG Time = Tick * TICK;
    return Time > Now ? -(LONGLONG)(Time - Now) : -1;
}

static ULONGLONG ReadDue(PWSKB_DEADLINES Deadlines)
{
    KIRQL Irql;

    KeAcquireSpinLock(&Deadlines->Lock, &Irql);
    ULONGLONG Due = Deadlines->Due;
    KeReleaseSpinLock(&Deadlines->Lock, Irql);
    return Due;
}

/* Sets the timer for Due. Threads that do so at the same time may set it in any order, so each of them looks
 * again afterwards. A timer that is set too early finds nothing to do. */
static VOID SetTimer(PWSKB_DEADLINES Deadlines)
{
    ULONGLONG Due = ReadDue(Deadlines);
    ULONGLONG Set = NO_TICK;
    while (Due != Set && Due != NO_TICK) {
        (VOID) WdfTimerStart(Deadlines->Timer, TimeUntil(Due));
        Set = Due;
        Due = ReadDue(Deadlines);
    }
}

/* Takes what has reached its deadline out of one slot, into Expired, with a reference to each. FALSE: there
 * are too many for one call. Deadlines->Lock is held. */
static BOOLEAN TakeFromSlot(PLIST_ENTRY Slot, ULONGLONG Now, PLIST_ENTRY Expired, PULONG Count)
{
    PLIST_ENTRY Entry = Slot->Flink;
    while (Entry != Slot) {
        PWSKB_OPERATION Operation = CONTAINING_RECORD(Entry, WSKB_OPERATION, DeadlineLink);
        Entry = Entry->Flink;
        if (Operation->DeadlineTick > Now) {
            continue;
        }
        if (*Count == MOST_AT_ONCE) {
            return FALSE;
        }
        (*Count)++;
        Operation->HasDeadline = FALSE;
        InterlockedIncrement(&Operation->References);
        RemoveEntryList(&Operation->DeadlineLink);
        InsertTailList(Expired, &Operation->DeadlineLink);
    }
    return TRUE;
}

/* The tick at which the next slot that is not empty is to be looked at. Deadlines->Lock is held. */
static ULONGLONG NextDue(PWSKB_DEADLINES Deadlines)
{
    for (ULONGLONG Tick = Deadlines->Tick; Tick < Deadlines->Tick + WSKB_DEADLINE_SLOTS; Tick++) {
        if (!IsListEmpty(SlotOf(Deadlines, Tick))) {
            return Tick;
        }
    }
    return NO_TICK;
}

/* Deadlines->Lock is held. */
static VOID TakeExpiredLocked(PWSKB_DEADLINES Deadlines, PLIST_ENTRY Expired)
{
    ULONGLONG Now = KeQueryInterruptTime() / TICK;
    ULONG Count = 0;

    /* After a whole turn each slot was looked at. */
    if (Deadlines->Tick + WSKB_DEADLINE_SLOTS <= Now) {
        Deadlines->Tick = Now + 1 - WSKB_DEADLINE_SLOTS;
    }
    while (Deadlines->Tick <= Now && TakeFromSlot(SlotOf(Deadlines, Deadlines->Tick), Now, Expired, &Count)) {
        Deadlines->Tick++;
    }
    Deadlines->Due = NextDue(Deadlines);
}

_Use_decl_annotations_ static VOID EvtTick(WDFTIMER Timer)
{
    PWSKB_DEADLINES Deadlines = &WskbGetDriver(WdfGetDriver())->Deadlines;
    LIST_ENTRY Expired;
    KIRQL Irql;

    UNREFERENCED_PARAMETER(Timer);
    InitializeListHead(&Expired);
    KeAcquireSpinLock(&Deadlines->Lock, &Irql);
    TakeExpiredLocked(Deadlines, &Expired);
    KeReleaseSpinLock(&Deadlines->Lock, Irql);
    while (!IsListEmpty(&Expired)) {
        PLIST_ENTRY Entry = RemoveHeadList(&Expired);
        WskbOperationExpire(CONTAINING_RECORD(Entry, WSKB_OPERATION, DeadlineLink));
    }
    SetTimer(Deadlines);
}

/* ---- operations -------------------------------------------------------------------------------------- */

/* TRUE: the timer has to be set. Deadlines->Lock is held. */
static BOOLEAN AddLocked(PWSKB_DEADLINES Deadlines, PWSKB_OPERATION Operation)
{
    ULONGLONG Now = KeQueryInterruptTime();
    ULONGLONG Deadline = Now + Operation->Timeout * PER_MILLISECOND;

    if (Deadlines->Due == NO_TICK) {
        Deadlines->Tick = Now / TICK; /* the wheel is empty */
    }
    Operation->DeadlineTick = (Deadline + TICK - 1) / TICK;
    Operation->HasDeadline = TRUE;
    InsertTailList(SlotOf(Deadlines, Operation->DeadlineTick), &Operation->DeadlineLink);
    if (Deadlines->Due <= Operation->DeadlineTick) {
        return FALSE;
    }
    Deadlines->Due = Operation->DeadlineTick;
    return TRUE;
}

_Use_decl_annotations_ VOID WskbDeadlineAdd(PWSKB_OPERATION Operation)
{
    PWSKB_DEADLINES Deadlines = &Operation->Driver->Deadlines;
    KIRQL Irql;

    KeAcquireSpinLock(&Deadlines->Lock, &Irql);
    BOOLEAN Earlier = AddLocked(Deadlines, Operation);
    KeReleaseSpinLock(&Deadlines->Lock, Irql);
    if (Earlier) {
        SetTimer(Deadlines);
    }
}

_Use_decl_annotations_ VOID WskbDeadlineRemove(PWSKB_OPERATION Operation)
{
    PWSKB_DEADLINES Deadlines = &Operation->Driver->Deadlines;
    KIRQL Irql;

    KeAcquireSpinLock(&Deadlines->Lock, &Irql);
    if (Operation->HasDeadline) {
        Operation->HasDeadline = FALSE;
        RemoveEntryList(&Operation->DeadlineLink);
    }
    KeReleaseSpinLock(&Deadlines->Lock, Irql);
}
