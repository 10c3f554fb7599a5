/* SPDX-License-Identifier: Apache-2.0
 *
 * WDF_OBJECT_ATTRIBUTES: which attributes each kind of object may have, and what it inherits from its parent.
 */
#include "kmdfp.h"

static NTSTATUS FxContextTypeValidate(const WDF_OBJECT_ATTRIBUTES* Attributes)
{
    PCWDF_OBJECT_CONTEXT_TYPE_INFO Type = Attributes->ContextTypeInfo;

    if (Type == NULL) {
        return Attributes->ContextSizeOverride == 0 ? STATUS_SUCCESS : STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    if (Type->Size != sizeof(*Type)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    if (Type->ContextName == NULL || Type->ContextSize == 0) {
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    if (Attributes->ContextSizeOverride != 0 && Attributes->ContextSizeOverride < Type->ContextSize) {
        return STATUS_WDF_OBJECT_ATTRIBUTES_INVALID;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxLevelValidate(WDF_EXECUTION_LEVEL Level, BOOLEAN Allowed)
{
    if (Level == WdfExecutionLevelInheritFromParent) {
        return STATUS_SUCCESS;
    }
    if (!Allowed || (Level != WdfExecutionLevelPassive && Level != WdfExecutionLevelDispatch)) {
        return STATUS_WDF_EXECUTION_LEVEL_INVALID;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS FxScopeValidate(WDF_SYNCHRONIZATION_SCOPE Scope, BOOLEAN Allowed)
{
    if (Scope == WdfSynchronizationScopeInheritFromParent) {
        return STATUS_SUCCESS;
    }
    if (!Allowed || (Scope != WdfSynchronizationScopeDevice && Scope != WdfSynchronizationScopeQueue &&
                     Scope != WdfSynchronizationScopeNone)) {
        return STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID;
    }
    return STATUS_SUCCESS;
}

NTSTATUS FxAttributesValidate(const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_ATTRIBUTE_RULES* Rules)
{
    NTSTATUS Status;

    if (Attributes == NULL) {
        return Rules->ParentRequired ? STATUS_WDF_PARENT_NOT_SPECIFIED : STATUS_SUCCESS;
    }
    if (Attributes->Size != sizeof(*Attributes)) {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    Status = FxContextTypeValidate(Attributes);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    if (Attributes->ParentObject != NULL && !Rules->ParentAllowed && !Rules->ParentRequired) {
        return STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED;
    }
    if (Attributes->ParentObject == NULL && Rules->ParentRequired) {
        return STATUS_WDF_PARENT_NOT_SPECIFIED;
    }
    Status = FxLevelValidate(Attributes->ExecutionLevel, Rules->LevelAllowed);
    if (!NT_SUCCESS(Status)) {
        return Status;
    }
    return FxScopeValidate(Attributes->SynchronizationScope, Rules->ScopeAllowed);
}

size_t FxAttributesContextSize(const WDF_OBJECT_ATTRIBUTES* Attributes)
{
    if (Attributes == NULL || Attributes->ContextTypeInfo == NULL) {
        return 0;
    }
    return Attributes->ContextSizeOverride != 0 ? Attributes->ContextSizeOverride
                                                : Attributes->ContextTypeInfo->ContextSize;
}

/* A driver object has no parent to inherit from: DISPATCH_LEVEL, no synchronisation. */
VOID FxAttributesInherit(FX_OBJECT* Object, const WDF_OBJECT_ATTRIBUTES* Attributes, const FX_OBJECT* Parent)
{
    Object->ExecutionLevel = Parent != NULL ? Parent->ExecutionLevel : WdfExecutionLevelDispatch;
    Object->SynchronizationScope =
        Parent != NULL ? Parent->SynchronizationScope : WdfSynchronizationScopeNone;
    if (Attributes == NULL) {
        return;
    }
    if (Attributes->ExecutionLevel != WdfExecutionLevelInheritFromParent) {
        Object->ExecutionLevel = (UCHAR)Attributes->ExecutionLevel;
    }
    if (Attributes->SynchronizationScope != WdfSynchronizationScopeInheritFromParent) {
        Object->SynchronizationScope = (UCHAR)Attributes->SynchronizationScope;
    }
}
