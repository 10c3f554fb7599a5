/* SPDX-License-Identifier: Apache-2.0
 *
 * The function table that drivers are bound to. A slot without an implementation holds a function that stops
 * the machine and reports which function the driver called.
 */
#include "kmdfp.h"
#include "table.h"

static const PCSTR FxFunctionNames[FX_TABLE_SIZE] = {
#define NAME(Name, Pfn) [Name##TableIndex] = #Name,
    FX_FUNCTIONS(NAME)
#undef NAME
#define NAME(Name) [Name##TableIndex] = #Name,
        FX_NAMED_ONLY(NAME)
#undef NAME
};

static DECLSPEC_NORETURN VOID FxNotImplemented(ULONG Index)
{
    if (FxFunctionNames[Index] != NULL) {
        FxStop(WDF_VERIFIER_FATAL_ERROR, NULL,
               "%s (slot %u of the function table) is not implemented by this framework\n",
               FxFunctionNames[Index], Index);
    }
    FxStop(WDF_VERIFIER_FATAL_ERROR, NULL,
           "slot %u of the function table is not implemented by this framework\n", Index);
}

/* M(0) to M(457). */
#define TEN(M, Tens)                                                                                         \
    M(Tens##0)                                                                                               \
    M(Tens##1) M(Tens##2) M(Tens##3) M(Tens##4) M(Tens##5) M(Tens##6) M(Tens##7) M(Tens##8) M(Tens##9)
#define HUNDRED(M, H)                                                                                        \
    TEN(M, H##0)                                                                                             \
    TEN(M, H##1)                                                                                             \
    TEN(M, H##2) TEN(M, H##3) TEN(M, H##4) TEN(M, H##5) TEN(M, H##6) TEN(M, H##7) TEN(M, H##8) TEN(M, H##9)
#define BELOW_TEN(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9)
#define BELOW_HUNDRED(M)                                                                                     \
    BELOW_TEN(M) TEN(M, 1) TEN(M, 2) TEN(M, 3) TEN(M, 4) TEN(M, 5) TEN(M, 6) TEN(M, 7) TEN(M, 8) TEN(M, 9)
#define ALL_SLOTS(M)                                                                                         \
    BELOW_HUNDRED(M)                                                                                         \
    HUNDRED(M, 1)                                                                                            \
    HUNDRED(M, 2)                                                                                            \
    HUNDRED(M, 3)                                                                                            \
    TEN(M, 40)                                                                                               \
    TEN(M, 41) TEN(M, 42) TEN(M, 43) TEN(M, 44) M(450) M(451) M(452) M(453) M(454) M(455) M(456) M(457)

#define THUNK(Index)                                                                                         \
    static VOID FxSlot##Index(VOID)                                                                          \
    {                                                                                                        \
        FxNotImplemented(Index);                                                                             \
    }
ALL_SLOTS(THUNK)

#define SLOT(Index) FxSlot##Index,
static const WDFFUNC FxThunks[] = {ALL_SLOTS(SLOT)};
C_ASSERT(ARRAYSIZE(FxThunks) == FX_TABLE_SIZE);

static const WDFFUNC FxImplemented[FX_TABLE_SIZE] = {
#define IMPLEMENTATION(Name, Pfn) [Name##TableIndex] = (WDFFUNC)imp_##Name,
    FX_FUNCTIONS(IMPLEMENTATION)
#undef IMPLEMENTATION
};

WDFFUNC FxFunctionTable[FX_TABLE_SIZE];

VOID FxTableInitialize(VOID)
{
    ULONG Index;

    for (Index = 0; Index < FX_TABLE_SIZE; Index++) {
        FxFunctionTable[Index] = FxImplemented[Index] != NULL ? FxImplemented[Index] : FxThunks[Index];
    }
}
