/* SPDX-License-Identifier: Apache-2.0
 *
 * Two lists: the functions that the framework implements, and those that it only knows by name. The first one
 * declares each imp_Wdf... with the type that wdf.h calls it by, and fills the table.
 */
#ifndef KMDF_FUNCTIONS_H
#define KMDF_FUNCTIONS_H

#define FX_FUNCTIONS(F)                                                                                      \
    /* driver */                                                                                             \
    F(WdfDriverCreate, PFN_WDFDRIVERCREATE)                                                                  \
    F(WdfDriverGetRegistryPath, PFN_WDFDRIVERGETREGISTRYPATH)                                                \
    F(WdfDriverWdmGetDriverObject, PFN_WDFDRIVERWDMGETDRIVEROBJECT)                                          \
    F(WdfDriverIsVersionAvailable, PFN_WDFDRIVERISVERSIONAVAILABLE)                                          \
    /* device */                                                                                             \
    F(WdfControlDeviceInitAllocate, PFN_WDFCONTROLDEVICEINITALLOCATE)                                        \
    F(WdfControlDeviceInitSetShutdownNotification, PFN_WDFCONTROLDEVICEINITSETSHUTDOWNNOTIFICATION)          \
    F(WdfDeviceInitFree, PFN_WDFDEVICEINITFREE)                                                              \
    F(WdfDeviceInitSetIoType, PFN_WDFDEVICEINITSETIOTYPE)                                                    \
    F(WdfDeviceInitSetExclusive, PFN_WDFDEVICEINITSETEXCLUSIVE)                                              \
    F(WdfDeviceInitSetDeviceType, PFN_WDFDEVICEINITSETDEVICETYPE)                                            \
    F(WdfDeviceInitAssignName, PFN_WDFDEVICEINITASSIGNNAME)                                                  \
    F(WdfDeviceInitAssignSDDLString, PFN_WDFDEVICEINITASSIGNSDDLSTRING)                                      \
    F(WdfDeviceInitSetDeviceClass, PFN_WDFDEVICEINITSETDEVICECLASS)                                          \
    F(WdfDeviceInitSetCharacteristics, PFN_WDFDEVICEINITSETCHARACTERISTICS)                                  \
    F(WdfDeviceInitSetFileObjectConfig, PFN_WDFDEVICEINITSETFILEOBJECTCONFIG)                                \
    F(WdfDeviceInitSetRequestAttributes, PFN_WDFDEVICEINITSETREQUESTATTRIBUTES)                              \
    F(WdfDeviceInitSetIoInCallerContextCallback, PFN_WDFDEVICEINITSETIOINCALLERCONTEXTCALLBACK)              \
    F(WdfDeviceInitSetIoTypeEx, PFN_WDFDEVICEINITSETIOTYPEEX)                                                \
    F(WdfDeviceCreate, PFN_WDFDEVICECREATE)                                                                  \
    F(WdfDeviceCreateSymbolicLink, PFN_WDFDEVICECREATESYMBOLICLINK)                                          \
    F(WdfControlFinishInitializing, PFN_WDFCONTROLFINISHINITIALIZING)                                        \
    F(WdfDeviceConfigureRequestDispatching, PFN_WDFDEVICECONFIGUREREQUESTDISPATCHING)                        \
    F(WdfDeviceEnqueueRequest, PFN_WDFDEVICEENQUEUEREQUEST)                                                  \
    F(WdfDeviceGetDefaultQueue, PFN_WDFDEVICEGETDEFAULTQUEUE)                                                \
    F(WdfDeviceGetDriver, PFN_WDFDEVICEGETDRIVER)                                                            \
    F(WdfDeviceGetFileObject, PFN_WDFDEVICEGETFILEOBJECT)                                                    \
    F(WdfDeviceWdmGetDeviceObject, PFN_WDFDEVICEWDMGETDEVICEOBJECT)                                          \
    F(WdfWdmDeviceGetWdfDeviceHandle, PFN_WDFWDMDEVICEGETWDFDEVICEHANDLE)                                    \
    /* file object */                                                                                        \
    F(WdfFileObjectGetFileName, PFN_WDFFILEOBJECTGETFILENAME)                                                \
    F(WdfFileObjectGetFlags, PFN_WDFFILEOBJECTGETFLAGS)                                                      \
    F(WdfFileObjectGetDevice, PFN_WDFFILEOBJECTGETDEVICE)                                                    \
    F(WdfFileObjectWdmGetFileObject, PFN_WDFFILEOBJECTWDMGETFILEOBJECT)                                      \
    /* queue */                                                                                              \
    F(WdfIoQueueCreate, PFN_WDFIOQUEUECREATE)                                                                \
    F(WdfIoQueueGetState, PFN_WDFIOQUEUEGETSTATE)                                                            \
    F(WdfIoQueueGetDevice, PFN_WDFIOQUEUEGETDEVICE)                                                          \
    F(WdfIoQueueStart, PFN_WDFIOQUEUESTART)                                                                  \
    F(WdfIoQueueStop, PFN_WDFIOQUEUESTOP)                                                                    \
    F(WdfIoQueueStopSynchronously, PFN_WDFIOQUEUESTOPSYNCHRONOUSLY)                                          \
    F(WdfIoQueueDrain, PFN_WDFIOQUEUEDRAIN)                                                                  \
    F(WdfIoQueueDrainSynchronously, PFN_WDFIOQUEUEDRAINSYNCHRONOUSLY)                                        \
    F(WdfIoQueuePurge, PFN_WDFIOQUEUEPURGE)                                                                  \
    F(WdfIoQueuePurgeSynchronously, PFN_WDFIOQUEUEPURGESYNCHRONOUSLY)                                        \
    F(WdfIoQueueStopAndPurge, PFN_WDFIOQUEUESTOPANDPURGE)                                                    \
    F(WdfIoQueueStopAndPurgeSynchronously, PFN_WDFIOQUEUESTOPANDPURGESYNCHRONOUSLY)                          \
    F(WdfIoQueueReadyNotify, PFN_WDFIOQUEUEREADYNOTIFY)                                                      \
    F(WdfIoQueueRetrieveNextRequest, PFN_WDFIOQUEUERETRIEVENEXTREQUEST)                                      \
    F(WdfIoQueueRetrieveRequestByFileObject, PFN_WDFIOQUEUERETRIEVEREQUESTBYFILEOBJECT)                      \
    F(WdfIoQueueFindRequest, PFN_WDFIOQUEUEFINDREQUEST)                                                      \
    F(WdfIoQueueRetrieveFoundRequest, PFN_WDFIOQUEUERETRIEVEFOUNDREQUEST)                                    \
    /* request */                                                                                            \
    F(WdfRequestComplete, PFN_WDFREQUESTCOMPLETE)                                                            \
    F(WdfRequestCompleteWithInformation, PFN_WDFREQUESTCOMPLETEWITHINFORMATION)                              \
    F(WdfRequestCompleteWithPriorityBoost, PFN_WDFREQUESTCOMPLETEWITHPRIORITYBOOST)                          \
    F(WdfRequestSetInformation, PFN_WDFREQUESTSETINFORMATION)                                                \
    F(WdfRequestGetInformation, PFN_WDFREQUESTGETINFORMATION)                                                \
    F(WdfRequestGetStatus, PFN_WDFREQUESTGETSTATUS)                                                          \
    F(WdfRequestMarkCancelable, PFN_WDFREQUESTMARKCANCELABLE)                                                \
    F(WdfRequestMarkCancelableEx, PFN_WDFREQUESTMARKCANCELABLEEX)                                            \
    F(WdfRequestUnmarkCancelable, PFN_WDFREQUESTUNMARKCANCELABLE)                                            \
    F(WdfRequestIsCanceled, PFN_WDFREQUESTISCANCELED)                                                        \
    F(WdfRequestRetrieveInputMemory, PFN_WDFREQUESTRETRIEVEINPUTMEMORY)                                      \
    F(WdfRequestRetrieveOutputMemory, PFN_WDFREQUESTRETRIEVEOUTPUTMEMORY)                                    \
    F(WdfRequestRetrieveInputBuffer, PFN_WDFREQUESTRETRIEVEINPUTBUFFER)                                      \
    F(WdfRequestRetrieveOutputBuffer, PFN_WDFREQUESTRETRIEVEOUTPUTBUFFER)                                    \
    F(WdfRequestRetrieveInputWdmMdl, PFN_WDFREQUESTRETRIEVEINPUTWDMMDL)                                      \
    F(WdfRequestRetrieveOutputWdmMdl, PFN_WDFREQUESTRETRIEVEOUTPUTWDMMDL)                                    \
    F(WdfRequestRetrieveUnsafeUserInputBuffer, PFN_WDFREQUESTRETRIEVEUNSAFEUSERINPUTBUFFER)                  \
    F(WdfRequestRetrieveUnsafeUserOutputBuffer, PFN_WDFREQUESTRETRIEVEUNSAFEUSEROUTPUTBUFFER)                \
    F(WdfRequestGetParameters, PFN_WDFREQUESTGETPARAMETERS)                                                  \
    F(WdfRequestGetFileObject, PFN_WDFREQUESTGETFILEOBJECT)                                                  \
    F(WdfRequestGetIoQueue, PFN_WDFREQUESTGETIOQUEUE)                                                        \
    F(WdfRequestGetRequestorMode, PFN_WDFREQUESTGETREQUESTORMODE)                                            \
    F(WdfRequestIsFrom32BitProcess, PFN_WDFREQUESTISFROM32BITPROCESS)                                        \
    F(WdfRequestWdmGetIrp, PFN_WDFREQUESTWDMGETIRP)                                                          \
    F(WdfRequestForwardToIoQueue, PFN_WDFREQUESTFORWARDTOIOQUEUE)                                            \
    F(WdfRequestRequeue, PFN_WDFREQUESTREQUEUE)                                                              \
    /* object */                                                                                             \
    F(WdfObjectGetTypedContextWorker, PFN_WDFOBJECTGETTYPEDCONTEXTWORKER)                                    \
    F(WdfObjectAllocateContext, PFN_WDFOBJECTALLOCATECONTEXT)                                                \
    F(WdfObjectContextGetObject, PFN_WDFOBJECTCONTEXTGETOBJECT)                                              \
    F(WdfObjectReferenceActual, PFN_WDFOBJECTREFERENCEACTUAL)                                                \
    F(WdfObjectDereferenceActual, PFN_WDFOBJECTDEREFERENCEACTUAL)                                            \
    F(WdfObjectCreate, PFN_WDFOBJECTCREATE)                                                                  \
    F(WdfObjectDelete, PFN_WDFOBJECTDELETE)                                                                  \
    F(WdfObjectAcquireLock, PFN_WDFOBJECTACQUIRELOCK)                                                        \
    F(WdfObjectReleaseLock, PFN_WDFOBJECTRELEASELOCK)                                                        \
    /* locks */                                                                                              \
    F(WdfWaitLockCreate, PFN_WDFWAITLOCKCREATE)                                                              \
    F(WdfWaitLockAcquire, PFN_WDFWAITLOCKACQUIRE)                                                            \
    F(WdfWaitLockRelease, PFN_WDFWAITLOCKRELEASE)                                                            \
    F(WdfSpinLockCreate, PFN_WDFSPINLOCKCREATE)                                                              \
    F(WdfSpinLockAcquire, PFN_WDFSPINLOCKACQUIRE)                                                            \
    F(WdfSpinLockRelease, PFN_WDFSPINLOCKRELEASE)                                                            \
    /* work items, timers, deferred procedure calls */                                                       \
    F(WdfWorkItemCreate, PFN_WDFWORKITEMCREATE)                                                              \
    F(WdfWorkItemEnqueue, PFN_WDFWORKITEMENQUEUE)                                                            \
    F(WdfWorkItemGetParentObject, PFN_WDFWORKITEMGETPARENTOBJECT)                                            \
    F(WdfWorkItemFlush, PFN_WDFWORKITEMFLUSH)                                                                \
    F(WdfTimerCreate, PFN_WDFTIMERCREATE)                                                                    \
    F(WdfTimerStart, PFN_WDFTIMERSTART)                                                                      \
    F(WdfTimerStop, PFN_WDFTIMERSTOP)                                                                        \
    F(WdfTimerGetParentObject, PFN_WDFTIMERGETPARENTOBJECT)                                                  \
    F(WdfDpcCreate, PFN_WDFDPCCREATE)                                                                        \
    F(WdfDpcEnqueue, PFN_WDFDPCENQUEUE)                                                                      \
    F(WdfDpcCancel, PFN_WDFDPCCANCEL)                                                                        \
    F(WdfDpcGetParentObject, PFN_WDFDPCGETPARENTOBJECT)                                                      \
    /* memory, collections, strings */                                                                       \
    F(WdfMemoryCreate, PFN_WDFMEMORYCREATE)                                                                  \
    F(WdfMemoryCreatePreallocated, PFN_WDFMEMORYCREATEPREALLOCATED)                                          \
    F(WdfMemoryGetBuffer, PFN_WDFMEMORYGETBUFFER)                                                            \
    F(WdfMemoryAssignBuffer, PFN_WDFMEMORYASSIGNBUFFER)                                                      \
    F(WdfMemoryCopyToBuffer, PFN_WDFMEMORYCOPYTOBUFFER)                                                      \
    F(WdfMemoryCopyFromBuffer, PFN_WDFMEMORYCOPYFROMBUFFER)                                                  \
    F(WdfLookasideListCreate, PFN_WDFLOOKASIDELISTCREATE)                                                    \
    F(WdfMemoryCreateFromLookaside, PFN_WDFMEMORYCREATEFROMLOOKASIDE)                                        \
    F(WdfCollectionCreate, PFN_WDFCOLLECTIONCREATE)                                                          \
    F(WdfCollectionGetCount, PFN_WDFCOLLECTIONGETCOUNT)                                                      \
    F(WdfCollectionAdd, PFN_WDFCOLLECTIONADD)                                                                \
    F(WdfCollectionRemove, PFN_WDFCOLLECTIONREMOVE)                                                          \
    F(WdfCollectionRemoveItem, PFN_WDFCOLLECTIONREMOVEITEM)                                                  \
    F(WdfCollectionGetItem, PFN_WDFCOLLECTIONGETITEM)                                                        \
    F(WdfCollectionGetFirstItem, PFN_WDFCOLLECTIONGETFIRSTITEM)                                              \
    F(WdfCollectionGetLastItem, PFN_WDFCOLLECTIONGETLASTITEM)                                                \
    F(WdfStringCreate, PFN_WDFSTRINGCREATE)                                                                  \
    F(WdfStringGetUnicodeString, PFN_WDFSTRINGGETUNICODESTRING)                                              \
    /* verifier */                                                                                           \
    F(WdfRequestProbeAndLockUserBufferForRead, PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORREAD)                  \
    F(WdfRequestProbeAndLockUserBufferForWrite, PFN_WDFREQUESTPROBEANDLOCKUSERBUFFERFORWRITE)                \
    F(WdfVerifierDbgBreakPoint, PFN_WDFVERIFIERDBGBREAKPOINT)                                                \
    F(WdfVerifierKeBugCheck, PFN_WDFVERIFIERKEBUGCHECK)

#define FX_NAMED_ONLY(F)                                                                                     \
    F(WdfDeviceInitSetPnpPowerEventCallbacks)                                                                \
    F(WdfDeviceInitAssignWdmIrpPreprocessCallback)                                                           \
    F(WdfDeviceCreateDeviceInterface)                                                                        \
    F(WdfDeviceSetDeviceInterfaceState)                                                                      \
    F(WdfDriverOpenParametersRegistryKey)                                                                    \
    F(WdfDriverMiniportUnload)                                                                               \
    F(WdfRegistryClose)                                                                                      \
    F(WdfRegistryQueryULong)                                                                                 \
    F(WdfRequestStopAcknowledge)                                                                             \
    F(WdfGetTriageInfo)

#define FX_DECLARE_FUNCTION(Name, Pfn) extern __typeof__(*(Pfn)NULL) imp_##Name;
FX_FUNCTIONS(FX_DECLARE_FUNCTION)
#undef FX_DECLARE_FUNCTION

#endif
