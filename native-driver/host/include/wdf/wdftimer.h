/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers: callbacks at DISPATCH_LEVEL, or at PASSIVE_LEVEL when the attributes ask for it.
 */
#ifndef WDF_WDFTIMER_H
#define WDF_WDFTIMER_H

#include <wdf/wdfobject.h>

EXTERN_C_START

typedef VOID(NTAPI EVT_WDF_TIMER)(WDFTIMER Timer);
typedef EVT_WDF_TIMER* PFN_WDF_TIMER;

typedef struct _WDF_TIMER_CONFIG {
    ULONG Size;
    PFN_WDF_TIMER EvtTimerFunc;
    ULONG Period; /* milliseconds, 0 for a timer that fires once */
    BOOLEAN AutomaticSerialization;
    ULONG TolerableDelay;
    DECLSPEC_ALIGN(8) BOOLEAN UseHighResolutionTimer;
} WDF_TIMER_CONFIG, *PWDF_TIMER_CONFIG;

WDF_ASSERT_SIZE(WDF_TIMER_CONFIG, 40);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, Size, 0);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, EvtTimerFunc, 8);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, Period, 16);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, AutomaticSerialization, 20);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, TolerableDelay, 24);
WDF_ASSERT_OFFSET(WDF_TIMER_CONFIG, UseHighResolutionTimer, 32);

FORCEINLINE VOID WDF_TIMER_CONFIG_INIT(PWDF_TIMER_CONFIG Config, PFN_WDF_TIMER EvtTimerFunc)
{
    RtlZeroMemory(Config, sizeof(*Config));
    Config->Size = sizeof(*Config);
    Config->EvtTimerFunc = EvtTimerFunc;
    Config->AutomaticSerialization = TRUE;
}

FORCEINLINE VOID WDF_TIMER_CONFIG_INIT_PERIODIC(PWDF_TIMER_CONFIG Config, PFN_WDF_TIMER EvtTimerFunc,
                                                LONG Period)
{
    WDF_TIMER_CONFIG_INIT(Config, EvtTimerFunc);
    Config->Period = (ULONG)Period;
}

/* Create, and Stop with Wait, at PASSIVE_LEVEL; the rest at <= DISPATCH_LEVEL. */
typedef NTSTATUS(NTAPI* PFN_WDFTIMERCREATE)(PWDF_DRIVER_GLOBALS DriverGlobals, PWDF_TIMER_CONFIG Config,
                                            PWDF_OBJECT_ATTRIBUTES Attributes, WDFTIMER* Timer);
FORCEINLINE NTSTATUS WdfTimerCreate(PWDF_TIMER_CONFIG Config, PWDF_OBJECT_ATTRIBUTES Attributes,
                                    WDFTIMER* Timer)
{
    return ((PFN_WDFTIMERCREATE)WdfFunctions[WdfTimerCreateTableIndex])(WdfDriverGlobals, Config, Attributes,
                                                                        Timer);
}

typedef BOOLEAN(NTAPI* PFN_WDFTIMERSTART)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Timer,
                                          LONGLONG DueTime);
FORCEINLINE BOOLEAN WdfTimerStart(WDFTIMER Timer, LONGLONG DueTime)
{
    return ((PFN_WDFTIMERSTART)WdfFunctions[WdfTimerStartTableIndex])(WdfDriverGlobals, Timer, DueTime);
}

typedef BOOLEAN(NTAPI* PFN_WDFTIMERSTOP)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Timer, BOOLEAN Wait);
FORCEINLINE BOOLEAN WdfTimerStop(WDFTIMER Timer, BOOLEAN Wait)
{
    return ((PFN_WDFTIMERSTOP)WdfFunctions[WdfTimerStopTableIndex])(WdfDriverGlobals, Timer, Wait);
}

typedef WDFOBJECT(NTAPI* PFN_WDFTIMERGETPARENTOBJECT)(PWDF_DRIVER_GLOBALS DriverGlobals, WDFTIMER Timer);
FORCEINLINE WDFOBJECT WdfTimerGetParentObject(WDFTIMER Timer)
{
    return ((PFN_WDFTIMERGETPARENTOBJECT)WdfFunctions[WdfTimerGetParentObjectTableIndex])(WdfDriverGlobals,
                                                                                          Timer);
}

EXTERN_C_END

#endif
